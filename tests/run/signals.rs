//! Ctrl-C and termination.

use std::process::Child;
use std::time::{Duration, Instant};

use crate::bench::{Bench, Ran};
use crate::processes::{children, signal};

/// Waits until so many encoders are being trained.
fn wait_for_work(bench: &Bench, encoders: usize) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while bench.files("results", "pretext", "recipe.json").len() < encoders {
        assert!(Instant::now() < deadline, "no work began");
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn end(run: Child) -> Ran {
    run.wait_with_output().unwrap().into()
}

#[test]
fn a_signal_leaves_checkpoints_and_the_next_run_goes_on() {
    let bench = Bench::new(60);
    let arguments = ["--only", "method=npair,method=byol", "--jobs", "2", "--checkpoint-every", "3600"];
    bench.run(&[&arguments[..], &["--results", "reference"]].concat()).ended(0);
    for sent in [libc::SIGINT, libc::SIGTERM] {
        let _ = std::fs::remove_dir_all(bench.path("results"));
        let run = bench.start(&arguments);
        wait_for_work(&bench, 2);
        std::thread::sleep(Duration::from_millis(300));
        signal(run.id(), sent);
        let ran = end(run).ended(130).says("to go on, run the same command again").says("2 not finished");
        assert_eq!(ran.stdout.lines().count(), 2, "no table is printed: {}", ran.stdout);
        assert!(bench.files("results", "pretext", "done.json").is_empty(), "it was too fast to be interrupted");
        assert!(bench.files("results", "pretext", "failed.json").is_empty());
        bench.run(&arguments).ended(0);
        bench.assert_same("reference", "results");
        // Training went on where it was: two sessions for each encoder, one for each evaluation.
        let sessions: Vec<u64> = bench.sessions("results").into_values().collect();
        assert_eq!(sessions.iter().filter(|sessions| **sessions == 2).count(), 2, "{sessions:?}");
    }
}

#[test]
fn a_second_signal_ends_the_run_at_once_with_its_workers() {
    let bench = Bench::new(400);
    let run = bench.start(&["--jobs", "2"]);
    wait_for_work(&bench, 2);
    let workers = children(run.id());
    assert_eq!(workers.len(), 2);
    // Stopped workers cannot end by themselves.
    workers.iter().for_each(|worker| signal(*worker, libc::SIGSTOP));
    signal(run.id(), libc::SIGINT);
    std::thread::sleep(Duration::from_millis(200));
    signal(run.id(), libc::SIGINT);
    end(run).ended(130);
    for worker in workers {
        assert!(!std::path::Path::new(&format!("/proc/{worker}")).exists(), "worker {worker} is still there");
    }
}

#[test]
fn workers_end_with_their_run_and_leave_a_checkpoint() {
    let bench = Bench::new(400);
    let mut run = bench.start(&["--only", "method=moco", "--checkpoint-every", "3600"]);
    wait_for_work(&bench, 1);
    std::thread::sleep(Duration::from_millis(300));
    let workers = children(run.id());
    signal(run.id(), libc::SIGKILL);
    run.wait().unwrap();
    let deadline = Instant::now() + Duration::from_secs(30);
    while workers.iter().any(|worker| std::path::Path::new(&format!("/proc/{worker}/exe")).exists()) {
        assert!(Instant::now() < deadline, "a worker outlived its run");
        std::thread::sleep(Duration::from_millis(20));
    }
    let folder = bench.files("results", "pretext", "recipe.json").into_values().next().unwrap();
    let names = std::fs::read_dir(folder.parent().unwrap()).unwrap();
    let names: Vec<String> = names.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    assert!(names.iter().any(|name| name.starts_with("checkpoint-")), "{names:?}");
}
