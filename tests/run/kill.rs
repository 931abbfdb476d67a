//! `kill -9` at random moments costs time and nothing else.

use std::fs;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde_json::json;

use crate::bench::Bench;

const KILLS: usize = 20;

/// Processes that a process started and that are still there.
pub fn children(parent: u32) -> Vec<u32> {
    let entries = fs::read_dir("/proc").unwrap().filter_map(Result::ok);
    let processes = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let parent_of = |process: u32| -> Option<u32> {
        let stat = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
        // The name, in brackets, may hold spaces.
        stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()
    };
    processes.filter(|process| parent_of(*process) == Some(parent)).collect()
}

pub fn signal(process: u32, signal: i32) {
    // SAFETY: `kill` takes plain numbers; a process that is gone makes it fail, which is fine here.
    unsafe { libc::kill(process as libc::pid_t, signal) };
}

/// Kills a run, its workers, or both, and waits for its end. Returns whether anything was left to kill.
fn kill(run: &mut Child, whom: usize) -> bool {
    let running = run.try_wait().unwrap().is_none();
    let workers = children(run.id());
    if running && whom != 0 {
        signal(run.id(), libc::SIGKILL);
    }
    if whom != 1 {
        workers.iter().for_each(|worker| signal(*worker, libc::SIGKILL));
    }
    // With its workers alone killed it ends by itself, by way of the report.
    run.wait().unwrap();
    running
}

#[test]
fn a_run_killed_at_random_moments_ends_as_an_uninterrupted_one() {
    // Mixed at hidden layers too: which one is drawn has to come out the same.
    let bench = Bench::with(6, |experiment| experiment["recipe"]["pretext"]["mix"]["layers"] = json!([0, 2, 5]));
    let only = ["--only", "method=moco", "--checkpoint-every", "0"];
    let began = Instant::now();
    bench.run(&[&only[..], &["--jobs", "2", "--results", "reference"]].concat()).ended(0);
    let whole = began.elapsed();

    let mut draws = ChaCha8Rng::seed_from_u64(0);
    let mut kills = 0;
    let arguments = [&only[..], &["--jobs", "1"]].concat();
    while kills < KILLS {
        let mut run = bench.command(&arguments).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        std::thread::sleep(whole.mul_f64(draws.random_range(0.0..0.8)));
        if kill(&mut run, kills % 3) {
            kills += 1;
        } else {
            bench.assert_same("reference", "results");
            fs::remove_dir_all(bench.path("results")).unwrap();
        }
    }
    let last = bench.run(&arguments);
    assert!(matches!(last.code, Some(0 | 3)), "{}", last.stderr);
    bench.assert_same("reference", "results");
    let left = fs::read_dir(bench.files("results", "pretext", "done.json").values().next().unwrap().parent().unwrap());
    let names: Vec<String> = left.unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    assert!(!names.iter().any(|name| name.starts_with('.') || name.starts_with("checkpoint")), "{names:?}");
}

#[test]
fn a_killed_worker_is_reported_and_its_trial_goes_on_in_the_next_run() {
    let bench = Bench::new(16);
    let only = ["--only", "method=npair", "--checkpoint-every", "0"];
    let run = bench.start(&only);
    let deadline = Instant::now() + Duration::from_secs(60);
    while bench.files("results", "pretext", "metrics.jsonl").is_empty() {
        assert!(Instant::now() < deadline, "no checkpoint came");
        std::thread::sleep(Duration::from_millis(5));
    }
    children(run.id()).into_iter().for_each(|worker| signal(worker, libc::SIGKILL));
    let ran = crate::bench::Ran::from(run.wait_with_output().unwrap()).ended(1);
    ran.says("(crash): the worker process was killed by signal 9").says("method=npair").says("results/pretext/");
    bench.run(&only).ended(0);
    assert!(bench.sessions("results").values().any(|sessions| *sessions == 2));
}
