//! Trials that fail, and runs that cannot begin.

use std::fs;

use serde_json::json;

use crate::bench::{Bench, read};

#[test]
fn a_failed_trial_stops_no_other_and_is_tried_again() {
    let bench = Bench::with(1, |experiment| {
        // Each step multiplies the weights by about a million.
        let set = &mut experiment["axes"]["method"]["moco"]["set"];
        set["pretext.base_rate"] = json!(1e6);
        set["pretext.weight_decay"] = json!(0.9);
    });
    for _ in 0..2 {
        let ran = bench.run(&[]).ended(1).says("pretext of seed 0 failed (collapse)").says("cell:   method=moco");
        ran.says("at step").says("results/pretext/").says("2 of 3 trials done").says("1 failed");
    }
    let failed = bench.files("results", "pretext", "failed.json");
    assert_eq!(failed.len(), 1);
    assert_eq!(read(failed.values().next().unwrap())["body"]["kind"]["kind"], "collapse");
    // Its evaluations were never begun.
    assert_eq!(bench.files("results", "eval", "recipe.json").len(), 4);
}

#[test]
fn missing_data_is_reported_with_the_way_to_get_it() {
    let bench = Bench::with(1, |experiment| {
        experiment["axes"]["method"]["moco"]["set"]["data.part"] = json!("full");
    });
    bench.run(&["--only", "method=moco"]).ended(2).says("repro data fetch covtype");
    bench.run(&[]).ended(1).says("repro data fetch covtype").says("2 of 2 trials done");
}

#[test]
fn a_folder_that_cannot_be_written_to_is_named() {
    let bench = Bench::new(1);
    fs::write(bench.path("taken"), "").unwrap();
    bench.run(&["--results", "taken"]).ended(2).says("taken").says("--results DIR");
    bench.run(&["--reports", "taken/deeper"]).ended(2).says("taken/deeper").says("--reports DIR");
}

#[test]
fn wrong_options_are_refused_before_any_work() {
    let bench = Bench::new(1);
    bench.run(&["--device", "cuda:0"]).ended(2).says("no CUDA support");
    bench.run(&["--device", "cuda:0-7"]).ended(2).says("--device cuda:0-7: this build of repro has no CUDA support");
    bench.run(&["--device", "tpu"]).ended(2).says("expected auto, cpu, cuda:N or cuda:FIRST-LAST");
    bench.run(&["--jobs", "0"]).ended(2);
    bench.run(&["--checkpoint-every", "-1"]).ended(2);
    bench.run(&["--only", "method=mocco"]).ended(2).says("moco");
    assert!(!bench.path("results").exists());
}

#[test]
fn a_worker_started_by_hand_says_what_it_is_for() {
    let bench = Bench::new(1);
    let requests = bench.path("requests");
    fs::write(&requests, "hello\n").unwrap();
    let mut worker = std::process::Command::new(env!("CARGO_BIN_EXE_repro"));
    let output = worker.arg("worker").stdin(fs::File::open(requests).unwrap()).output().unwrap();
    crate::bench::Ran::from(output).ended(2).says("started by `repro run`");
}

#[cfg(target_os = "linux")]
#[test]
fn a_killed_worker_is_reported_and_its_trial_goes_on_in_the_next_run() {
    use crate::processes::{children, signal};
    use std::time::{Duration, Instant};

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

#[test]
fn a_result_of_a_newer_release_is_left_alone() {
    let bench = Bench::new(1);
    let only = ["--only", "method=byol"];
    bench.run(&only).ended(0);
    let path = bench.files("results", "pretext", "done.json").into_values().next().unwrap();
    let mut newer = read(&path);
    newer["format"] = json!(99);
    let sealed = format!("99 {}", newer["body"]);
    newer["sha256"] = json!(imix_repro::store::checksum(sealed.as_bytes()));
    fs::write(&path, newer.to_string()).unwrap();
    bench.run(&only).ended(1).says("use a newer release of repro");
    assert_eq!(read(&path), newer);
}
