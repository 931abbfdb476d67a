//! Files of a release that is yet to come: named, with what to do, and left alone.

use std::collections::HashMap;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::json;

use crate::bench::{Bench, Ran};
use crate::releases::{Placed, contents, fixtures, place};

/// What a JSON file may look like by then: only `format` is promised to be there.
const JSON: &str = r#"{ "format": 99, "entries": [1, 2] }"#;

fn newest() -> (Bench, Placed) {
    place(&fixtures().join("v1"))
}

/// A safetensors file with this in its metadata and not one tensor.
fn tensors(key: &str, value: &str) -> Vec<u8> {
    let none: Vec<(&str, safetensors::tensor::TensorView)> = Vec::new();
    safetensors::serialize(none, Some(HashMap::from([(key.to_owned(), value.to_owned())]))).unwrap()
}

/// The code of a command and what it says of formats, on stdout or stderr.
fn told(bench: &Bench, ran: &Ran) -> String {
    let folder = bench.path("").display().to_string();
    let lines = ran.stdout.lines().chain(ran.stderr.lines()).filter(|line| line.contains("has format"));
    let mut lines: Vec<String> = lines.map(|line| line.trim().replace(&folder, "")).collect();
    lines.dedup();
    format!("{} {}", ran.code.unwrap(), lines.join("\n      ")).trim_end().to_owned()
}

/// A file of the fixture by its run, and the run's method.
fn file(bench: &Bench, placed: &Placed, run: &str, name: &str) -> PathBuf {
    let folder = match placed.pretext.get(run) {
        Some(address) => bench.path("results/pretext").join(address),
        None => bench.path("results/eval").join(&placed.evaluations[run]),
    };
    folder.join(name)
}

fn method(run: &str) -> &str {
    if run == "linear" { "npair" } else { run }
}

#[test]
fn newer_results_are_named_by_every_command_and_left_alone() {
    let cases = [
        ("npair", "done.json"),
        ("npair", "recipe.json"),
        ("npair", "provenance.json"),
        ("linear", "result.json"),
        ("linear", "recipe.json"),
        ("linear", "provenance.json"),
        ("moco", "recipe.json"),
        ("moco", "provenance.json"),
        ("moco", "progress.json"),
        ("moco", "checkpoint-000002-000001.safetensors"),
        ("byol", "failed.json"),
    ];
    let mut text = String::new();
    for (run, name) in cases {
        let (bench, placed) = newest();
        let path = file(&bench, &placed, run, name);
        let newer =
            if name.ends_with(".json") { JSON.into() } else { tensors("repro", &json!({ "format": 99 }).to_string()) };
        assert!(path.exists());
        fs::write(&path, &newer).unwrap();
        let before = contents(path.parent().unwrap());
        let only = format!("method={}", method(run));
        let commands: [(&str, Vec<&str>); 6] = [
            ("why", vec!["why", "tiny.json", "--only", &only]),
            ("watch", vec!["watch", "--once"]),
            ("report", vec!["report", "tiny.json", "--only", &only]),
            ("compare", vec!["compare", "tiny.json", "--only", &only]),
            ("export", vec!["export", &placed.pretext[method(run)]]),
            ("run", vec!["run", "tiny.json", "--only", &only]),
        ];
        writeln!(text, "{run} {name}").unwrap();
        // Nothing depends on how far a run was, so a run goes on beside a newer word of it.
        let commands = if name == "progress.json" { &commands[..5] } else { &commands[..] };
        for (command, arguments) in commands {
            writeln!(text, "  {command}: {}", told(&bench, &bench.program(arguments))).unwrap();
        }
        // What a newer release left is as it left it; that the run failed may be said beside it.
        let after = contents(path.parent().unwrap());
        let is_kept = |path: &Path, bytes: &[u8]| after.get(path).is_some_and(|after| after == bytes);
        let ours =
            |path: &Path| ["recipe.json", "provenance.json", "progress.json"].iter().any(|name| path.ends_with(name));
        for (kept, bytes) in &before {
            let may_change = name.starts_with("checkpoint") && ours(kept);
            assert!(may_change || is_kept(kept, bytes), "{run} {name}: {} was changed", kept.display());
        }
        assert_eq!(fs::read(&path).unwrap(), newer, "{run} {name}");
        for address in placed.pretext.values().chain(placed.evaluations.values()) {
            text = text.replace(address, "<address>");
        }
    }
    insta::assert_snapshot!(text);
}

#[test]
fn newer_experiments_and_encoders_are_named() {
    let (bench, _) = newest();
    let mut text = String::new();
    fs::write(bench.path("newer.json"), r#"{ "format": 99, "id": 7, "panels": {} }"#).unwrap();
    for command in ["check", "plan", "run", "report", "compare", "why", "views"] {
        writeln!(text, "{command}: {}", told(&bench, &bench.program(&[command, "newer.json"]))).unwrap();
    }
    fs::write(bench.path("newer.safetensors"), tensors("repro.format", "99")).unwrap();
    let arguments = ["evaluate", "tiny.json", "--only", "method=npair", "--encoder", "newer.safetensors"];
    let ran = bench.program(&arguments).ended(2);
    writeln!(text, "evaluate: {} {}", ran.code.unwrap(), ran.stderr.trim()).unwrap();
    insta::assert_snapshot!(text);
}

#[test]
fn an_experiment_may_say_its_format() {
    let experiment = fs::read_to_string(fixtures().join("tiny.json")).unwrap();
    let with = |format: &str| experiment.replacen('{', &format!("{{ \"format\": {format},"), 1);
    Bench::of(&with("1")).program(&["check", "tiny.json"]).ended(0);
    for wrong in ["0", "-1", "1.5", "\"1\"", "null"] {
        Bench::of(&with(wrong)).program(&["check", "tiny.json"]).ended(2).says("/format");
    }
}
