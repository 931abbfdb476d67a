//! `repro list`, `plan` and `why`, as a user runs them.

use std::path::Path;

use assert_cmd::Command;
use imix_repro::data::Library;
use imix_repro::experiment::{Cell, CellData, Experiment, Filter, Scale};
use imix_repro::recipe::{DataIdentity, DataSettings};
use imix_repro::store::{Done, EvaluationResult, Results, write_sealed};
use serde_json::{Value, json};
use tempfile::TempDir;

fn repro(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::cargo_bin("repro").expect("the binary");
    command.current_dir(folder).env_remove("REPRO_DATA").env("XDG_CACHE_HOME", folder).env("HOME", folder);
    command.args(arguments);
    command
}

fn stdout(folder: &Path, arguments: &[&str]) -> String {
    let output = repro(folder, arguments).assert().success().get_output().stdout.clone();
    String::from_utf8(output).expect("text")
}

fn read(folder: &Path, arguments: &[&str]) -> Value {
    serde_json::from_str(&stdout(folder, arguments)).expect("JSON")
}

fn demo_cell(only: &str) -> (Cell, CellData) {
    let filter: Filter = only.parse().expect("a filter");
    let experiment = Experiment::load("table1").expect("embedded");
    let cell = experiment.cells(Scale::Demo, &filter).expect("cells").remove(0);
    let data = cell.identify(|settings| Library::with_roots([]).identity(settings)).expect("embedded data");
    (cell, data)
}

/// Leaves behind what a finished trial leaves, its pretext run alone or with its evaluations.
fn finish(folder: &Path, cell: &Cell, seed: u64, data: &CellData, evaluated: bool) {
    let results = Results::new(folder.join("results"));
    let trial = cell.trial(seed, data);
    let pretext = trial.pretext.expect("an encoder");
    let run = results.pretext(&pretext.address());
    std::fs::create_dir_all(run.path()).expect("a folder");
    write_sealed(&run.file("recipe.json"), &pretext).expect("written");
    write_sealed(&run.file("done.json"), &Done { files: [].into(), trace: None }).expect("written");
    for recipe in trial.evaluations.iter().filter(|_| evaluated) {
        let run = results.evaluation(&recipe.address());
        std::fs::create_dir_all(run.path()).expect("a folder");
        write_sealed(&run.file("recipe.json"), recipe).expect("written");
        let result = EvaluationResult { readings: [].into(), details: [].into(), metrics: String::new() };
        write_sealed(&run.file("result.json"), &result).expect("written");
    }
}

#[test]
fn list_counts_cells_and_trials() {
    let folder = TempDir::new().expect("a folder");
    let text = stdout(folder.path(), &["list"]);
    assert!(text.contains("cells   24\n"), "{text}");
    assert!(text.contains("demo 0/48 done"), "{text}");

    let (cell, data) = demo_cell("dataset=covtype,method=byol,imix=on");
    finish(folder.path(), &cell, 0, &data, true);
    finish(folder.path(), &cell, 1, &data, false);
    let listed = read(folder.path(), &["list", "--json"]);
    assert_eq!(listed[0]["id"], "table1");
    assert_eq!(listed[0]["origin"], "embedded");
    assert_eq!(listed[0]["cells"], 24);
    let scales = &listed[0]["scales"];
    assert_eq!((&scales["demo"]["trials"], &scales["demo"]["done"]), (&48.into(), &1.into()));
    assert_eq!((&scales["short"]["trials"], &scales["short"]["done"]), (&180.into(), &Value::Null));
    assert_eq!(scales["short"]["missing_data"], json!(["cifar10", "cifar100", "speech-commands", "fsdd", "covtype"]));
}

#[test]
fn a_damaged_result_counts_as_not_done_and_is_named() {
    let folder = TempDir::new().expect("a folder");
    let (cell, data) = demo_cell("dataset=covtype,method=npair,imix=on");
    finish(folder.path(), &cell, 0, &data, true);
    let address = cell.trial(0, &data).evaluations[0].address();
    let path = folder.path().join("results/eval").join(address.as_str()).join("result.json");
    std::fs::write(&path, "{").expect("written");
    let assert = repro(folder.path(), &["list", "--json"]).assert().success();
    let (stdout, stderr) = (&assert.get_output().stdout, String::from_utf8_lossy(&assert.get_output().stderr));
    let listed: Value = serde_json::from_slice(stdout).expect("JSON");
    assert_eq!(listed[0]["scales"]["demo"]["done"], 0);
    assert!(stderr.contains(address.as_str()) && stderr.contains("counts as not done"), "{stderr}");
}

#[test]
fn plan_says_what_is_to_do() {
    let folder = TempDir::new().expect("a folder");
    let planned = read(folder.path(), &["plan", "table1", "--json"]);
    assert_eq!((&planned["scale"], planned["cells"].as_array().map(Vec::len)), (&"demo".into(), Some(24)));
    assert_eq!((&planned["pretext_runs"]["todo"], &planned["evaluations"]["todo"]), (&48.into(), &60.into()));
    assert!(planned["seconds"].as_f64().is_some_and(|seconds| seconds > 1.0));
    assert_eq!(planned["missing_data"], Value::Array(vec![]));
    let all = planned["flops"].as_f64().expect("a number");
    let sum: f64 = planned["cells"].as_array().expect("cells").iter().filter_map(|cell| cell["flops"].as_f64()).sum();
    assert!((all - sum).abs() < 1e-6 * all);

    let (cell, data) = demo_cell("dataset=covtype,method=byol,imix=on");
    finish(folder.path(), &cell, 0, &data, true);
    finish(folder.path(), &cell, 1, &data, false);
    let only = ["plan", "table1", "--json", "--only", "dataset=covtype,method=byol,imix=on"];
    let planned = read(folder.path(), &only);
    assert_eq!((&planned["pretext_runs"]["todo"], &planned["pretext_runs"]["done"]), (&0.into(), &2.into()));
    assert_eq!((&planned["evaluations"]["todo"], &planned["evaluations"]["done"]), (&2.into(), &2.into()));
    assert_eq!((&planned["cells"][0]["trials"], &planned["cells"][0]["done"]), (&2.into(), &1.into()));
    assert_eq!(planned["cells"][0]["axes"]["method"], "byol");

    let more = read(folder.path(), &[&only[..], &["--trials", "10"]].concat());
    assert_eq!((&more["pretext_runs"]["todo"], &more["cells"][0]["trials"]), (&8.into(), &10.into()));
}

#[test]
fn a_transfer_costs_no_encoder_after_table_1() {
    let folder = TempDir::new().expect("a folder");
    let data = folder.path().join("data");
    for scale in ["demo", "paper"] {
        let experiments = ["table1", "table4"].map(|id| Experiment::load(id).expect("embedded"));
        let scale: Scale = scale.parse().expect("a scale");
        let library = Library::with_roots([data.clone()]);
        // CIFAR is not at hand: what its content is called makes no difference here.
        let named = |settings: &DataSettings| -> Result<DataIdentity, ()> {
            let known = library.identity(settings).ok();
            Ok(known.unwrap_or(DataIdentity { settings: settings.clone(), digest: "unknown".to_owned() }))
        };
        let [first, transfers] = experiments.map(|experiment| {
            let cells = experiment.cells(scale, &Filter::default()).expect("cells");
            let trials = cells.iter().map(|cell| cell.trial(0, &cell.identify(named).expect("named")));
            trials.collect::<Vec<_>>()
        });
        let encoders: Vec<_> = first.iter().filter_map(|trial| Some(trial.pretext.as_ref()?.address())).collect();
        let evaluations: Vec<_> =
            first.iter().flat_map(|trial| trial.evaluations.iter().map(|recipe| recipe.address())).collect();
        let mut shared = 0;
        for trial in &transfers {
            assert!(encoders.contains(&trial.pretext.as_ref().expect("an encoder").address()), "{trial:?}");
            shared += trial.evaluations.iter().filter(|recipe| evaluations.contains(&recipe.address())).count();
        }
        assert_eq!((transfers.len(), shared), (8, 4), "the diagonal is Table 1's own");
    }
}

#[test]
fn all_experiments_are_planned_together() {
    let folder = TempDir::new().expect("a folder");
    let text = stdout(folder.path(), &["plan", "all"]);
    for expected in
        ["all at the demo scale", "table1", "figure2", "ablations", "less than without sharing", "GPU-hours"]
    {
        assert!(text.contains(expected), "{expected}\n{text}");
    }
    let planned = read(folder.path(), &["plan", "all", "--json"]);
    let alone = read(folder.path(), &["plan", "table4", "--json"]);
    assert_eq!(alone["evaluations"]["todo"], 16);
    let of_transfers = |cell: &&Value| cell["experiment"] == "table4";
    let flops = |planned: &Value| {
        let cells = planned["cells"].as_array().expect("cells").clone();
        cells.iter().filter(of_transfers).filter_map(|cell| cell["flops"].as_f64()).sum::<f64>()
    };
    assert!(flops(&planned) < 0.5 * flops(&alone), "its encoders count for Table 1");
    assert!(planned["shared"].as_f64().is_some_and(|share| share > 0.0 && share < 1.0));
    let refused = repro(folder.path(), &["plan", "all", "--only", "dataset=covtype"]).assert().code(2);
    let stderr = String::from_utf8_lossy(&refused.get_output().stderr).into_owned();
    assert!(stderr.contains("--only picks cells of one experiment"), "{stderr}");
}

/// Nothing of it depends on the machine, or on data that is at hand.
#[test]
fn plan_says_how_much_memory_of_a_gpu_a_trial_needs() {
    let folder = TempDir::new().expect("a folder");
    let only = ["--scale", "paper", "--only", "method=npair,imix=on"];
    let planned = read(folder.path(), &[&["plan", "table1", "--json"][..], &only].concat());
    let bytes = |cell: usize| planned["cells"][cell]["gpu_bytes"].as_f64().expect("a number");
    let datasets = [0, 3].map(|cell| planned["cells"][cell]["axes"]["dataset"].as_str().unwrap_or_default().to_owned());
    assert_eq!(datasets, ["cifar10", "covtype"]);
    // ResNet-50 on 512 pictures keeps its feature maps; the MLP is little more than its parameters.
    assert!((5e9..30e9).contains(&bytes(0)), "{}", bytes(0));
    assert!((1.5e9..3e9).contains(&bytes(3)), "{}", bytes(3));
    assert_eq!(planned["gpu_bytes"].as_f64(), Some(bytes(0)));
    assert_eq!(planned["gpu_allowance"], 2u64 << 30);
    let text = stdout(folder.path(), &[&["plan", "table1"][..], &only].concat());
    assert!(text.lines().any(|line| line.ends_with("  GPU memory")), "{text}");
    let said = "GB for the largest trial, 2.15 GB of it allowed for libraries, not measured";
    assert!(text.lines().any(|line| line.starts_with("GPU memory") && line.ends_with(said)), "{text}");
}

/// 100 of the 1000 classes are a tenth of the pictures, also on a machine that has none of them.
#[test]
fn plan_counts_the_part_of_imagenet_that_a_cell_takes() {
    let folder = TempDir::new().expect("a folder");
    let plan = |dataset: &str| {
        let only = format!("dataset={dataset},imix=on");
        read(folder.path(), &["plan", "table2", "--scale", "paper", "--only", &only, "--json"])
    };
    let (part, whole) = (plan("imagenet100"), plan("imagenet1k"));
    let flops = |plan: &Value| plan["cells"][0]["flops"].as_f64().expect("a number");
    let ratio = flops(&part) / flops(&whole);
    assert!((0.09..0.11).contains(&ratio), "{ratio}");
    let missing = part["missing_data"].to_string();
    assert!(missing.contains("imagenet") && missing.contains("https://image-net.org/download.php"), "{missing}");
}

#[test]
fn plan_names_missing_data() {
    let folder = TempDir::new().expect("a folder");
    let text = stdout(folder.path(), &["plan", "table1", "--scale", "paper"]);
    assert!(text.contains("missing data: ") && text.contains("repro data fetch covtype"), "{text}");
    assert!(text.contains("repro data fetch speech-commands"), "{text}");
}

#[test]
fn runs_that_cells_share_are_planned_once() {
    let folder = TempDir::new().expect("a folder");
    let mut document: Value = serde_json::from_str(include_str!("../experiments/table1.json")).expect("JSON");
    // A third arm that differs from the first in its label alone.
    document["axes"]["imix"]["again"] = document["axes"]["imix"]["off"].clone();
    let rules = [
        json!({ "when": { "method": "moco", "imix": "again" }, "set": { "pretext.contrast": "one-plus-k" } }),
        json!({ "when": { "dataset": ["cifar10", "cifar100"], "imix": "again" }, "set": { "pretext.epochs": 1000 } }),
    ];
    document["where"].as_array_mut().expect("rules").extend(rules);
    std::fs::write(folder.path().join("mine.json"), document.to_string()).expect("written");
    let planned = read(folder.path(), &["plan", "mine.json", "--json"]);
    assert_eq!(planned["cells"].as_array().map(Vec::len), Some(36));
    let runs = &planned["pretext_runs"];
    assert_eq!((&runs["todo"], &runs["shared"]), (&48.into(), &24.into()));
}

#[test]
fn why_names_the_settings_that_differ() {
    let folder = TempDir::new().expect("a folder");
    let why = |only: &str| stdout(folder.path(), &["why", "table1", "--trials", "1", "--only", only]);
    let npair = "dataset=covtype,method=npair,imix=on";
    assert!(why(npair).contains("nothing finished to compare with"));

    let (mut cell, data) = demo_cell(npair);
    cell.settings.pretext.epochs = 7;
    finish(folder.path(), &cell, 0, &data, true);
    let text = why(npair);
    let line = text.lines().find(|line| line.contains("pretext.epochs")).expect("the epochs");
    assert_eq!(line.split_whitespace().nth(1), Some("7"), "{text}");
    assert_eq!(text.lines().filter(|line| line.starts_with("      ")).count(), 2, "{text}");

    // Other data and an older revision of the code differ too.
    let (cell, mut data) = demo_cell(npair);
    data.pretext.digest = "other".to_owned();
    std::fs::remove_dir_all(folder.path().join("results")).expect("removed");
    finish(folder.path(), &cell, 0, &data, false);
    assert!(why(npair).contains("data.digest"));

    let (cell, data) = demo_cell(npair);
    finish(folder.path(), &cell, 0, &data, false);
    assert!(why(npair).contains("linear evaluation"));
    finish(folder.path(), &cell, 0, &data, true);
    assert!(why(npair).contains("seed 0: done already"));
}

#[test]
fn a_mistake_ends_with_code_2_and_the_nearest_spelling() {
    let folder = TempDir::new().expect("a folder");
    for (arguments, expected) in [
        (&["plan", "tabel1"][..], "did you mean `table1`?"),
        (&["why", "table1", "--only", "dataset=covtyp"], "did you mean `covtype`?"),
        (&["plan", "table1", "--only", "methods=moco"], "did you mean `method`?"),
        (&["plan", "missing.json"], "cannot read the experiment file missing.json"),
    ] {
        let assert = repro(folder.path(), arguments).assert().code(2);
        let stderr = String::from_utf8_lossy(&assert.get_output().stderr).into_owned();
        assert!(stderr.contains(expected), "{stderr}");
    }
}
