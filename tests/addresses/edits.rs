//! Edits of an experiment file: which of them change an address, and which do not.

use std::collections::BTreeSet;

use imix_repro::experiment::{Cell, CellData, Experiment, Filter, Origin, Scale};
use imix_repro::recipe::{DataIdentity, DataSet, DataSettings, Part, Standardise};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

const TABLE1: &str = include_str!("../../experiments/table1.json");

fn data(digest: &str) -> CellData {
    let settings =
        DataSettings { standardise: Some(Standardise::AllRows), ..DataSettings::of(DataSet::Covtype, Part::Full) };
    let identity = DataIdentity { settings, digest: digest.to_owned() };
    CellData { pretext: identity.clone(), read_out: identity }
}

fn document() -> Value {
    serde_json::from_str(TABLE1).expect("JSON")
}

fn covtype(document: &Value) -> Vec<Cell> {
    let experiment =
        Experiment::parse(document.to_string().as_bytes(), "test.json", Origin::Embedded).expect("a good file");
    experiment.cells(Scale::Short, &"dataset=covtype".parse::<Filter>().expect("a filter")).expect("cells")
}

/// Addresses of the pretext run and of each evaluation of a cell's first trial.
fn addresses(cell: &Cell) -> Vec<String> {
    let trial = cell.trial(0, &data("00ff"));
    let pretext = trial.pretext.iter().map(|recipe| recipe.address().to_string());
    pretext.chain(trial.evaluations.iter().map(|recipe| recipe.address().to_string())).collect()
}

fn all(document: &Value) -> Vec<(String, Vec<String>)> {
    let mut found: Vec<_> = covtype(document).iter().map(|cell| (cell.name(), addresses(cell))).collect();
    found.sort();
    found
}

/// Keys of every object but those of `axes`, whose order is part of the experiment, in another order.
fn shuffled(value: &Value, turn: usize, in_axes: usize) -> Value {
    match value {
        Value::Object(map) => {
            let mut entries: Vec<(String, Value)> = map
                .iter()
                .map(|(key, value)| {
                    let inside = if key == "axes" { 2 } else { in_axes.saturating_sub(1) };
                    (key.clone(), shuffled(value, turn, inside))
                })
                .collect();
            if in_axes == 0 && !entries.is_empty() {
                let middle = turn % entries.len();
                entries.rotate_left(middle);
            }
            Value::Object(entries.into_iter().collect::<Map<_, _>>())
        }
        Value::Array(items) => Value::Array(items.iter().map(|item| shuffled(item, turn, 0)).collect()),
        other => other.clone(),
    }
}

#[test]
fn different_cells_and_seeds_have_different_addresses() {
    let mut seen = BTreeSet::new();
    for cell in covtype(&document()) {
        for seed in 0..5 {
            let trial = cell.trial(seed, &data("00ff"));
            assert!(seen.insert(trial.pretext.expect("an encoder").address()), "{} {seed}", cell.name());
            assert_eq!(trial.evaluations.len(), 2);
            for recipe in trial.evaluations {
                assert!(seen.insert(recipe.address()), "{} {seed}", cell.name());
            }
        }
    }
    assert_eq!(seen.len(), 6 * 5 * 3);
}

#[test]
fn other_content_of_the_data_is_another_address() {
    let cells = covtype(&document());
    let (ours, theirs) = (cells[0].trial(0, &data("00ff")), cells[0].trial(0, &data("00fe")));
    assert_ne!(ours.pretext.expect("an encoder").address(), theirs.pretext.expect("an encoder").address());
}

#[test]
fn what_only_the_report_reads_changes_no_address() {
    let mut edited = document();
    edited["title"] = json!("Another title");
    edited["cost"] = json!("more");
    edited["trials"] = json!(7);
    edited["axes"]["dataset"]["covtype"]["label"] = json!("Forest");
    edited["report"]["readings"] = json!([]);
    edited["claims"] = json!([]);
    // The same settings in other words.
    edited["axes"]["dataset"]["covtype"]["set"]["pretext"] =
        json!({ "batch": 512, "temperature": 0.1, "precision": "f32" });
    edited["format"] = json!(1);
    edited["expected"] = json!("nothing");
    edited["margin"] = json!(2.5);
    edited["axes"]["method"]["npair"]["labels"] = json!({ "demo": "N pairs", "short": "N pairs" });
    edited["report"]["kind"] = json!("bars");
    edited["$schema"] = json!("elsewhere/schema.json");
    assert_eq!(all(&document()), all(&edited));
}

/// Addresses by the text of the file.
fn of_text(text: &str, name: &str, origin: Origin) -> Vec<(String, Vec<String>)> {
    let experiment = Experiment::parse(text.as_bytes(), name, origin).expect("a good file");
    let cells = experiment.cells(Scale::Short, &"dataset=covtype".parse::<Filter>().expect("a filter"));
    let mut found: Vec<_> = cells.expect("cells").iter().map(|cell| (cell.name(), addresses(cell))).collect();
    found.sort();
    found
}

#[test]
fn where_the_file_lies_and_how_it_is_laid_out_change_no_address() {
    let before = all(&document());
    let pretty = format!("\r\n{:#}\n\n", document()).replace('\n', "\r\n\t ");
    for (text, name) in [(TABLE1, "a.json"), (&document().to_string(), "/b/c.json"), (&pretty, "ü/x y.json")] {
        assert_eq!(of_text(text, name, Origin::File(name.into())), before, "{name}");
    }
}

#[test]
fn comments_are_no_part_of_the_format() {
    for comment in ["// by hand", "/* by hand */", "# by hand"] {
        let text = TABLE1.replacen('{', &format!("{{ {comment}\n"), 1);
        assert!(Experiment::parse(text.as_bytes(), "test.json", Origin::Embedded).is_err(), "{comment}");
    }
}

#[test]
fn the_spelling_of_a_number_changes_no_address() {
    let before = all(&document());
    let other_spellings = [
        ("\"base_rate\": 0.125", &["0.1250", "1.25e-1", "12.5E-2", "0.125e0", "125e-3"][..]),
        ("\"weight_decay\": 0.0001", &["1e-4", "1E-4", "0.00010", "0.1e-3", "0.000100000000000000000000001"]),
        ("\"momentum\": 0.9", &["9e-1", "0.90", "0.9000000000000000222"]),
        ("\"weight_decay\": 0,", &["0.0,", "0e5,", "0.0e-3,"]),
        ("\"rates\": [1, 3,", &["[1.0, 3e0,", "[10e-1, 0.3e1,"]),
    ];
    for (written, others) in other_spellings {
        let (key, _) = written.split_once(": ").expect("a key");
        for other in others {
            assert!(TABLE1.contains(written), "{written}");
            let text = TABLE1.replace(written, &format!("{key}: {other}"));
            assert_ne!(text, TABLE1);
            assert_eq!(of_text(&text, "test.json", Origin::Embedded), before, "{written} as {other}");
        }
    }
    // One step of the last place is another number.
    let text = TABLE1.replace("\"base_rate\": 0.125", "\"base_rate\": 0.12500000000000003");
    assert!(of_text(&text, "test.json", Origin::Embedded).iter().zip(&before).all(|(new, old)| new.1[0] != old.1[0]));
}

/// Settings of one cell, and whether they are the encoder's too or the linear evaluation's alone.
fn edits() -> impl Strategy<Value = (String, Value, bool)> {
    let number = |path: &'static str, encoder: bool| {
        (1..90u32).prop_map(move |n| (path.to_owned(), json!(f64::from(n) / 1000.0 + 0.0005), encoder))
    };
    prop_oneof![
        number("pretext.base_rate", true),
        number("pretext.momentum", true),
        number("pretext.weight_decay", true),
        number("pretext.temperature", true),
        number("pretext.mix.alpha", true),
        number("pretext.key_momentum", true),
        (1..6u32).prop_map(|n| ("pretext.mix.layers".to_owned(), json!([0, n]), true)),
        number("views.mask", true),
        (51..500u32).prop_map(|n| ("pretext.epochs".to_owned(), json!(n), true)),
        (9..64u32).prop_map(|n| ("network.width".to_owned(), json!(n), true)),
        (1..128u32).prop_map(|n| ("pretext.embedding".to_owned(), json!(n), true)),
        (9..20u32).prop_map(|n| ("pretext.queue".to_owned(), json!(n * 512), true)),
        Just(("pretext.head".to_owned(), json!("mlp"), true)),
        Just(("pretext.precision".to_owned(), json!("bf16"), true)),
        Just(("pretext.shuffle_bn".to_owned(), json!(false), true)),
        Just(("pretext.schedule".to_owned(), json!({ "kind": "step", "at": [3], "factor": 0.5 }), true)),
        Just(("pretext.input_mix".to_owned(), json!({ "auxiliaries": 2, "alpha": 1 }), true)),
        number("evaluation.linear.momentum", false),
        number("evaluation.linear.weight_decay", false),
        (1..80u32).prop_map(|n| ("evaluation.linear.measure_from".to_owned(), json!(n), false)),
        Just(("evaluation.linear.rates".to_owned(), json!([1, 3, 5, 10, 30, 50]), false)),
        Just(("evaluation.linear.validation".to_owned(), json!(false), false)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_order_of_keys_changes_no_address(turn in 1..12usize) {
        prop_assert_eq!(all(&document()), all(&shuffled(&document(), turn, 0)));
    }

    #[test]
    fn an_edit_changes_the_addresses_that_depend_on_it_and_no_others((path, value, encoder) in edits()) {
        let before = all(&document());
        let mut edited = document();
        let rule = json!({
            "when": { "dataset": "covtype", "method": "moco", "imix": "on" },
            "set": Map::from_iter([(path.clone(), value)]),
        });
        edited["scales"]["short"]["where"].as_array_mut().expect("rules").push(rule);
        edited["report"]["reading"] = json!("linear/last/test-rate");
        for ((name, old), (_, new)) in before.iter().zip(all(&edited)) {
            // The pretext run, then the linear and the pseudo-inverse evaluation of its encoder.
            let changed: Vec<bool> = old.iter().zip(&new).map(|(old, new)| old != new).collect();
            let expected = match (name.as_str(), encoder) {
                ("dataset=covtype,method=moco,imix=on", true) => [true; 3],
                ("dataset=covtype,method=moco,imix=on", false) => [false, true, false],
                _ => [false; 3],
            };
            prop_assert_eq!(changed, expected, "{} of {}", path, name);
        }
    }
}
