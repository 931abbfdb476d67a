//! The experiment files that are part of the program.

use std::path::Path;

use imix_repro::experiment::{Experiment, Filter, Scale, schema};
use imix_repro::paper::Confidence;
use imix_repro::recipe::{Contrast, DataSet, Domain, Head, Method, Network, Operator, Part, Schedule, Views};

fn table1() -> Experiment {
    Experiment::load("table1").expect("it is embedded")
}

/// To write the schema anew after a change of the types: `UPDATE_SCHEMA=1 cargo test --release --test experiment_files`.
#[test]
fn the_committed_schema_is_that_of_the_types() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("experiments/schema.json");
    let mut text = serde_json::to_string_pretty(&schema()).expect("plain data");
    text.push('\n');
    if std::env::var_os("UPDATE_SCHEMA").is_some() {
        std::fs::write(&path, &text).expect("the folder of the checkout can be written to");
    }
    let committed = std::fs::read_to_string(&path).expect("experiments/schema.json is committed");
    assert!(committed == text, "experiments/schema.json is out of date: see this test for how to write it anew");
}

#[test]
fn table1_has_each_of_its_cells_once_at_every_scale() {
    // Spoken digits are at the short scale alone: the paper has none.
    for (scale, count) in [(Scale::Demo, 24), (Scale::Short, 36), (Scale::Paper, 24)] {
        let cells = table1().cells(scale, &Filter::default()).expect("cells");
        let mut names: Vec<String> = cells.iter().map(|cell| cell.name()).collect();
        assert_eq!(names.len(), count);
        names.sort();
        names.dedup();
        assert_eq!(names.len(), count);
        assert_eq!(cells[0].name(), "dataset=cifar10,method=npair,imix=off");
        assert_eq!(cells[count - 1].name(), "dataset=covtype,method=byol,imix=on");
    }
}

/// A row of the protocol: data, method, i-Mix, epochs, temperature, head, predictor, alpha, mask.
type Row = (DataSet, Method, bool, usize, Option<f64>, Head, Option<Head>, f64, Option<f64>);

#[rustfmt::skip]
fn protocol() -> Vec<Row> {
    use DataSet::{Cifar10, Cifar100, Covtype, SpeechCommands};
    use Head::{Mlpbn, Mlpbn1};
    use Method::{Byol, Moco, Npair};
    vec![
        (Cifar10,  Npair, false, 2000, Some(0.2), Mlpbn,  None, 0.0, None),
        (Cifar10,  Npair, true,  4000, Some(0.2), Mlpbn,  None, 1.0, None),
        (Cifar10,  Moco,  false, 1000, Some(0.2), Mlpbn1, None, 0.0, None),
        (Cifar10,  Moco,  true,  4000, Some(0.2), Mlpbn1, None, 1.0, None),
        (Cifar10,  Byol,  false, 1000, None, Mlpbn1, Some(Mlpbn1), 0.0, None),
        (Cifar10,  Byol,  true,  2000, None, Mlpbn1, Some(Mlpbn1), 1.0, None),
        (Cifar100, Npair, false, 4000, Some(0.2), Mlpbn,  None, 0.0, None),
        (Cifar100, Npair, true,  2000, Some(0.2), Mlpbn,  None, 1.0, None),
        (Cifar100, Moco,  false, 1000, Some(0.2), Mlpbn1, None, 0.0, None),
        (Cifar100, Moco,  true,  2000, Some(0.2), Mlpbn1, None, 1.0, None),
        (Cifar100, Byol,  false, 1000, None, Mlpbn1, Some(Mlpbn1), 0.0, None),
        (Cifar100, Byol,  true,  4000, None, Mlpbn1, Some(Mlpbn1), 1.0, None),
        (SpeechCommands, Npair, false, 500, Some(0.5), Mlpbn, None, 0.0, None),
        (SpeechCommands, Npair, true,  500, Some(0.5), Mlpbn, None, 1.0, None),
        (SpeechCommands, Moco,  false, 500, Some(0.5), Mlpbn, None, 0.0, None),
        (SpeechCommands, Moco,  true,  500, Some(0.5), Mlpbn, None, 1.0, None),
        (SpeechCommands, Byol,  false, 500, None, Mlpbn, Some(Mlpbn1), 0.0, None),
        (SpeechCommands, Byol,  true,  500, None, Mlpbn, Some(Mlpbn1), 1.0, None),
        (Covtype, Npair, false, 500, Some(0.1), Mlpbn, None, 0.0, Some(0.2)),
        (Covtype, Npair, true,  500, Some(0.1), Mlpbn, None, 2.0, Some(0.2)),
        (Covtype, Moco,  false, 500, Some(0.1), Mlpbn, None, 0.0, Some(0.2)),
        (Covtype, Moco,  true,  500, Some(0.1), Mlpbn, None, 2.0, Some(0.0)),
        (Covtype, Byol,  false, 500, None, Mlpbn, Some(Mlpbn), 0.0, Some(0.2)),
        (Covtype, Byol,  true,  500, None, Mlpbn, Some(Mlpbn), 2.0, Some(0.0)),
    ]
}

#[test]
fn table1_has_the_published_settings_of_each_cell() {
    let cells = table1().cells(Scale::Paper, &Filter::default()).expect("cells");
    for (cell, row) in cells.iter().zip(protocol()) {
        let (set, method, imix, epochs, temperature, head, predictor, alpha, mask) = row;
        let (name, settings, pretext) = (cell.name(), &cell.settings, &cell.settings.pretext);
        assert_eq!((settings.data.set, pretext.method), (set, method), "{name}");
        assert_eq!((pretext.epochs, pretext.temperature), (epochs, temperature), "{name}");
        assert_eq!((pretext.head, pretext.predictor), (head, predictor), "{name}");
        let operator = if imix { Operator::Mixup } else { Operator::None };
        assert_eq!((pretext.mix.operator, pretext.mix.alpha), (operator, alpha), "{name}");
        if let Some(mask) = mask {
            assert_eq!(settings.views, Views::Tabular { mask }, "{name}");
        }

        let tabular = set.domain() == Domain::Tabular;
        assert_eq!((pretext.batch, pretext.replicas), if tabular { (512, 1) } else { (256, 2) }, "{name}");
        assert_eq!((pretext.base_rate, pretext.momentum, pretext.weight_decay), (0.125, 0.9, 1e-4), "{name}");
        assert_eq!(pretext.warmup_epochs, if epochs > 500 { 10 } else { 5 }, "{name}");
        let speech = Schedule::Step { at: vec![300, 400], factor: 0.1 };
        assert_eq!(pretext.schedule, if set.domain() == Domain::Speech { speech } else { Schedule::Cosine }, "{name}");
        let contrast = if imix { Contrast::NPlusK } else { Contrast::OnePlusK };
        assert_eq!(pretext.contrast, (method == Method::Moco).then_some(contrast), "{name}");
        assert_eq!(pretext.queue, (method == Method::Moco).then_some(4096), "{name}");
        assert_eq!(pretext.key_momentum, (method != Method::Npair).then_some(0.999), "{name}");
        assert_eq!(pretext.shuffle_bn, (method != Method::Npair).then_some(true), "{name}");
        assert_eq!((pretext.embedding, &pretext.input_mix), (128, &None), "{name}");

        match &settings.network {
            Network::Mlp { width } => assert!(tabular && *width == 64, "{name}"),
            Network::Resnet { depth, width, input_channels, .. } => {
                let channels = if set.domain() == Domain::Images { 3 } else { 1 };
                assert_eq!((*depth, *width, *input_channels), (50, 64, channels), "{name}");
            }
        }
        let linear = settings.evaluation.linear.as_ref().expect("every cell is evaluated linearly");
        assert_eq!(linear.rates, [1.0, 3.0, 5.0, 10.0, 30.0, 50.0, 70.0], "{name}");
        assert_eq!((linear.epochs, linear.measure_from), (100, 81), "{name}");
        assert_eq!((linear.batch, linear.validation), if tabular { (512, true) } else { (256, false) }, "{name}");
        assert_eq!(linear.schedule, Schedule::Step { at: vec![80, 90, 95], factor: 0.2 }, "{name}");
        assert_eq!(settings.evaluation.pinv.is_some(), tabular, "{name}");
        assert_eq!((settings.data.part, cell.trials), (Part::Full, 5), "{name}");
    }
}

#[test]
fn the_short_scale_of_covtype_changes_width_and_epochs_only() {
    let filter: Filter = "dataset=covtype".parse().expect("a filter");
    let cells = table1().cells(Scale::Short, &filter).expect("cells");
    assert_eq!(cells.len(), 6);
    for cell in cells {
        assert_eq!(cell.settings.network, Network::Mlp { width: 8 });
        assert_eq!((cell.settings.pretext.epochs, cell.settings.pretext.warmup_epochs, cell.trials), (50, 5, 5));
        let changed: Vec<&str> = cell.deviations.iter().map(|deviation| deviation.what.as_str()).collect();
        let standing = ["classifier-rate", "evaluation.pinv.precision"];
        assert_eq!(changed, [&["network.width", "pretext.epochs"], &standing[..]].concat(), "{}", cell.name());
    }
}

#[test]
fn deviations_give_both_values() {
    let filter: Filter = "dataset=cifar10,method=moco,imix=on".parse().expect("a filter");
    let cells = table1().cells(Scale::Short, &filter).expect("cells");
    let of = |what: &str| cells[0].deviations.iter().find(|deviation| deviation.what == what).expect("a deviation");
    assert_eq!((of("pretext.epochs").published.as_str(), of("pretext.epochs").ours.as_str()), ("4000", "60"));
    assert_eq!(of("replicas").published, "2 GPUs");
    let published = table1().cells(Scale::Paper, &filter).expect("cells");
    let standing: Vec<&str> = published[0].deviations.iter().map(|deviation| deviation.what.as_str()).collect();
    assert_eq!(standing, ["classifier-rate", "replicas"]);
}

#[test]
fn the_demo_runs_on_embedded_data() {
    for cell in table1().cells(Scale::Demo, &Filter::default()).expect("cells") {
        assert_eq!((cell.settings.data.part, cell.trials), (Part::Embedded, 2));
    }
}

#[test]
fn every_cell_stands_beside_a_number_of_the_paper() {
    let experiment = table1();
    let cells = experiment.cells(Scale::Paper, &Filter::default()).expect("cells");
    let means: Vec<f64> = cells.iter().filter_map(|cell| experiment.paper(cell)?.mean).collect();
    assert_eq!(means[..6], [93.3, 95.6, 93.5, 96.1, 94.2, 96.3]);
    assert_eq!(means[18..], [68.5, 72.1, 70.5, 73.1, 72.1, 74.1]);
    let confirmed = cells.iter().filter_map(|cell| experiment.paper(cell));
    assert_eq!(confirmed.filter(|number| number.confidence == Confidence::Confirmed).count(), 8);
    assert_eq!(experiment.title_of(&cells[21], Scale::Paper), "CovType, MoCo v2, + i-Mix");
}

#[test]
fn the_claim_is_stated_for_each_data_set_and_method() {
    let claims = table1().claims();
    assert_eq!(claims.len(), 18);
    let records: serde_json::Value =
        serde_json::from_str(include_str!("../src/paper/imix_results.json")).expect("JSON");
    assert_eq!(records["claims_quoted_from_memory"][0]["text"], claims[0].text.as_str());
    for claim in &claims {
        assert_eq!(claim.id, "everywhere");
        assert_eq!((claim.group.len(), claim.greater.len(), claim.than.len()), (2, 3, 3));
        assert_eq!(claim.greater[..2], claim.than[..2]);
        assert_eq!((claim.greater[2].1.as_str(), claim.than[2].1.as_str()), ("on", "off"));
    }
    assert_eq!(claims[17].group[0], ("dataset".to_owned(), "covtype".to_owned()));
}
