//! `repro report` and `repro compare` on a results folder whose numbers are made up.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use assert_cmd::Command;
use imix_repro::data::Library;
use imix_repro::experiment::{Cell, Experiment, Filter, Scale, Trial};
use imix_repro::store::{EvaluationResult, Failure, FailureKind, Results, checksum, write_sealed};

fn cells(scale: Scale) -> Vec<Cell> {
    let only: Filter = "dataset=covtype".parse().unwrap();
    Experiment::load("table1").unwrap().cells(scale, &only).unwrap()
}

fn trial(cell: &Cell, seed: u64) -> Trial {
    cell.trial(seed, &cell.identify(Library::published).unwrap())
}

const METRICS: &[u8] = b"{\"epoch\":1}\n";

/// Writes a result for each evaluation of a trial, with `last` as the reading of the table.
fn finish(results: &Results, trial: &Trial, last: f64) {
    for evaluation in &trial.evaluations {
        let readings: &[(&str, f64)] = match evaluation.evaluation.id() {
            "pinv" => &[("pinv", last - 1.5)],
            _ => &[("linear/last/test-rate", last), ("linear/best/test-rate", last + 0.25)],
        };
        let result = EvaluationResult {
            readings: readings.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect(),
            details: BTreeMap::new(),
            metrics: checksum(METRICS),
        };
        let folder = results.evaluation(&evaluation.address());
        fs::create_dir_all(folder.path()).unwrap();
        fs::write(folder.file("metrics.jsonl"), METRICS).unwrap();
        write_sealed(&folder.file("result.json"), &result).unwrap();
    }
}

/// Every CovType cell with trials 0 and 1; i-Mix adds 2 to 3 points for N-pair and BYOL and takes some for MoCo.
fn filled(results: &Results, scale: Scale) {
    for cell in cells(scale) {
        let imix = cell.value("imix") == Some("on");
        let (base, gain) = match cell.value("method") {
            Some("npair") => (60.0, 2.0),
            Some("moco") => (62.0, -1.0),
            _ => (64.0, 3.0),
        };
        for seed in [0, 1] {
            let noise = seed as f64 * if imix { 0.5 } else { 0.625 };
            finish(results, &trial(&cell, seed), base + noise + if imix { gain } else { 0.0 });
        }
    }
}

fn repro(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::cargo_bin("repro").unwrap();
    command.current_dir(folder).env_remove("REPRO_DATA").args(arguments);
    command
}

fn stdout(folder: &Path, arguments: &[&str]) -> String {
    let assert = repro(folder, arguments).assert().success();
    String::from_utf8(assert.get_output().stdout.clone()).unwrap()
}

fn json(folder: &Path, arguments: &[&str]) -> Vec<serde_json::Value> {
    serde_json::from_str(&stdout(folder, arguments)).unwrap()
}

#[test]
fn the_demo_table_says_that_it_is_a_demo() {
    let folder = tempfile::tempdir().unwrap();
    filled(&Results::new(folder.path().join("results")), Scale::Demo);
    let text = stdout(folder.path(), &["report", "table1"]);
    insta::assert_snapshot!("report_demo", text);
    assert!(text.trim_end().lines().last().unwrap().contains("demo scale"));
    let table = fs::read_to_string(folder.path().join("reports/table1/demo/table.md")).unwrap();
    assert!(table.contains("**DEMO SCALE: embedded data, not comparable with the paper**"));
}

#[test]
fn comparison_at_paper_scale() {
    let folder = tempfile::tempdir().unwrap();
    filled(&Results::new(folder.path().join("results")), Scale::Paper);
    let arguments = ["compare", "table1", "--scale", "paper", "--only", "dataset=covtype", "--trials", "2"];
    insta::assert_snapshot!("compare_paper", stdout(folder.path(), &arguments));
}

#[test]
fn json_has_what_scripts_need() {
    let folder = tempfile::tempdir().unwrap();
    filled(&Results::new(folder.path().join("results")), Scale::Short);
    let arguments = ["compare", "table1", "--scale", "short", "--json"];
    let cells = json(folder.path(), &arguments);
    assert_eq!(cells.len(), 36);
    let cell = cells
        .iter()
        .find(|cell| cell["dataset"] == "covtype" && cell["method"] == "npair" && cell["imix"] == "on")
        .unwrap();
    assert_eq!(cell["axes"], serde_json::json!({ "dataset": "covtype", "method": "npair", "imix": "on" }));
    assert_eq!((cell["n"].as_u64(), cell["mean"].as_f64()), (Some(2), Some(62.25)));
    assert!((cell["std"].as_f64().unwrap() - 0.125f64.sqrt()).abs() < 1e-12);
    assert_eq!((cell["paper_mean"].as_f64(), cell["paper_std"].as_f64()), (Some(72.1), Some(0.2)));
    assert_eq!(cell["paper_confidence"], "confirmed");
    assert_eq!(cell["verdict"], "not comparable: short scale");
    let epochs = serde_json::json!({ "what": "pretext.epochs", "published": "500", "ours": "50" });
    assert!(cell["deviations"].as_array().unwrap().contains(&epochs), "{}", cell["deviations"]);

    let speech = cells.iter().find(|cell| cell["dataset"] == "speech-commands").unwrap();
    assert_eq!(
        (speech["n"].as_u64(), &speech["mean"], &speech["std"]),
        (Some(0), &serde_json::Value::Null, &speech["mean"])
    );
    assert_eq!(speech["verdict"], "not comparable: short scale");
}

#[test]
fn only_and_trials_narrow_what_is_counted() {
    let folder = tempfile::tempdir().unwrap();
    filled(&Results::new(folder.path().join("results")), Scale::Demo);
    let arguments = ["compare", "table1", "--json", "--only", "dataset=covtype,method=byol", "--trials", "1"];
    let cells = json(folder.path(), &arguments);
    assert_eq!(cells.len(), 2);
    assert!(cells.iter().all(|cell| cell["n"] == 1 && cell["std"].is_null() && cell["method"] == "byol"));
}

#[test]
fn a_damaged_result_is_named_and_counts_nowhere() {
    let folder = tempfile::tempdir().unwrap();
    let results = Results::new(folder.path().join("results"));
    filled(&results, Scale::Demo);
    let damaged = trial(&cells(Scale::Demo)[0], 1);
    for evaluation in &damaged.evaluations {
        let path = results.evaluation(&evaluation.address()).file("result.json");
        let text = fs::read_to_string(&path).unwrap();
        fs::write(&path, text.replace("60.625", "99.625")).unwrap();
        if evaluation.evaluation.id() == "pinv" {
            fs::write(&path, &text[..text.len() / 2]).unwrap();
        }
    }
    let text = stdout(folder.path(), &["compare", "table1", "--only", "dataset=covtype"]);
    assert_eq!(text.matches("warning: left out: results/eval/").count(), 2, "{text}");
    assert!(text.contains("1 of 2") && !text.contains("99.6"), "{text}");
}

/// With a checksum that fits: whatever wrote them, they are no accuracies.
#[test]
fn numbers_that_no_accuracy_can_be_are_named_and_count_nowhere() {
    let folder = tempfile::tempdir().unwrap();
    let results = Results::new(folder.path().join("results"));
    for number in [serde_json::Value::Null, "NaN".into(), (-0.5).into(), 100.5.into(), 1e300.into()] {
        filled(&results, Scale::Demo);
        let odd = trial(&cells(Scale::Demo)[0], 1);
        for evaluation in &odd.evaluations {
            let path = results.evaluation(&evaluation.address()).file("result.json");
            let result: serde_json::Value = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
            let mut body = result["body"].clone();
            body["readings"].as_object_mut().unwrap().values_mut().for_each(|reading| *reading = number.clone());
            write_sealed(&path, &body).unwrap();
        }
        let text = stdout(folder.path(), &["compare", "table1", "--only", "dataset=covtype"]);
        assert_eq!(text.matches("warning: left out: results/eval/").count(), 2, "{number}: {text}");
        assert!(text.contains("1 of 2"), "{number}: {text}");
    }
}

#[test]
fn a_result_whose_metrics_were_altered_counts_nowhere() {
    let folder = tempfile::tempdir().unwrap();
    let results = Results::new(folder.path().join("results"));
    filled(&results, Scale::Demo);
    for evaluation in &trial(&cells(Scale::Demo)[0], 1).evaluations {
        fs::write(results.evaluation(&evaluation.address()).file("metrics.jsonl"), "{}").unwrap();
    }
    let text = stdout(folder.path(), &["compare", "table1", "--only", "dataset=covtype"]);
    assert_eq!(text.matches("metrics.jsonl is not what was written").count(), 2, "{text}");
    assert!(text.contains("1 of 2"), "{text}");
}

#[test]
fn a_failed_trial_gives_its_reason() {
    let folder = tempfile::tempdir().unwrap();
    let results = Results::new(folder.path().join("results"));
    let failed = trial(&cells(Scale::Demo)[2], 0);
    let run = results.pretext(&failed.pretext.unwrap().address());
    fs::create_dir_all(run.path()).unwrap();
    let failure = Failure {
        kind: FailureKind::NotFinite { epoch: 3, step: 12 },
        message: "the loss is not a number at epoch 3, step 12".to_owned(),
    };
    write_sealed(&run.file("failed.json"), &failure).unwrap();
    let text = stdout(folder.path(), &["report", "table1"]);
    let line = "failed: CovType, MoCo v2 baseline, seed 0: the loss is not a number at epoch 3, step 12";
    assert!(text.contains(line), "{text}");
}

#[test]
fn a_report_needs_no_results() {
    let folder = tempfile::tempdir().unwrap();
    filled(&Results::new(folder.path().join("results")), Scale::Demo);
    stdout(folder.path(), &["report", "table1"]);
    stdout(folder.path(), &["report", "table1", "--scale", "short"]);
}

#[test]
fn a_wrong_selection_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    repro(folder.path(), &["compare", "table1", "--only", "datset=covtype"]).assert().code(2);
    repro(folder.path(), &["report", "no-such-experiment"]).assert().code(2);
}

/// One CovType cell for each verdict, as seen from the numbers that the paper has for them.
fn one_of_each(results: &Results) {
    let spread = [-0.2, -0.1, 0.0, 0.1, 0.2];
    for cell in cells(Scale::Paper) {
        let (mean, stretch, trials) = match (cell.value("method"), cell.value("imix")) {
            (Some("npair"), Some("off")) => (68.5, 1.0, 5),
            (Some("npair"), _) => (75.0, 1.0, 5),
            (Some("moco"), Some("off")) => (65.0, 1.0, 5),
            (Some("moco"), _) => (73.0, 15.0, 5),
            (_, Some("off")) => (72.0, 1.0, 1),
            _ => (0.0, 1.0, 0),
        };
        for seed in 0..trials {
            finish(results, &trial(&cell, seed), mean + stretch * spread[seed as usize]);
        }
    }
}

#[test]
fn every_kind_of_verdict_is_reached_and_strict_says_whether_all_is_well() {
    let folder = tempfile::tempdir().unwrap();
    one_of_each(&Results::new(folder.path().join("results")));
    let arguments = ["compare", "table1", "--scale", "paper", "--only", "dataset=covtype"];
    insta::assert_snapshot!("compare_verdicts", stdout(folder.path(), &arguments));

    repro(folder.path(), &[&arguments[..], &["--strict"]].concat()).assert().code(4);
    let reproduced =
        ["compare", "table1", "--scale", "paper", "--strict", "--only", "dataset=covtype,method=npair,imix=off"];
    repro(folder.path(), &reproduced).assert().code(0);
    // Nothing that could have failed is no success.
    repro(folder.path(), &["compare", "figure2", "--scale", "paper", "--strict"]).assert().code(4);
}

#[test]
fn the_report_of_all_leads_to_every_page() {
    let folder = tempfile::tempdir().unwrap();
    let text = stdout(folder.path(), &["report", "all"]);
    assert!(text.contains("All of them: reports/index.html"), "{text}");
    let overview = fs::read_to_string(folder.path().join("reports/index.html")).unwrap();
    let links: Vec<&str> = overview.split("<a href=\"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
    assert_eq!(links.len(), Experiment::all().unwrap().len());
    for link in links {
        assert!(folder.path().join("reports").join(link).is_file(), "{link}");
    }
    for outside in ["http://", "https://", "src=", "<script"] {
        assert!(!overview.contains(outside), "{outside}");
    }
}

#[test]
fn a_reader_who_leaves_early_costs_neither_files_nor_the_exit_code() {
    let folder = tempfile::tempdir().unwrap();
    filled(&Results::new(folder.path().join("results")), Scale::Demo);
    let run = |arguments: &[&str]| {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_repro"));
        command.current_dir(folder.path()).env_remove("REPRO_DATA").args(arguments);
        // The reader of this pipe is gone before the first word.
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        command.stdout(writer).stderr(std::process::Stdio::null()).status().unwrap().code()
    };
    assert_eq!(run(&["report", "all"]), Some(0));
    for experiment in ["table1", "ablations"] {
        assert!(folder.path().join("reports").join(experiment).join("demo/index.html").is_file());
    }
    assert!(folder.path().join("reports/index.html").is_file());
    assert_eq!(run(&["compare", "table1", "--strict"]), Some(4));
}

#[cfg(target_os = "linux")]
#[test]
fn a_result_that_cannot_be_written_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_repro"));
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let ended = command.current_dir(folder.path()).args(["report", "all"]).stdout(full).output().unwrap();
    assert_eq!(ended.status.code(), Some(2));
    let said = String::from_utf8(ended.stderr).unwrap();
    assert_eq!(said.matches("cannot write the result to stdout").count(), 1, "{said}");
    assert!(folder.path().join("reports/ablations/demo/index.html").is_file());
}

#[test]
fn a_selection_without_a_cell_is_refused_and_writes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    for command in ["run", "report", "compare", "plan"] {
        repro(folder.path(), &[command, "table3", "--only", "dataset=covtype,imix=without-inputmix"])
            .assert()
            .code(2)
            .stderr("error: --only: table3 has no cell with all of these values\n");
    }
    assert!(!folder.path().join("reports/table3").exists());
}
