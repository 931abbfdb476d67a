//! `kill -9` at random moments costs time and nothing else: 200 of them.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde_json::json;

use crate::bench::Bench;
use crate::calls::shorten;
use crate::processes::{children, signal};
use crate::reference::Reference;
use crate::server::{Answer, Server};
use crate::servers::{self, end_download};
use crate::tally::{Figures, family};

/// Of all draws of moments.
const SEED: u64 = 7;

/// Who is killed.
#[derive(Clone, Copy)]
enum Whom {
    Workers,
    Run,
    All,
}

fn start(mut command: Command) -> Child {
    command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

/// Kills a run, its workers, or both, and waits for its end. Returns whether anything was left to kill.
fn kill(run: &mut Child, whom: Whom) -> bool {
    let running = run.try_wait().unwrap().is_none();
    let workers = children(run.id());
    if running && !matches!(whom, Whom::Workers) {
        signal(run.id(), libc::SIGKILL);
    }
    if !matches!(whom, Whom::Run) {
        workers.iter().for_each(|worker| signal(*worker, libc::SIGKILL));
    }
    // With its workers alone killed it ends by itself, by way of the report.
    run.wait().unwrap();
    running
}

/// Kills `kills` runs of a bench at random moments. Whenever one comes to its end it is checked and `begin` sets the results
/// back.
fn kill_runs(bench: &Bench, arguments: &[&str], kills: usize, begin: impl Fn(), figures: &mut Figures) {
    let began = Instant::now();
    let reference = Reference::of(bench, arguments);
    let whole = began.elapsed();
    begin();
    let (results, reports) = (bench.path("results"), bench.path("reports"));
    let mut draws = ChaCha8Rng::seed_from_u64(SEED);
    while figures.faults < kills {
        let fault = format!("kill {} of seed {SEED}", figures.faults);
        let before = reference.finished(&results);
        let mut run = start(bench.command(arguments));
        std::thread::sleep(whole.mul_f64(draws.random_range(0.0..0.8)));
        if kill(&mut run, [Whom::Workers, Whom::Run, Whom::All][figures.faults % 3]) {
            figures.faults += 1;
            reference.check(&results, &before, figures, &fault);
            reference.check_report(&reports, figures, &fault);
        } else {
            let ran = bench.run(arguments);
            reference.check_end(&ran, &results, &reports, figures, &fault);
            begin();
        }
    }
    let ran = bench.run(arguments);
    reference.check_end(&ran, &results, &reports, figures, "the end after all kills");
    let left =
        bench.files("results", "pretext", "done.json").into_values().map(|path| path.parent().unwrap().to_owned());
    for name in left.flat_map(|folder| names(&folder)) {
        assert!(!name.starts_with('.') && !name.starts_with("checkpoint"), "{name} is left over");
    }
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten();
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

fn empty(bench: &Bench) {
    let _ = fs::remove_dir_all(bench.path("results"));
    let _ = fs::remove_dir_all(bench.path("reports"));
}

#[test]
fn killed_runs_end_as_undisturbed_ones() {
    family("kill -9: runs", |figures| {
        let bench = Bench::with(3, |experiment| {
            shorten(experiment);
            // Mixed at hidden layers too: which one is drawn has to come out the same.
            experiment["recipe"]["pretext"]["mix"]["layers"] = json!([0, 2, 5]);
        });
        let arguments = ["--only", "method=moco", "--jobs", "1", "--checkpoint-every", "0"];
        kill_runs(&bench, &arguments, 80, || empty(&bench), figures);
        Ok(())
    });
}

#[test]
fn killed_evaluations_are_done_again_on_the_encoders_that_are_there() {
    family("kill -9: evaluations", |figures| {
        let bench = Bench::with(1, |experiment| experiment["recipe"]["evaluation"]["linear"]["epochs"] = json!(6));
        let arguments = ["--only", "method=byol", "--jobs", "1"];
        let begin = || {
            empty(&bench);
            copy(&bench.path("reference/pretext"), &bench.path("results/pretext"));
        };
        kill_runs(&bench, &arguments, 40, begin, figures);
        Ok(())
    });
}

/// Copies a folder.
pub fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(|entry| entry.unwrap()) {
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

#[test]
fn killed_reports_leave_whole_files_or_none() {
    family("kill -9: reports", |figures| {
        let bench = Bench::new(1);
        let arguments = ["--trials", "2"];
        let reference = Reference::of(&bench, &arguments);
        copy(&bench.path("reference"), &bench.path("results"));
        let report = || bench.repro(&["report", "tiny.json", "--trials", "2"]);
        let before = reference.finished(&bench.path("results"));
        let (results, reports) = (bench.path("results"), bench.path("reports"));
        let began = Instant::now();
        assert_eq!(start(report()).wait().unwrap().code(), Some(0));
        let whole = began.elapsed();
        let mut draws = ChaCha8Rng::seed_from_u64(SEED);
        while figures.faults < 50 {
            let _ = fs::remove_dir_all(&reports);
            let mut run = start(report());
            std::thread::sleep(whole.mul_f64(draws.random_range(0.0..1.0)));
            if kill(&mut run, Whom::All) {
                let fault = format!("kill {} of seed {SEED}", figures.faults);
                figures.faults += 1;
                reference.check(&results, &before, figures, &fault);
                reference.check_files(&reports, figures, &fault);
            }
        }
        let ran = bench.program(&["report", "tiny.json", "--trials", "2"]);
        reference.check_end(&ran, &results, &reports, figures, "the end after all kills");
        Ok(())
    });
}

#[test]
fn killed_downloads_keep_what_came_and_go_on() {
    family("kill -9: downloads", |figures| {
        let bench = Bench::new(1);
        let bytes = servers::bytes();
        let server = Server::start(vec![Answer::Drip(bytes.clone(), Duration::from_millis(12))]);
        let part = bench.path("data/covtype/covtype.data.gz.part");
        let mut draws = ChaCha8Rng::seed_from_u64(SEED);
        let mut have = 0;
        while figures.faults < 30 {
            let mut command = bench.repro(&["data", "fetch", "covtype", "--data", "data"]);
            command.env("REPRO_DATA_URL", &server.url);
            let mut run = start(command);
            std::thread::sleep(Duration::from_millis(draws.random_range(0..150)));
            assert!(kill(&mut run, Whom::All), "the download was over too soon");
            let fault = format!("kill {} of seed {SEED}", figures.faults);
            figures.faults += 1;
            let kept = fs::read(&part).unwrap_or_default();
            if kept.len() < have || bench.path("data/covtype/covtype.data.gz").exists() {
                figures.lost += 1;
                figures.note(format!("{fault}: {} bytes are left of {have}", kept.len()));
            }
            if kept[..] != bytes[..kept.len()] {
                figures.wrong += 1;
                figures.note(format!("{fault}: the first {} bytes are not those sent", kept.len()));
            }
            have = kept.len();
        }
        end_download(&bench.path("data"), &bytes, have)
    });
}
