use std::ops::ControlFlow;

use super::*;
use crate::data::{Rows, Set, TabularSet};
use crate::evaluate::table::{Table, go_on, interrupted};
use crate::kernels::Cpu;
use crate::model::Plan;
use crate::recipe::{DataIdentity, DataSet, DataSettings, Part, Schedule};

fn settings() -> EndToEnd {
    EndToEnd {
        epochs: 6,
        batch: 32,
        base_rate: 0.4,
        momentum: 0.9,
        weight_decay: 1e-4,
        schedule: Schedule::Cosine,
        warmup_epochs: 1,
        measure_from: 4,
        views: None,
    }
}

fn set() -> Set {
    let table = Table::drawn(300, 2500, 12, 3);
    Set::Table(TabularSet {
        identity: DataIdentity { settings: DataSettings::of(DataSet::Covtype, Part::Embedded), digest: String::new() },
        blocks: vec![8, 4],
        continuous: 8,
        classes: 3,
        train: Rows { inputs: table.train, labels: table.train_labels },
        validation: 200..300,
        test: Rows { inputs: table.test, labels: table.test_labels },
        published_rows: (300, 2500),
    })
}

fn inputs(set: &Set) -> Inputs<'_> {
    Inputs::new(set, None, 0, 1).unwrap()
}

fn network(threads: usize, seed: u64) -> Network<Cpu> {
    Network::new(Cpu::new(threads), Plan::mlp(&[8, 4], 1).with_classifier(3), seed)
}

#[test]
fn training_learns_and_gives_the_same_on_any_number_of_threads() {
    let set = set();
    let run = |threads| {
        evaluate(&settings(), Start::Random, 1, &inputs(&set), &mut network(threads, 1), Means::threads(1), &mut go_on)
            .unwrap()
    };
    let outcome = run(1);
    assert_eq!(outcome, run(2));
    let (last, best) = (outcome.readings["supervised/last"], outcome.readings["supervised/best"]);
    assert!(last > 45.0 && best >= last, "{outcome:?}");
    assert_eq!(outcome.readings.len(), 2);
    assert_eq!(outcome.details["training rows"], 288);
    assert_eq!(outcome.lines.len(), 6);
    assert!(outcome.lines[2].get("test").is_none() && outcome.lines[3].get("test").is_some());
    assert!(outcome.lines[5]["loss"].as_f64() < outcome.lines[0]["loss"].as_f64());
}

#[test]
fn a_fine_tune_goes_on_from_the_weights_it_is_given() {
    let set = set();
    let mut network = network(1, 1);
    let mut once = settings();
    once.epochs = 4;
    let first = evaluate(&once, Start::Random, 1, &inputs(&set), &mut network, Means::threads(1), &mut go_on).unwrap();
    let second =
        evaluate(&once, Start::Encoder, 1, &inputs(&set), &mut network, Means::threads(1), &mut go_on).unwrap();
    assert!(second.readings.contains_key("fine-tune/last") && second.readings.contains_key("fine-tune/best"));
    assert!(second.lines[0]["loss"].as_f64() < first.lines[0]["loss"].as_f64());
}

#[test]
fn what_cannot_be_trained_is_refused_by_name() {
    let set = set();
    let run = |change: &dyn Fn(&mut EndToEnd)| {
        let mut settings = settings();
        change(&mut settings);
        evaluate(&settings, Start::Random, 0, &inputs(&set), &mut network(1, 0), Means::threads(1), &mut go_on)
            .unwrap_err()
    };
    let error = run(&|settings| settings.batch = 301);
    assert_eq!(error.to_string(), "batch of supervised: expected 2 to 300 rows, found 301");
    let error = run(&|settings| settings.measure_from = 7);
    assert_eq!(error.to_string(), "measure_from of supervised: expected an epoch in 1..=6, found 7");
    let error = run(&|settings| settings.base_rate = 1e30);
    assert!(matches!(error, EvaluateError::LossNotFinite { epoch: 1, .. }), "{error}");
    let mut other = Network::new(Cpu::new(1), Plan::mlp(&[8, 4], 1).with_classifier(4), 0);
    let error =
        evaluate(&settings(), Start::Random, 0, &inputs(&set), &mut other, Means::threads(1), &mut go_on).unwrap_err();
    assert_eq!(error.to_string(), "outputs of supervised's network: expected 3, found 4");
}

#[test]
fn training_stops_at_the_next_step() {
    let (mut steps, set) = (0, set());
    let mut progress = |_| {
        steps += 1;
        if steps == 3 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    let stopped =
        evaluate(&settings(), Start::Random, 0, &inputs(&set), &mut network(1, 0), Means::threads(1), &mut progress);
    assert!(matches!(stopped, Err(EvaluateError::Stopped)));
    assert_eq!(steps, 3);
}

#[test]
fn interrupted_training_ends_as_uninterrupted_training() {
    let set = set();
    let run = |means: Means, progress: &mut OnProgress| {
        evaluate(&settings(), Start::Random, 1, &inputs(&set), &mut network(1, 1), means, progress)
    };
    let whole = run(Means::threads(1), &mut go_on).unwrap();
    // An epoch reports each of its 9 steps and, from the fourth on, its test.
    for reports in [13, 20] {
        let (outcome, starts) = interrupted(reports, run);
        assert_eq!(outcome, whole, "stopped after {reports} reports");
        assert!(starts > 1, "never stopped");
    }
}
