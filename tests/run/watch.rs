//! `repro watch` beside a run.

use std::fs;
use std::io::{BufRead, BufReader};
use std::process::Stdio;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::bench::{Bench, Ran};
use crate::processes::{children, signal};

const ONLY: [&str; 2] = ["--only", "method=npair"];

fn watch(bench: &Bench, arguments: &[&str]) -> Ran {
    Ran::from(bench.repro(&[&["watch"], arguments].concat()).output().unwrap())
}

/// What `watch --json` says once `wanted` holds for it.
fn until(bench: &Bench, wanted: impl Fn(&Value) -> bool) -> Value {
    let deadline = Instant::now() + Duration::from_secs(120);
    loop {
        // Before its first trial the run has no folder of results yet.
        if bench.path("results").is_dir() {
            let ran = watch(bench, &["--json"]).ended(0);
            let found: Value = serde_json::from_str(&ran.stdout).unwrap();
            if wanted(&found) {
                return found;
            }
        }
        assert!(Instant::now() < deadline);
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_run_is_seen_from_elsewhere_and_leaves_no_trace_of_it() {
    let bench = Bench::new(400);
    watch(&bench, &[]).ended(2).says("there is no folder results; name that of a run with --results DIR");
    let mut run = bench.command(&ONLY).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();

    let found = until(&bench, |found| found[0]["at"]["items_per_second"].is_number());
    let (one, at) = (&found[0], &found[0]["at"]);
    assert_eq!(one["label"], "npair seed 0 pretext");
    assert_eq!((&one["experiments"][0], &at["stage"], &at["of"]), (&"tiny".into(), &"epoch".into(), &400.into()));
    let number = |name: &str| at[name].as_f64().unwrap();
    assert!(number("loss") > 0.0 && number("fraction") > 0.0 && number("fraction") < 1.0, "{one}");
    assert!(number("items_per_second") > 1.0 && number("seconds_left") > 0.0, "{one}");
    assert!(one["folder"].as_str().unwrap().starts_with("pretext/"), "{one}");

    let table = watch(&bench, &["tiny.json", "--once"]).ended(0).stdout;
    assert!(table.starts_with("running") && table.contains("items/s") && table.contains("/400"), "{table}");
    assert_eq!(watch(&bench, &["table1", "--once"]).ended(0).stdout, "nothing runs in results\n");
    assert!(watch(&bench, &["all", "--once"]).ended(0).stdout.contains("npair seed 0 pretext"));
    watch(&bench, &["tabel1"]).ended(2).says("did you mean `table1`?");

    let mut watching = bench.repro(&["watch"]).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(watching.stdout.take().unwrap()).lines().map(Result::unwrap);
    let line = lines.next().unwrap();
    assert!(line.starts_with("running npair seed 0 pretext: epoch "), "{line}");
    signal(run.id(), libc::SIGINT);
    assert_eq!(run.wait().unwrap().code(), Some(130));
    assert_eq!(lines.last().unwrap(), "nothing runs in results any more");
    assert_eq!(watching.wait().unwrap().code(), Some(0));
    assert!(bench.files("results", "pretext", "progress.json").is_empty());
    assert!(bench.files("results", "eval", "progress.json").is_empty());
}

#[test]
fn work_whose_progress_cannot_be_written_is_done_all_the_same() {
    let bench = Bench::new(2);
    bench.run(&[&ONLY[..], &["--results", "reference", "--reports", "reference-reports"]].concat()).ended(0);
    for kind in ["pretext", "eval"] {
        for address in bench.files("reference", kind, "recipe.json").into_keys() {
            fs::create_dir_all(bench.path("results").join(kind).join(address).join("progress.json")).unwrap();
        }
    }
    bench.run(&ONLY).ended(0);
    bench.assert_same("reference", "results");
    assert_eq!(watch(&bench, &["--once"]).ended(0).stdout, "nothing runs in results\n");
}

#[test]
fn a_killed_worker_is_not_shown() {
    let bench = Bench::new(400);
    let mut run = bench.command(&ONLY).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    until(&bench, |found| found[0]["at"].is_object());
    let workers = children(run.id());
    signal(run.id(), libc::SIGKILL);
    workers.iter().for_each(|worker| signal(*worker, libc::SIGKILL));
    run.wait().unwrap();
    until(&bench, |found| found.as_array().unwrap().is_empty());
    assert_eq!(bench.files("results", "pretext", "progress.json").len(), 1);
}
