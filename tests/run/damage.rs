//! Files of the results folder that were cut short or altered.

use std::fs;
use std::path::Path;

use crate::bench::Bench;

const ONLY: [&str; 2] = ["--only", "method=byol"];

fn cut(path: &Path) {
    let bytes = fs::read(path).unwrap();
    fs::write(path, &bytes[..bytes.len() / 2]).unwrap();
}

fn flip(path: &Path) {
    let mut bytes = fs::read(path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(path, bytes).unwrap();
}

fn empty(path: &Path) {
    fs::write(path, b"").unwrap();
}

#[test]
fn finished_work_that_was_damaged_is_done_again_with_the_same_result() {
    let bench = Bench::new(1);
    bench.run(&[&ONLY[..], &["--results", "reference"]].concat()).ended(0);
    bench.run(&ONLY).ended(0);
    let files = [
        ("pretext", "encoder.safetensors"),
        ("pretext", "metrics.jsonl"),
        ("pretext", "done.json"),
        ("eval", "result.json"),
        ("eval", "metrics.jsonl"),
    ];
    for (kind, name) in files {
        for damage in [cut, flip, empty] {
            let path = bench.files("results", kind, name).into_values().next().unwrap();
            damage(&path);
            bench.run(&ONLY).ended(0).says(name);
            bench.assert_same("reference", "results");
        }
    }
    bench.run(&ONLY).ended(3);
}

#[test]
fn files_that_only_tell_about_a_run_may_be_damaged() {
    let bench = Bench::new(1);
    bench.run(&ONLY).ended(0);
    for name in ["recipe.json", "provenance.json"] {
        for path in bench.files("results", "pretext", name).values() {
            cut(path);
        }
    }
    bench.run(&ONLY).ended(3);
}

#[test]
fn a_result_of_a_newer_release_is_left_alone() {
    let bench = Bench::new(1);
    bench.run(&ONLY).ended(0);
    let path = bench.files("results", "pretext", "done.json").into_values().next().unwrap();
    let text = fs::read_to_string(&path).unwrap().replacen("\"format\": 1", "\"format\": 99", 1);
    fs::write(&path, &text).unwrap();
    bench.run(&ONLY).ended(1).says("use a newer release of repro");
    assert_eq!(fs::read_to_string(&path).unwrap(), text);
}

#[cfg(target_os = "linux")]
#[test]
fn a_damaged_checkpoint_costs_time_and_changes_nothing() {
    use crate::kill::{children, signal};
    use std::time::Duration;

    let bench = Bench::new(12);
    let arguments = [&ONLY[..], &["--checkpoint-every", "0"]].concat();
    bench.run(&[&arguments[..], &["--results", "reference"]].concat()).ended(0);
    // The newest checkpoint alone, then every one of them.
    for (damage, all) in [(cut as fn(&Path), false), (flip, false), (empty, false), (flip, true), (cut, true)] {
        let _ = fs::remove_dir_all(bench.path("results"));
        let mut run = bench.start(&arguments);
        while bench.files("results", "pretext", "metrics.jsonl").is_empty() {
            std::thread::sleep(Duration::from_millis(5));
        }
        std::thread::sleep(Duration::from_millis(100));
        let workers = children(run.id());
        signal(run.id(), libc::SIGKILL);
        workers.iter().for_each(|worker| signal(*worker, libc::SIGKILL));
        run.wait().unwrap();

        let folder = bench.files("results", "pretext", "recipe.json").into_values().next().unwrap();
        let entries = fs::read_dir(folder.parent().unwrap()).unwrap().map(|entry| entry.unwrap());
        let mut checkpoints: Vec<_> = entries
            .filter(|entry| entry.file_name().to_string_lossy().starts_with("checkpoint-"))
            .map(|entry| (entry.metadata().unwrap().modified().unwrap(), entry.path()))
            .collect();
        checkpoints.sort();
        checkpoints.reverse();
        assert!(!checkpoints.is_empty(), "it was killed too late");
        let damaged = if all { checkpoints.len() } else { 1 };
        checkpoints.iter().take(damaged).for_each(|(_, path)| damage(path));
        bench.run(&arguments).ended(0).says("checkpoint-");
        bench.assert_same("reference", "results");
    }
}
