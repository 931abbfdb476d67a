use std::ops::ControlFlow;

use serde::Deserialize;

use super::*;
use crate::evaluate::pool;
use crate::evaluate::table::{Source, Table, go_on, interrupted};
use crate::recipe::Schedule;

fn settings(rates: &[f64]) -> Linear {
    Linear {
        epochs: 4,
        batch: 37,
        rates: rates.to_vec(),
        momentum: 0.9,
        weight_decay: 0.001,
        schedule: Schedule::Step { at: vec![2], factor: 0.2 },
        measure_from: 3,
        validation: true,
        views: None,
    }
}

fn features_of(width: usize, values: &[f32]) -> Features {
    let mut features = Features::with_capacity(values.len() / width, width);
    features.extend(values);
    features
}

fn assert_close(found: &[f32], expected: &[f32], what: &str) {
    assert_eq!(found.len(), expected.len(), "{what}");
    for (found, expected) in found.iter().zip(expected) {
        assert!((found - expected).abs() <= 1e-4 * (1.0 + expected.abs()), "{what}: {found} for {expected}");
    }
}

#[derive(Deserialize)]
struct Fixture {
    settings: Linear,
    width: usize,
    classes: usize,
    features: Vec<f32>,
    labels: Vec<u32>,
    test_features: Vec<f32>,
    test_labels: Vec<u32>,
    initial: Vec<f32>,
    orders: Vec<Vec<u32>>,
    runs: Vec<FixtureRun>,
}

#[derive(Deserialize)]
struct FixtureRun {
    losses: Vec<f32>,
    accuracies: Vec<f64>,
    weights: Vec<f32>,
    bias: Vec<f32>,
}

#[test]
fn two_rates_side_by_side_are_two_runs_of_pytorch() {
    let fixture: Fixture =
        serde_json::from_str(include_str!("../../../tests/fixtures/linear.json")).expect("a readable fixture");
    let (width, classes) = (fixture.width, fixture.classes);
    let mut lesson = Lesson {
        settings: &fixture.settings,
        rows: TrainingRows::Kept(features_of(width, &fixture.features)),
        labels: &fixture.labels,
        classes,
        initial: &fixture.initial,
        pool: &pool(2).unwrap(),
    };
    let course = lesson
        .train(fixture.labels.len(), |epoch| fixture.orders[epoch].clone(), None, |_| Ok(()), |_, _, _| Ok(()))
        .unwrap();
    let mut measure = Measure::new(&course.snapshots, classes, width);
    measure.add(&fixture.test_features, width, &fixture.test_labels);
    let accuracies = measure.accuracies(course.snapshots.len());
    let last = course.snapshots.last().unwrap();
    for (rate, run) in fixture.runs.iter().enumerate() {
        let losses: Vec<f32> = course.losses.iter().map(|epoch| epoch[rate] as f32).collect();
        assert_close(&losses, &run.losses, "losses");
        let weights = classes * width;
        assert_close(&last.weights[rate * weights..][..weights], &run.weights, "weights");
        assert_close(&last.bias[rate * classes..][..classes], &run.bias, "bias");
        let accuracies: Vec<f64> = accuracies.iter().map(|epoch| epoch[rate]).collect();
        assert_eq!(accuracies, run.accuracies);
    }
}

#[test]
fn a_rate_gets_the_same_bits_alone_and_among_others() {
    let table = Table::drawn(200, 1, 130, 5);
    let initial = initial_weights(3, 5 * 130);
    let train = |rates: &[f64], threads: usize| {
        let mut lesson = Lesson {
            settings: &settings(rates),
            rows: TrainingRows::Kept(features_of(130, &table.train)),
            labels: &table.train_labels,
            classes: 5,
            initial: &initial,
            pool: &pool(threads).unwrap(),
        };
        let order = |epoch| permutation(200, Key::new(0, Purpose::EvaluationShuffle).epoch(epoch));
        lesson.train(200, order, None, |_| Ok(()), |_, _, _| Ok(())).unwrap()
    };
    let rates = [0.1, 0.5, 2.0, 10.0];
    let together = train(&rates, 3);
    for (index, rate) in rates.iter().enumerate() {
        let alone = train(&[*rate], 1);
        for (together, alone) in together.snapshots.iter().zip(&alone.snapshots) {
            assert_eq!(together.weights[index * 5 * 130..][..5 * 130], alone.weights);
            assert_eq!(together.bias[index * 5..][..5], alone.bias);
        }
        for (together, alone) in together.losses.iter().zip(&alone.losses) {
            assert_eq!(together[index], alone[0]);
        }
    }
}

#[test]
fn the_gradient_is_that_of_the_mean_cross_entropy() {
    let (width, classes, rows) = (9, 4, 11);
    let table = Table::drawn(rows, 1, width, classes);
    let weights: Vec<f32> = initial_weights(1, classes * width).iter().map(|weight| 50.0 * weight).collect();
    let features = features_of(width, &table.train);
    let mut classifiers = Classifiers::new(1, classes, width, &weights);
    let all: Vec<u32> = (0..rows as u32).collect();
    let batch = Batch { features: &features, rows: &all, labels: &table.train_labels };
    let mut losses = [0.0];
    classifiers.step(batch, Sgd { rates: &[1.0], momentum: 0.0, weight_decay: 0.0 }, &mut losses);

    let loss = |weights: &[f64], bias: &[f64]| -> f64 {
        let of_row = |(row, label): (&[f32], &u32)| {
            let logit = |class: usize| -> f64 {
                let weights = &weights[class * width..][..width];
                bias[class] + row.iter().zip(weights).map(|(value, weight)| f64::from(*value) * weight).sum::<f64>()
            };
            (0..classes).map(|class| logit(class).exp()).sum::<f64>().ln() - logit(*label as usize)
        };
        table.train.chunks_exact(width).zip(&table.train_labels).map(of_row).sum::<f64>() / rows as f64
    };
    let (weights, bias) = (weights.iter().map(|weight| f64::from(*weight)).collect::<Vec<f64>>(), vec![0.0; classes]);
    assert!((losses[0] / rows as f64 - loss(&weights, &bias)).abs() < 1e-5);
    let after = classifiers.snapshot();
    let difference = |values: &[f64], at: usize, loss: &dyn Fn(&[f64]) -> f64| {
        let moved = |by: f64| {
            let mut values = values.to_vec();
            values[at] += by;
            loss(&values)
        };
        (moved(1e-5) - moved(-1e-5)) / 2e-5
    };
    for (at, found) in after.weights.iter().enumerate() {
        let expected = difference(&weights, at, &|weights| loss(weights, &bias));
        assert!((weights[at] - f64::from(*found) - expected).abs() < 1e-5, "weight {at}");
    }
    for (at, found) in after.bias.iter().enumerate() {
        let expected = difference(&bias, at, &|bias| loss(&weights, bias));
        assert!((-f64::from(*found) - expected).abs() < 1e-5, "bias {at}");
    }
}

#[test]
fn an_evaluation_does_not_depend_on_threads_and_names_every_reading() {
    let table = Table::drawn(300, 3000, 40, 3);
    let evaluate = |threads| {
        let (labels, mut source) = table.parts(200..300);
        super::evaluate("linear", &settings(&[0.01, 1.0]), 5, &labels, &mut source, Means::threads(threads), &mut go_on)
            .unwrap()
    };
    let outcome = evaluate(1);
    assert_eq!(outcome, evaluate(3));
    let names: Vec<&str> = outcome.readings.keys().map(String::as_str).collect();
    assert_eq!(
        names,
        [
            "linear/best/rate-0.01",
            "linear/best/rate-1",
            "linear/best/test-rate",
            "linear/best/validation-rate",
            "linear/last/rate-0.01",
            "linear/last/rate-1",
            "linear/last/test-rate",
            "linear/last/validation-rate",
        ]
    );
    assert!(outcome.readings["linear/last/test-rate"] > 50.0, "{:?}", outcome.readings);
    assert_eq!(outcome.details["training rows"], 296);
    assert_eq!(outcome.details["choosing rows"], 185);
    assert_eq!(outcome.details["test rows"], 3000);
    assert_eq!(outcome.lines.len(), 4);
    assert!(outcome.lines[1].get("test").is_none());
    let chosen: Vec<&serde_json::Value> = outcome.lines.iter().filter_map(|line| line.get("validation")).collect();
    assert_eq!(chosen.len(), 2);
}

#[test]
fn each_rule_chooses_its_own_rate() {
    let test = [vec![60.0, 71.0, 50.0], vec![70.0, 65.0, 69.0]];
    let validation = [vec![99.0, 0.0, 0.0], vec![10.0, 20.0, 30.0]];
    let outcome = read_off("linear", &settings(&[0.1, 1.0, 10.0]), &test, Some(&validation));
    let expected = [
        ("linear/last/test-rate", 70.0, 0.1),
        ("linear/best/test-rate", 71.0, 1.0),
        ("linear/last/validation-rate", 69.0, 10.0),
        ("linear/best/validation-rate", 69.0, 10.0),
    ];
    for (reading, accuracy, rate) in expected {
        assert_eq!(outcome.readings[reading], accuracy, "{reading}");
        assert_eq!(outcome.details[&format!("rate of {reading}")], rate, "{reading}");
    }
    assert_eq!(outcome.details["best epochs"], json!([4, 3, 4]));
    let without = read_off("linear", &settings(&[0.1, 1.0, 10.0]), &test, None);
    assert!(!without.readings.contains_key("linear/last/validation-rate"));
}

#[test]
fn what_cannot_be_evaluated_is_refused_by_name() {
    let evaluate = |change: &dyn Fn(&mut Table, &mut Linear)| {
        let (mut table, mut settings) = (Table::drawn(100, 50, 8, 3), settings(&[1.0]));
        change(&mut table, &mut settings);
        let (labels, mut source) = table.parts(80..100);
        super::evaluate("linear", &settings, 0, &labels, &mut source, Means::threads(1), &mut go_on).unwrap_err()
    };
    let error = evaluate(&|table, _| table.train[3 * 8 + 2] = f32::NAN);
    assert!(matches!(error, EvaluateError::NotFinite { split: Split::Train, row: 3, feature: 2, .. }), "{error}");
    let error = evaluate(&|table, _| table.test[49 * 8] = f32::INFINITY);
    assert!(matches!(error, EvaluateError::NotFinite { split: Split::Test, row: 49, feature: 0, .. }), "{error}");
    let error = evaluate(&|_, settings| settings.rates = vec![1.0, 1e38]);
    assert!(matches!(error, EvaluateError::Diverged { rate: 1e38, .. }), "{error}");
    let error = evaluate(&|_, settings| settings.batch = 90);
    assert!(error.to_string().starts_with("batch of the linear evaluation: expected 1 to 80 rows"), "{error}");
    let error = evaluate(&|table, _| table.test_labels[7] = 3);
    assert_eq!(error.to_string(), "label of test row 7: expected less than 3, found 3");
    for measure_from in [0, 5] {
        let error = evaluate(&|_, settings| settings.measure_from = measure_from);
        assert!(error.to_string().contains("expected an epoch in 1..=4"), "{error}");
    }
}

#[test]
fn an_evaluation_stops_when_told_to() {
    let table = Table::drawn(100, 50, 8, 3);
    for stop_at in [Stage::Training, Stage::Choosing, Stage::Testing] {
        let (labels, mut source) = table.parts(80..100);
        let mut progress = |progress: crate::evaluate::Progress| {
            if progress.stage == stop_at { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        };
        let stopped =
            super::evaluate("linear", &settings(&[1.0]), 0, &labels, &mut source, Means::threads(1), &mut progress);
        assert!(matches!(stopped, Err(EvaluateError::Stopped)), "{stop_at:?}");
    }
}

#[test]
fn an_interrupted_evaluation_ends_as_an_uninterrupted_one() {
    let table = Table::drawn(100, 50, 8, 3);
    let settings = settings(&[0.1, 1.0]);
    for augmented in [false, true] {
        let whole = {
            let (labels, _) = table.parts(80..100);
            let source = &mut Source(&table, augmented);
            evaluate("linear", &settings, 0, &labels, source, Means::threads(1), &mut go_on).unwrap()
        };
        // Reports come after each epoch, and after each of two batches of an augmented one.
        for reports in [2, 3, 5] {
            let (outcome, starts) = interrupted(reports, |means, progress| {
                let (labels, _) = table.parts(80..100);
                evaluate("linear", &settings, 0, &labels, &mut Source(&table, augmented), means, progress)
            });
            assert_eq!(outcome, whole, "stopped after {reports} reports");
            assert!(starts > 1, "never stopped");
        }
    }
}

#[test]
fn augmented_rows_are_encoded_anew_and_rows_that_stay_give_the_same_either_way() {
    let table = Table::drawn(100, 50, 8, 3);
    let run = |source: &mut dyn FeatureSource| {
        let (labels, _) = table.parts(80..100);
        evaluate("linear", &settings(&[0.1, 1.0]), 0, &labels, source, Means::threads(2), &mut go_on).unwrap()
    };
    let kept = run(&mut Source(&table, false));
    assert_ne!(kept.lines, run(&mut Source(&table, true)).lines);

    /// Says that its rows change, which they do not.
    struct Same<'a>(Source<'a>);
    impl FeatureSource for Same<'_> {
        fn width(&self) -> usize {
            self.0.width()
        }

        fn features(&mut self, split: Split, rows: std::ops::Range<usize>) -> Result<Vec<f32>, EvaluateError> {
            self.0.features(split, rows)
        }

        fn at_a_time(&self) -> usize {
            self.0.at_a_time()
        }

        fn augmented(&self) -> bool {
            true
        }

        fn training(&mut self, rows: &[u32], epoch: usize) -> Result<Vec<f32>, EvaluateError> {
            self.0.training(rows, epoch)
        }
    }
    assert_eq!(kept, run(&mut Same(Source(&table, false))));
}
