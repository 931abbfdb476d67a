//! Results that earlier releases left (tests/fixtures/results) are read, reported, and gone on with.
//!
//! Processors round differently, so nothing here computes a number anew and asks for the same.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use imix_repro::data::Library;
use imix_repro::experiment::{Experiment, Filter, Scale};
use imix_repro::recipe::Address;
use imix_repro::store::{Checkpoint, Results, RunFolder};
use serde_json::Value;

use crate::bench::{Bench, read};

/// Addresses of the runs that lie in a bench's results.
pub struct Placed {
    /// Of pretext runs, by method.
    pub pretext: BTreeMap<String, String>,
    /// Of the evaluations of N-pair's encoder, by kind.
    pub evaluations: BTreeMap<String, String>,
}

pub fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/results")
}

/// The folders of all releases.
fn versions() -> Vec<PathBuf> {
    let entries = fs::read_dir(fixtures()).unwrap().map(|entry| entry.unwrap().path());
    let mut versions: Vec<PathBuf> = entries.filter(|path| path.is_dir()).collect();
    versions.sort();
    assert!(!versions.is_empty());
    versions
}

/// Results of a release, where this release looks for them. Addresses are others once the revision of a component is
/// raised, which is not what these tests are about.
pub fn place(version: &Path) -> (Bench, Placed) {
    let bench = Bench::of(&fs::read_to_string(fixtures().join("tiny.json")).unwrap());
    let results = Results::new(bench.path("results"));
    let experiment = Experiment::load(bench.path("tiny.json").to_str().unwrap()).unwrap();
    let mut placed = Placed { pretext: BTreeMap::new(), evaluations: BTreeMap::new() };
    for cell in experiment.cells(Scale::Demo, &Filter::default()).unwrap() {
        let method = cell.value("method").unwrap().to_owned();
        let trial = cell.trial(0, &cell.identify(Library::published).unwrap());
        let old = |kind: &str, is_it: &dyn Fn(&Value) -> bool| {
            let mut folders = fs::read_dir(version.join(kind)).unwrap().map(|entry| entry.unwrap().path());
            folders.find(|folder| is_it(&read(&folder.join("recipe.json"))["body"]))
        };
        let from = old("pretext", &|recipe| recipe["pretext"]["method"] == method.as_str()).expect("a pretext run");
        let old_encoder = from.file_name().unwrap().to_str().unwrap().to_owned();
        let address = trial.pretext.unwrap().address();
        copy(&from, results.pretext(&address).path(), address.as_str());
        for recipe in trial.evaluations {
            let kind = recipe.evaluation.id();
            let is_it = |old: &Value| old["encoder"] == old_encoder.as_str() && old["evaluation"]["kind"] == kind;
            if let Some(from) = old("eval", &is_it) {
                let address = recipe.address();
                copy(&from, results.evaluation(&address).path(), address.as_str());
                placed.evaluations.insert(kind.to_owned(), address.to_string());
            }
        }
        placed.pretext.insert(method, address.to_string());
    }
    (bench, placed)
}

/// A checkpoint as it would be at another address, which its header names and, from format 2 on, vouches for.
fn readdressed(bytes: &[u8], old: &str, address: &str) -> Vec<u8> {
    let of = |text: &str| -> Address { serde_json::from_value(text.into()).unwrap() };
    let at = bytes.windows(old.len()).position(|part| part == old.as_bytes()).expect("the run's address");
    let replaced = [&bytes[..at], address.as_bytes(), &bytes[at + old.len()..]].concat();
    let path = Path::new("checkpoint");
    match Checkpoint::parse(&replaced, path, &of(address)) {
        Ok(_) => replaced,
        Err(_) => Checkpoint::parse(bytes, path, &of(old)).unwrap().to_bytes(&of(address)).unwrap(),
    }
}

/// Copies a run's folder.
fn copy(from: &Path, to: &Path, address: &str) {
    fs::create_dir_all(to).unwrap();
    let old = from.file_name().unwrap().to_str().unwrap();
    for path in fs::read_dir(from).unwrap().map(|entry| entry.unwrap().path()) {
        let name = path.file_name().unwrap().to_str().unwrap();
        let mut bytes = fs::read(&path).unwrap();
        if name.starts_with("checkpoint") {
            bytes = readdressed(&bytes, old, address);
        }
        fs::write(to.join(name), bytes).unwrap();
    }
}

fn checkpoint_of(folder: &Path) -> PathBuf {
    let mut entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.find(|path| path.file_name().unwrap().to_string_lossy().starts_with("checkpoint-")).expect("a checkpoint")
}

/// Every file under a folder, but for locks.
pub fn contents(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    for path in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        if path.is_dir() {
            found.extend(contents(&path));
        } else if path.file_name().unwrap() != "lock" {
            let bytes = fs::read(&path).unwrap();
            found.insert(path, bytes);
        }
    }
    found
}

#[test]
fn finished_results_are_reported_as_they_are_and_not_done_again() {
    for version in versions() {
        let (bench, placed) = place(&version);
        let before = contents(&bench.path("results"));
        bench.run(&["--only", "method=npair"]).ended(3).says("nothing to do");
        let compared: Value =
            serde_json::from_str(&bench.program(&["compare", "tiny.json", "--json"]).ended(0).stdout).unwrap();
        let mut readings = BTreeMap::new();
        for (kind, address) in &placed.evaluations {
            let result = read(&bench.path("results/eval").join(address).join("result.json"));
            let own = result["body"]["readings"].as_object().unwrap().clone();
            assert!(!own.is_empty(), "{kind}");
            readings.extend(own);
        }
        let cell = &compared[0];
        assert_eq!((&cell["method"], &cell["n"]), (&"npair".into(), &1.into()));
        assert_eq!(cell["mean"], readings["linear/last/test-rate"]);
        for (name, value) in &readings {
            assert_eq!(cell["readings"][name]["mean"], *value, "{name}");
        }
        assert_eq!(cell["readings"].as_object().unwrap().len(), readings.len());
        assert_eq!((&compared[1]["n"], &compared[2]["n"]), (&0.into(), &0.into()));
        assert!(!bench.program(&["report", "tiny.json"]).ended(0).stdout.contains("warning"));
        let page = fs::read_to_string(bench.path("reports/tiny/demo/runs.csv")).unwrap();
        assert!(page.contains(&placed.pretext["npair"]) && page.contains("imix-repro 0.1.0"), "{page}");
        let losses = fs::read_to_string(bench.path("reports/tiny/demo/learning.csv")).unwrap();
        assert_eq!(losses.lines().count(), 1 + 8, "{losses}");
        assert!(contents(&bench.path("results")) == before, "reading changed the results");
    }
}

#[test]
fn unfinished_results_are_understood() {
    for version in versions() {
        let (bench, placed) = place(&version);
        let why = bench.program(&["why", "tiny.json"]).ended(0).stdout;
        let states = ["N-pair, seed 0: done already", "started and not finished", "failed: the loss is NaN at step 3"];
        assert!(states.iter().all(|state| why.contains(state)), "{why}");
        assert!(why.contains("pretext.method") && why.contains(&placed.pretext["npair"]), "{why}");
        let progress = RunFolder::at(bench.path("results/pretext").join(&placed.pretext["moco"])).read_progress();
        let progress = progress.unwrap().expect("one that was killed leaves it");
        assert_eq!((progress.label.as_str(), progress.host.as_str()), ("moco seed 0 pretext", "example"));
        assert_eq!(progress.at.unwrap().of, 8);
        // It was killed long ago.
        assert_eq!(bench.program(&["watch", "--once"]).ended(0).stdout, "nothing runs in results\n");
    }
}

#[test]
fn a_run_goes_on_from_its_checkpoint() {
    for version in versions() {
        let (bench, placed) = place(&version);
        let folder = bench.path("results/pretext").join(&placed.pretext["moco"]);
        // A number that no training gives: it stands in the end if the epochs before the checkpoint were not done again.
        let metrics = fs::read_to_string(folder.join("metrics.jsonl")).unwrap();
        let (first, rest) = metrics.split_once('\n').unwrap();
        let mut marked: Value = serde_json::from_str(first).unwrap();
        marked["loss"] = 123.25.into();
        let metrics = format!("{marked}\n{rest}");
        fs::write(folder.join("metrics.jsonl"), &metrics).unwrap();
        let path = checkpoint_of(&folder);
        let address: Address = serde_json::from_value(placed.pretext["moco"].as_str().into()).unwrap();
        let mut checkpoint = Checkpoint::parse(&fs::read(&path).unwrap(), &path, &address).unwrap();
        // From format 2 on the epochs' metrics are in it as well.
        if checkpoint.state.contains_key("metrics") {
            checkpoint.state.insert("metrics".to_owned(), metrics.into());
            fs::write(&path, checkpoint.to_bytes(&address).unwrap()).unwrap();
        }
        let ran = bench.run(&["--only", "method=moco"]).ended(0);
        assert!(!ran.stderr.contains("checkpoint"), "{}", ran.stderr);
        let lines = fs::read_to_string(folder.join("metrics.jsonl")).unwrap();
        assert_eq!(lines.lines().next().unwrap(), marked.to_string());
        assert_eq!(lines.lines().count(), 8);
        assert_eq!(bench.sessions("results")[&placed.pretext["moco"]], 2);
        assert!(folder.join("done.json").exists() && !folder.join("progress.json").exists());
        bench.run(&["--only", "method=moco"]).ended(3);
    }
}

#[test]
fn exported_encoders_are_read_again() {
    for version in versions() {
        let (bench, placed) = place(&version);
        bench.program(&["export", &placed.pretext["npair"], "--output", "again.safetensors"]).ended(0);
        fs::copy(version.join("exported.safetensors"), bench.path("then.safetensors")).unwrap();
        let encoder = format!("results/pretext/{}/encoder.safetensors", placed.pretext["npair"]);
        let mut said = Vec::new();
        for file in ["again.safetensors", "then.safetensors", &encoder] {
            let arguments = ["evaluate", "tiny.json", "--only", "method=npair", "--json", "--encoder", file];
            let ran = bench.program(&arguments).ended(0).says("ResNet-18");
            let said_of: Value = serde_json::from_str(&ran.stdout).unwrap();
            said.push(said_of["readings"].clone());
        }
        // On one machine, one encoder has one accuracy.
        assert!(said[0] == said[1] && said[1] == said[2], "{said:?}");
    }
}
