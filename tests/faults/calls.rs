//! System calls that fail one after another, and a clock that jumps.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::bench::{Bench, Ran};
use crate::reference::{Finished, Reference};
use crate::shim::{Failing, Shim, failed};
use crate::tally::{Figures, family};

/// A bench with few steps.
pub fn short(epochs: usize) -> Bench {
    Bench::with(epochs, shorten)
}

/// Makes an epoch take three steps: each of them may have a checkpoint, and each of those waits for the disk.
pub fn shorten(experiment: &mut Value) {
    experiment["recipe"]["pretext"]["batch"] = 4096.into();
    experiment["axes"]["method"]["moco"]["set"]["pretext.queue"] = 4096.into();
}

const ARGUMENTS: [&str; 6] = ["--only", "method=npair", "--jobs", "1", "--checkpoint-every", "0"];

/// Runs a bench with a fault, and says where it struck.
pub fn run_with(shim: &Shim, bench: &Bench, arguments: &[&str], failing: Failing) -> (Ran, Vec<String>) {
    let log = bench.path("log");
    let _ = fs::remove_file(&log);
    let mut command = bench.command(arguments);
    shim.put_into(&mut command, failing, &log);
    (command.output().unwrap().into(), failed(&log))
}

/// The folder or file that a message has to name for a path that a call failed on: a temporary one stands for its folder.
fn folder(path: &str) -> String {
    let path = Path::new(path);
    let is_hidden = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
    let shown = if is_hidden { path.parent().unwrap() } else { path };
    // Messages give paths as the command line does.
    let from = shown.components().skip_while(|part| !matches!(part.as_os_str().to_str(), Some("results" | "reports")));
    from.collect::<std::path::PathBuf>().display().to_string()
}

#[test]
fn any_call_may_fail() {
    family("failing system calls", |figures| {
        let shim = Shim::new()?;
        let bench = Bench::with(1, |experiment| {
            shorten(experiment);
            experiment["recipe"]["evaluation"]["pinv"] = Value::Null;
        });
        let reference = Reference::of(&bench, &ARGUMENTS);
        let root = bench.path("").canonicalize().unwrap();
        let calls = [
            ("fsync", libc::EIO),
            ("rename", libc::EIO),
            ("write", libc::ENOSPC),
            ("read", libc::EIO),
            ("open", libc::EACCES),
            ("unlink", libc::EIO),
        ];
        for (call, error) in calls {
            for name in ["results", "reports"] {
                let under = root.join(name);
                let failing = |at| Failing { call, at, error: error.into(), under: &under };
                let struck = (1..).take_while(|at| strike(&shim, &bench, &reference, failing(*at), figures)).count();
                // A report reads none of its own files.
                assert!(struck > 0 || (call, name) == ("read", "reports"), "{call} never failed under {name}");
            }
        }
        Ok(())
    });
}

/// Whether the fault struck. Everything is checked, and ends as if it had not.
fn strike(shim: &Shim, bench: &Bench, reference: &Reference, failing: Failing, figures: &mut Figures) -> bool {
    let (results, reports) = (bench.path("results"), bench.path("reports"));
    // Under the folder of reports it strikes the report of a finished run.
    if failing.under.ends_with("results") {
        let _ = fs::remove_dir_all(&results);
    }
    let _ = fs::remove_dir_all(&reports);
    let before = reference.finished(&results);
    let (ran, struck) = run_with(shim, bench, &ARGUMENTS, failing);
    if struck.is_empty() {
        return false;
    }
    let fault = format!("{} {} failed on {struck:?}", failing.call, failing.at);
    figures.faults += 1;
    figures.heard(&ran, &fault);
    if !matches!(ran.code, Some(0 | 3)) {
        figures.named(&ran, &folder(&struck[0]), &fault);
    }
    reference.check(&results, &before, figures, &fault);
    reference.check_report(&reports, figures, &fault);
    let before = reference.finished(&results);
    let ran = bench.run(&ARGUMENTS);
    reference.check(&results, &before, figures, &fault);
    reference.check_end(&ran, &results, &reports, figures, &fault);
    true
}

#[test]
fn the_time_of_day_may_jump() {
    family("a clock that jumps", |figures| {
        let shim = Shim::new()?;
        let bench = short(2);
        let reference = Reference::of(&bench, &ARGUMENTS);
        const HOUR: i64 = 3600;
        for seconds in [HOUR, 7 * HOUR, -9 * HOUR, 80 * 365 * 24 * HOUR] {
            for at in [0, 1, 2, 5, 9] {
                let fault = format!("the clock jumps by {} h after reading {at}", -seconds / HOUR);
                let _ = fs::remove_dir_all(bench.path("results"));
                let failing = Failing { call: "clock", at, error: seconds, under: Path::new("/") };
                figures.faults += 1;
                let (ran, _) = run_with(&shim, &bench, &ARGUMENTS, failing);
                reference.check_end(&ran, &bench.path("results"), &bench.path("reports"), figures, &fault);
                let before: Finished = reference.finished(&bench.path("results"));
                let (again, _) = run_with(&shim, &bench, &ARGUMENTS, failing);
                reference.check(&bench.path("results"), &before, figures, &fault);
                figures.ended(&again, &[3], &fault);
            }
        }
        Ok(())
    });
}
