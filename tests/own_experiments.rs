//! `repro check` and `new`, as a user with an experiment of their own runs them.

use std::fs;
use std::path::Path;
use std::process::Output;

use assert_cmd::Command;
use imix_repro::experiment::{Experiment, schema};
use serde_json::{Value, json};
use tempfile::TempDir;

const TABLE1: &str = include_str!("../experiments/table1.json");
const IDS: [&str; 7] = ["table1", "table2", "table3", "table4", "figure1", "figure2", "ablations"];

fn repro(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::cargo_bin("repro").expect("the binary");
    command.current_dir(folder).env_remove("REPRO_DATA").env("XDG_CACHE_HOME", folder).env("HOME", folder);
    command.args(arguments).output().expect("output")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[track_caller]
fn done(folder: &Path, arguments: &[&str]) -> String {
    let output = repro(folder, arguments);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    text(&output.stdout)
}

#[track_caller]
fn refused(folder: &Path, arguments: &[&str]) -> String {
    let output = repro(folder, arguments);
    assert_eq!(output.status.code(), Some(2), "{}", text(&output.stdout));
    text(&output.stderr)
}

/// Writes Table 1 with some of its text replaced.
fn write(folder: &Path, name: &str, changes: &[(&str, &str)]) {
    let mut document = TABLE1.to_owned();
    for (old, new) in changes {
        assert!(document.contains(old), "{old}");
        document = document.replacen(old, new, 1);
    }
    fs::write(folder.join(name), document).expect("written");
}

#[test]
fn check_says_what_a_file_asks_for() {
    let folder = TempDir::new().expect("a folder");
    write(folder.path(), "mine.json", &[("\"id\": \"table1\"", "\"id\": \"mine\"")]);
    insta::assert_snapshot!(done(folder.path(), &["check", "mine.json", "figure1"]));
    let checked: Value = serde_json::from_str(&done(folder.path(), &["check", "all", "--json"])).expect("JSON");
    let ids: Vec<&str> = checked.as_array().expect("files").iter().filter_map(|one| one["id"].as_str()).collect();
    assert_eq!(ids, IDS);
    assert_eq!((&checked[0]["fine"], &checked[0]["scales"]["demo"]["cells"]), (&true.into(), &24.into()));
    assert!(!folder.path().join("results").exists());
}

#[test]
fn check_names_every_fault_of_every_file() {
    let folder = TempDir::new().expect("a folder");
    write(
        folder.path(),
        "schema-faults.json",
        &[
            ("\"title\"", "\"tilte\""),
            ("\"batch\": 256", "\"batch\": \"256\""),
            ("\"alpha\": 0 }", "\"alhpa\": 0 }"),
            ("\"pretext.temperature\": 0.5", "\"pretext.temprature\": 0.5"),
            ("\"jitter\": [0.4, 0.4, 0.4, 0.1]", "\"jitter\": [0.4, 0.4]"),
        ],
    );
    write(
        folder.path(),
        "names.json",
        &[
            ("\"when\": { \"dataset\": [\"cifar10\"", "\"when\": { \"dataset\": [\"cifar1\""),
            ("\"when\": { \"method\": \"moco\", \"imix\": \"off\" }", "\"when\": { \"methods\": \"moco\" }"),
            // Two axes of one rule, the report's columns beside its rows, and both sides of a claim.
            ("\"when\": { \"dataset\": [\"cifar10\"", "\"when\": { \"methd\": \"moco\", \"dataset\": [\"cifar10\""),
            ("\"columns\": [\"method\"", "\"columns\": [\"metod\""),
            ("\"for\": [\"dataset\"", "\"for\": [\"datset\""),
            ("\"rows\": \"dataset\"", "\"rows\": \"data\""),
            ("\"than\": { \"imix\": \"off\" }", "\"than\": { \"imix\": \"no\" }"),
        ],
    );
    write(
        folder.path(),
        "cells.json",
        &[
            ("\"pretext.queue\": 4096", "\"pretext.queue\": 4000"),
            ("\"mask\": 0.2", "\"mask\": 1"),
            ("\"momentum\": 0.9", "\"momentum\": 2"),
            ("\"weight_decay\": 0.0001", "\"weight_decay\": -1"),
            (
                "\"pretext.epochs\": 10, \"pretext.warmup_epochs\": 5",
                "\"pretext.epochs\": 4, \"pretext.warmup_epochs\": 5",
            ),
        ],
    );
    write(folder.path(), "syntax.json", &[("\"trials\": 5,", "\"trials\": 5")]);
    let files = ["schema-faults.json", "names.json", "cells.json", "syntax.json", "tabel1", "table1"];
    let arguments = [&["check"], &files[..]].concat();
    let output = repro(folder.path(), &arguments);
    assert_eq!(output.status.code(), Some(2));
    insta::assert_snapshot!(format!("{}\n{}", text(&output.stderr), text(&output.stdout)));

    let output = repro(folder.path(), &[&arguments[..], &["--json"]].concat());
    assert_eq!(output.status.code(), Some(2));
    let checked: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    for (file, one) in files.iter().zip(checked.as_array().expect("files")) {
        let errors = one["errors"].as_array().expect("errors");
        assert_eq!(one["fine"], errors.is_empty(), "{file}");
        assert!(errors.iter().all(|error| text(&output.stderr).contains(error.as_str().expect("text"))), "{file}");
    }
}

#[test]
fn a_file_without_cells_and_texts_that_are_no_labels_are_refused() {
    let folder = TempDir::new().expect("a folder");
    let change = |name: &str, pointer: &str, value: Value| {
        let mut document: Value = serde_json::from_str(TABLE1).expect("JSON");
        let (parent, key) = pointer.rsplit_once('/').expect("a pointer");
        document.pointer_mut(parent).expect("a place")[key] = value;
        fs::write(folder.path().join(name), document.to_string()).expect("written");
        refused(folder.path(), &["check", name])
    };
    let mut unscaled: Value = serde_json::from_str::<Value>(TABLE1).expect("JSON")["axes"]["imix"].take();
    unscaled.as_object_mut().expect("values").values_mut().for_each(|value| value["scales"] = json!([]));
    let said = [
        change("no-cell.json", "/without", json!([{}])),
        change("no-scale.json", "/axes/imix", unscaled),
        change("control.json", "/axes/dataset/covtype/label", json!("\u{1b}[31mCovType")),
        change("long.json", "/axes/dataset/covtype/label", json!("x".repeat(201))),
        change("title.json", "/title", json!("two\nlines")),
        change("axis.json", "/axes/\u{1b}[31m", json!({ "on": { "label": "on" } })),
    ];
    assert!(said.iter().all(|said| !said.contains('\u{1b}')));
    insta::assert_snapshot!(said.concat());
}

#[test]
fn a_name_whose_file_is_there_is_told_apart_from_a_wrong_one() {
    let folder = TempDir::new().expect("a folder");
    done(folder.path(), &["new", "mine", "--from", "table1", "--output", "studies/mine.json"]);
    assert!(folder.path().join("studies/schema.json").is_file());
    done(folder.path(), &["new", "mine", "--from", "table1"]);
    for command in ["check", "run", "plan"] {
        let said = refused(folder.path(), &[command, "mine"]);
        assert!(said.contains("no experiment `mine` (did you mean `mine.json`?)"), "{said}");
    }
}

#[test]
fn what_check_passes_is_what_plan_takes_and_the_first_fault_is_what_it_says() {
    let folder = TempDir::new().expect("a folder");
    write(
        folder.path(),
        "bad.json",
        &[("\"batch\": 256", "\"batch\": \"256\""), ("\"replicas\": 2", "\"replica\": 2")],
    );
    let checked = refused(folder.path(), &["check", "bad.json"]);
    assert_eq!(checked.lines().count(), 2, "{checked}");
    assert_eq!(refused(folder.path(), &["plan", "bad.json"]).lines().next(), checked.lines().next());
}

#[test]
fn new_copies_an_experiment_to_the_letter() {
    let folder = TempDir::new().expect("a folder");
    for id in IDS {
        let mine = format!("my-{id}");
        assert_eq!(done(folder.path(), &["new", &mine, "--from", id]), format!("{mine}.json\n"));
        let (ours, theirs) = (read(folder.path(), &format!("{mine}.json")), original(id));
        let differing: Vec<&str> =
            ours.lines().zip(theirs.lines()).filter(|(one, other)| one != other).map(|(line, _)| line.trim()).collect();
        assert_eq!(ours.lines().count(), theirs.lines().count());
        assert_eq!(differing.len(), 2, "{differing:?}");
        assert_eq!(differing[0], format!("\"id\": \"{mine}\","));
        assert!(differing[1].ends_with(&format!("({mine}, derived from {id})\",")), "{differing:?}");
        done(folder.path(), &["check", &format!("{mine}.json")]);
    }
    let written: Value = serde_json::from_str(&read(folder.path(), "schema.json")).expect("JSON");
    assert_eq!(written, serde_json::to_value(schema()).expect("JSON"));
}

#[test]
fn new_leaves_out_what_is_about_other_cells() {
    let folder = TempDir::new().expect("a folder");
    let only = "dataset=covtype,method=npair,method=moco";
    done(folder.path(), &["new", "mine", "--from", "table1", "--only", only]);
    let mine = read(folder.path(), "mine.json");
    insta::assert_snapshot!(mine);
    let table1 = Experiment::load("table1").expect("embedded");
    let derived = Experiment::load(&folder.path().join("mine.json").display().to_string()).expect("a good file");
    for scale in imix_repro::experiment::Scale::ALL {
        let theirs = table1.cells(scale, &only.parse().expect("a filter")).expect("cells");
        let ours = derived.cells(scale, &Default::default()).expect("cells");
        assert_eq!(ours, theirs, "{scale}");
        let numbers = |experiment: &Experiment| ours.iter().map(|cell| experiment.paper(cell)).collect::<Vec<_>>();
        assert_eq!(numbers(&derived), numbers(&table1));
        assert!(numbers(&derived).iter().all(Option::is_some));
    }

    // A copy of the copy; claims that compare with what is left out go.
    done(
        folder.path(),
        &["new", "other", "--from", "mine.json", "--only", "imix=on,method=npair", "--output", "o.json"],
    );
    let other: Value = serde_json::from_str(&read(folder.path(), "o.json")).expect("JSON");
    assert_eq!((&other["id"], &other["claims"]), (&"other".into(), &Value::Array(vec![])));
    // What the demo leaves out is there when nothing else was asked for.
    done(folder.path(), &["new", "deep", "--from", "figure1", "--only", "dataset=cifar10,depth=101"]);
    let planned: Value = serde_json::from_str(&done(folder.path(), &["plan", "deep.json", "--json"])).expect("JSON");
    assert!(planned["cells"].as_array().is_some_and(|cells| !cells.is_empty()));
}

#[test]
fn a_new_experiment_runs_at_demo_scale() {
    let folder = TempDir::new().expect("a folder");
    done(folder.path(), &["new", "mine", "--from", "table1", "--only", "dataset=covtype,method=npair"]);
    let said = done(folder.path(), &["run", "mine.json", "--trials", "1"]);
    assert!(said.contains("(mine, derived from table1)") && said.contains("N-pair"), "{said}");
    assert!(folder.path().join("reports/mine/demo/table.md").exists());
}

#[test]
fn another_precision_is_a_deviation_and_needs_a_gpu() {
    let folder = TempDir::new().expect("a folder");
    let only = "dataset=covtype,method=npair,imix=on";
    done(folder.path(), &["new", "fast", "--from", "table1", "--only", only, "--precision", "bf16"]);
    let (table1, path) = (Experiment::load("table1").expect("embedded"), folder.path().join("fast.json"));
    let fast = Experiment::load(&path.display().to_string()).expect("a good file");
    for scale in imix_repro::experiment::Scale::ALL {
        let cell = fast.cells(scale, &Default::default()).expect("cells").remove(0);
        let theirs = table1.cells(scale, &only.parse().expect("a filter")).expect("cells").remove(0);
        assert_eq!(cell.settings.pretext.precision.to_string(), "bf16");
        let ours = cell.deviations.iter().filter(|it| !theirs.deviations.contains(it)).collect::<Vec<_>>();
        let [deviation] = ours[..] else { panic!("{ours:?}") };
        let said = [&deviation.what, &deviation.published, &deviation.ours];
        assert_eq!(said, ["precision", "f32", "bf16"]);
    }
    let said = refused(folder.path(), &["run", "fast.json", "--device", "cpu"]);
    let expected = format!(
        "error: the cell {only}: the CPU computes in f32, not in bf16: use a GPU (--device cuda:N), or a recipe without `precision`\n"
    );
    assert_eq!(said, expected);
    assert!(!folder.path().join("results/pretext").exists());
}

#[test]
fn new_refuses_what_it_cannot_do() {
    let folder = TempDir::new().expect("a folder");
    fs::write(folder.path().join("taken.json"), "mine").expect("written");
    write(folder.path(), "bad.json", &[("\"title\"", "\"tilte\"")]);
    let refused = |arguments: &[&str]| {
        let said = refused(folder.path(), &[&["new"], arguments].concat());
        format!("new {}\n{said}", arguments.join(" "))
    };
    let said = [
        refused(&["taken", "--from", "table1"]),
        refused(&["table1", "--from", "table1"]),
        refused(&["all", "--from", "table1"]),
        refused(&["schema", "--from", "table1"]),
        refused(&["mine", "--from", "table1", "--output", "elsewhere/schema.json"]),
        refused(&["mine", "--from", "table1", "--output", "taken.json/mine.json"]),
        refused(&["My study", "--from", "table1"]),
        refused(&["mine", "--from", "tabel1"]),
        refused(&["mine", "--from", "bad.json"]),
        refused(&["mine", "--from", "table1", "--only", "dataset=covtyp"]),
        refused(&["mine", "--from", "table2", "--only", "dataset=higgs1m,imix=maybe"]),
        refused(&["mine", "--from", "table3", "--only", "dataset=covtype,imix=without-inputmix"]),
    ];
    insta::assert_snapshot!(said.join("\n"));
    assert_eq!(read(folder.path(), "taken.json"), "mine");
    let files: Vec<_> =
        fs::read_dir(folder.path()).expect("a folder").flatten().map(|entry| entry.file_name()).collect();
    assert_eq!(files.len(), 2, "{files:?}");

    fs::write(folder.path().join("schema.json"), "{}").expect("written");
    let output = repro(folder.path(), &["new", "taken", "--from", "table1", "--force"]);
    assert_eq!(output.status.code(), Some(0));
    insta::assert_snapshot!(text(&output.stderr));
    assert_eq!(read(folder.path(), "schema.json"), "{}");
    assert!(read(folder.path(), "taken.json").contains("\"id\": \"taken\""));
}

fn read(folder: &Path, name: &str) -> String {
    fs::read_to_string(folder.join(name)).expect(name)
}

fn original(id: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("experiments/{id}.json"));
    fs::read_to_string(path).expect("an experiment")
}
