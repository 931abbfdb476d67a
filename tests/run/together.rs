//! Several runs on one results folder at the same time.

use std::time::Duration;

use crate::bench::{Bench, METHODS, Ran};
use crate::processes::{children, signal};

#[test]
fn two_runs_share_the_work_and_do_nothing_twice() {
    let bench = Bench::new(4);
    let arguments = ["--trials", "2", "--jobs", "2"];
    bench.run(&[&arguments[..], &["--results", "reference", "--reports", "reference-reports"]].concat()).ended(0);
    let runs: Vec<_> = (0..3).map(|_| bench.start(&arguments)).collect();
    for run in runs {
        let ran = Ran::from(run.wait_with_output().unwrap());
        // A run that starts late may find everything done.
        assert!(matches!(ran.code, Some(0 | 3)), "{}", ran.stderr);
        assert!(ran.stderr.contains("6 of 6 trials done"), "{}", ran.stderr);
    }
    bench.assert_same("reference", "results");
    let sessions = bench.sessions("results");
    assert_eq!(sessions.len(), 2 * METHODS.len() * 3);
    assert!(sessions.values().all(|sessions| *sessions == 1), "{sessions:?}");
}

#[test]
fn a_run_waits_for_another_and_takes_over_when_that_dies() {
    let bench = Bench::new(16);
    let arguments = ["--only", "method=npair", "--checkpoint-every", "0"];
    bench.run(&[&arguments[..], &["--results", "reference", "--reports", "reference-reports"]].concat()).ended(0);
    let mut first = bench.start(&arguments);
    while bench.files("results", "pretext", "metrics.jsonl").is_empty() {
        std::thread::sleep(Duration::from_millis(5));
    }
    let workers = children(first.id());
    // Held still, it cannot finish before the other one comes.
    workers.iter().for_each(|worker| signal(*worker, libc::SIGSTOP));
    let second = bench.start(&arguments);
    std::thread::sleep(Duration::from_millis(1500));
    signal(first.id(), libc::SIGKILL);
    workers.iter().for_each(|worker| signal(*worker, libc::SIGKILL));
    first.wait().unwrap();
    let ran = Ran::from(second.wait_with_output().unwrap()).ended(0);
    ran.says("waiting for another run of repro to finish");
    bench.assert_same("reference", "results");
}
