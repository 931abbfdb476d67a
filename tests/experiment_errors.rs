//! What is said of an experiment file that is not as it should be.

use imix_repro::experiment::{Experiment, Filter, Origin, Scale};
use proptest::prelude::*;
use serde_json::{Value, json};

const TABLE1: &str = include_str!("../experiments/table1.json");

fn document() -> Value {
    serde_json::from_str(TABLE1).expect("JSON")
}

fn load(bytes: &[u8]) -> Result<Experiment, String> {
    Experiment::parse(bytes, "table1.json", Origin::Embedded).map_err(|error| error.to_string())
}

/// The message for Table 1 with the value at `pointer` replaced; a key that is not there is added.
fn with(pointer: &str, value: Value) -> String {
    let mut document = document();
    let (parent, key) = pointer.rsplit_once('/').expect("a pointer");
    match document.pointer_mut(parent).expect("a place in the file") {
        Value::Object(map) => drop(map.insert(key.replace("~1", "/"), value)),
        Value::Array(items) => items[key.parse::<usize>().expect("an index")] = value,
        other => panic!("{other} has no parts"),
    }
    load(document.to_string().as_bytes()).expect_err(pointer)
}

fn without(pointer: &str) -> String {
    let mut document = document();
    let (parent, key) = pointer.rsplit_once('/').expect("a pointer");
    document.pointer_mut(parent).and_then(Value::as_object_mut).expect("an object").shift_remove(key);
    load(document.to_string().as_bytes()).expect_err(pointer)
}

#[test]
fn a_mistake_is_named_with_its_place_and_what_was_meant() {
    let covtype = "/axes/dataset/covtype/set";
    let messages = [
        // Names of keys, at the top and inside overlays.
        with("/tilte", json!("x")),
        with("/recipe/pretxt", json!({})),
        with("/where/0/set/pretext.warmup_epoch", json!(10)),
        with("/where/0/set/pretxt.warmup_epochs", json!(10)),
        with("/recipe/pretext/mix", json!({ "alhpa": 2 })),
        with("/scales/demo/set/network", json!({ "depht": 18 })),
        with(&format!("{covtype}/views"), json!({ "kind": "tabular", "mask": 0.2, "probability": 1 })),
        without("/report"),
        // Values.
        with("/trials", json!("5")),
        with("/trials", json!(0)),
        with(&format!("{covtype}/data.set"), json!("covtpye")),
        with(&format!("{covtype}/network"), json!({ "kind": "mpl", "width": 64 })),
        with(&format!("{covtype}/pretext.epochs"), json!(500.5)),
        with(&format!("{covtype}/pretext.schedule"), json!({ "kind": "step", "at": [300, "x"], "factor": 0.1 })),
        with("/recipe/evaluation/linear/rates", json!(1)),
        with("/where/0/set/views/jitter", json!([0.4, 0.4])),
        with("/recipe/data/part", Value::Null),
        // Names of axes and values.
        with("/where/0/when/datset", json!("cifar10")),
        with("/where/0/when/dataset", json!(["cifar10", "cifar-100"])),
        with("/where/3/when/method", json!("n-pair")),
        with("/where/3/when/method", json!([])),
        with("/scales/short/only", json!({ "dataset": "covtyp" })),
        with("/axes/dataset/a~1b", json!({ "label": "x" })),
        with("/paper", json!("tabel1")),
        // The report and the claims.
        with("/report/rows", json!("data")),
        with("/report/columns", json!(["method"])),
        with(
            "/report",
            json!({
                "kind": "curves",
                "rows": ["dataset", "method"],
                "columns": ["imix"],
                "reading": "linear/last/test-rate"
            }),
        ),
        with("/report/kind", json!("pie")),
        with("/report/reading", json!("linear/last/test_rate")),
        with("/report/readings/0", json!("pinvs")),
        with("/claims/0/for", json!(["dataset", "methods"])),
        with("/claims/0/for", json!(["dataset"])),
        with("/claims/0/than", json!({ "imix": "no" })),
        with("/claims/0/than", json!({ "imix": "on" })),
        with("/claims/0/confidence", json!("sure")),
        with("/claims/0/reading", json!("frechet")),
        distance_in_the_table(),
    ];
    insta::assert_snapshot!(messages.join("\n"));
}

/// The table says that its numbers are accuracies.
fn distance_in_the_table() -> String {
    let mut document = document();
    document["recipe"]["evaluation"]["frechet"] = json!({});
    document["report"]["reading"] = json!("frechet");
    load(document.to_string().as_bytes()).expect_err("no accuracy")
}

#[test]
fn settings_that_do_not_go_together_are_refused_with_the_cell() {
    let covtype = "/axes/dataset/covtype/set";
    let messages = [
        with(&format!("{covtype}/pretext.temperature"), Value::Null),
        with("/axes/method/byol/set/pretext.temperature", json!(0.2)),
        with("/axes/method/byol/set/pretext.predictor", Value::Null),
        with("/axes/method/npair/set/pretext.queue", json!(4096)),
        with("/axes/method/moco/set/pretext.queue", json!(4000)),
        with("/axes/method/moco/set/pretext.key_momentum", Value::Null),
        with("/axes/method/moco/set/pretext.key_momentum", json!(1.5)),
        with("/where/11/set/pretext.contrast", json!("one-plus-k")),
        with(&format!("{covtype}/views/mask"), json!(1)),
        with("/scales/demo/set/pretext.epochs", json!(0)),
        with("/scales/demo/set/pretext.epochs", json!(4)),
        with(&format!("{covtype}/pretext.replicas"), json!(3)),
        with(&format!("{covtype}/data.standardise"), Value::Null),
        with(
            &format!("{covtype}/network"),
            json!({ "kind": "resnet", "depth": 18, "width": 64, "stem": "cifar", "input_channels": 1 }),
        ),
        with("/axes/imix/on/set/pretext.mix", json!({ "operator": "cutmix", "alpha": 1 })),
        with("/axes/imix/off/set/pretext.mix", json!({ "operator": "none", "alpha": 1 })),
        with("/recipe/evaluation/linear/rates", json!([])),
        with("/recipe/evaluation/linear/rates", json!([1, 3, 1])),
        with("/recipe/evaluation/linear/measure_from", json!(101)),
        with("/recipe/evaluation/linear/validation", json!(true)),
        with("/recipe/evaluation/linear/schedule", json!({ "kind": "step", "at": [90, 80], "factor": 0.2 })),
        with("/recipe/pretext/momentum", json!(1)),
        without("/recipe/pretext/base_rate"),
        with("/axes/imix/on/paper", json!({})),
        with("/recipe/evaluation/frechet", json!({ "rows": 100 })),
        with("/axes/imix/on/set/pretext.mix", json!({ "operator": "mixup", "alpha": 1, "layers": [0, 6] })),
        with("/axes/imix/on/set/pretext.mix", json!({ "operator": "mixup", "alpha": 1, "layers": [3, 1] })),
        with("/axes/imix/on/set/pretext.mix", json!({ "operator": "mixup", "alpha": 1, "layers": [0] })),
        with("/axes/imix/off/set/pretext.mix.layers", json!([1, 2])),
    ];
    insta::assert_snapshot!(messages.join("\n"));
}

#[test]
fn a_file_that_is_not_json_or_not_there_is_named() {
    let experiment = |name: &str| Experiment::load(name).expect_err(name).to_string();
    let messages = [
        load(b"").expect_err("empty"),
        load(b"{ \"id\": table1 }").expect_err("no quotes"),
        load(TABLE1.replace("\"trials\": 5,", "\"trials\": 5").as_bytes()).expect_err("a comma is missing"),
        load(TABLE1.replace("\"trials\": 5,", "\"trials\": 5,\n\"trials\": 3,").as_bytes()).expect_err("twice"),
        load(TABLE1.replace("\"replicas\": 2", "\"batch\": 512").as_bytes()).expect_err("twice"),
        load(b"[1, 2]").expect_err("an array"),
        experiment("tabel1"),
        experiment("figure7"),
        experiment("nowhere/table1.json"),
        Experiment::load("table1")
            .expect("embedded")
            .cells(Scale::Demo, &"data=covtype".parse::<Filter>().expect("a filter"))
            .expect_err("an unknown axis")
            .to_string(),
    ];
    insta::assert_snapshot!(messages.join("\n"));
}

/// Bytes of Table 1 with some of them replaced, removed or repeated.
fn damaged() -> impl Strategy<Value = Vec<u8>> {
    let edit = (0..TABLE1.len(), 0..3u8, any::<u8>(), 1..40usize);
    prop::collection::vec(edit, 1..4).prop_map(|edits| {
        let mut bytes = TABLE1.as_bytes().to_vec();
        for (place, kind, byte, length) in edits {
            let place = place.min(bytes.len().saturating_sub(1));
            let end = (place + length).min(bytes.len());
            match kind {
                0 => bytes[place] = byte,
                1 => drop(bytes.drain(place..end)),
                _ => {
                    let part = bytes[place..end].to_vec();
                    bytes.splice(place..place, part);
                }
            }
        }
        bytes
    })
}

/// A value that could stand anywhere in a JSON document.
fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "[a-z.~/]{0,12}".prop_map(Value::from),
        prop::sample::select(vec!["mlp", "resnet", "tabular", "covtype", "pretext.epochs", "kind", "on"])
            .prop_map(Value::from),
    ];
    let key = prop_oneof!["[a-z.~/]{0,8}", Just("kind".to_owned()), Just("pretext.mix.alpha".to_owned())];
    leaf.prop_recursive(3, 16, 4, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((key.clone(), inner), 0..4)
                .prop_map(|entries| Value::Object(entries.into_iter().collect())),
        ]
    })
}

/// Every place of a document.
fn places(value: &Value, at: String, found: &mut Vec<String>) {
    found.push(at.clone());
    match value {
        Value::Object(map) => {
            for (key, value) in map {
                places(value, format!("{at}/{}", key.replace('~', "~0").replace('/', "~1")), found);
            }
        }
        Value::Array(items) => {
            for (index, value) in items.iter().enumerate() {
                places(value, format!("{at}/{index}"), found);
            }
        }
        _ => {}
    }
}

/// Loads and expands whatever comes; an experiment that loads can be expanded.
fn survives(bytes: &[u8]) {
    match load(bytes) {
        Err(message) => assert!(message.starts_with("table1.json"), "{message}"),
        Ok(experiment) => {
            for scale in Scale::ALL {
                experiment.cells(scale, &Filter::default()).expect("what was loaded was checked");
            }
            experiment.claims();
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_damage_to_the_bytes_of_a_file_panics(bytes in damaged()) {
        survives(&bytes);
    }

    #[test]
    fn no_value_anywhere_in_a_file_panics(place in any::<prop::sample::Index>(), value in any_json()) {
        let mut document = document();
        let mut found = Vec::new();
        places(&document, String::new(), &mut found);
        *document.pointer_mut(place.get(&found[..]).as_str()).expect("a place of the document") = value;
        survives(document.to_string().as_bytes());
    }
}
