//! Two machines that share a folder: processes with host names of their own, and locks that go wrong.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant, SystemTime};

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde_json::json;

use crate::bench::{Bench, Ran, read};
use crate::calls::run_with;
use crate::processes::{children, signal};
use crate::reference::Reference;
use crate::shim::{Failing, Shim};
use crate::tally::{Figures, family};

const ARGUMENTS: [&str; 6] = ["--only", "method=npair", "--jobs", "1", "--checkpoint-every", "0"];

/// Starts commands under the name of another machine.
struct Machines {
    as_user: bool,
}

impl Machines {
    fn new() -> Result<Machines, String> {
        let found = [false, true].into_iter().find(|as_user| {
            let output = Machines { as_user: *as_user }.on("alpha", &Command::new("true")).output();
            output.is_ok_and(|output| output.status.success())
        });
        found
            .map(|as_user| Machines { as_user })
            .ok_or_else(|| "no process may have a host name of its own here".to_owned())
    }

    fn on(&self, host: &str, command: &Command) -> Command {
        let mut there = Command::new("unshare");
        there.arg("--uts").args(self.as_user.then_some("--map-root-user"));
        there.args(["sh", "-c", r#"echo "$0" > /proc/sys/kernel/hostname && exec "$@""#, host]);
        there.arg(command.get_program()).args(command.get_args());
        for (name, value) in command.get_envs() {
            match value {
                Some(value) => there.env(name, value),
                None => there.env_remove(name),
            };
        }
        if let Some(folder) = command.get_current_dir() {
            there.current_dir(folder);
        }
        there.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        there
    }

    fn start(&self, host: &str, bench: &Bench, arguments: &[&str]) -> Child {
        self.on(host, &bench.command(arguments)).spawn().unwrap()
    }
}

/// Waits until a run has a checkpoint.
fn wait_for_checkpoint(bench: &Bench) -> PathBuf {
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        if let Some(path) = bench.files("results", "pretext", "metrics.jsonl").into_values().next() {
            return path.parent().unwrap().to_owned();
        }
        assert!(Instant::now() < deadline, "no checkpoint came");
        std::thread::sleep(Duration::from_millis(2));
    }
}

fn end(run: Child) -> Ran {
    run.wait_with_output().unwrap().into()
}

#[test]
fn machines_share_a_folder_whatever_becomes_of_locks() {
    family("two machines and their locks", |figures| {
        let (machines, shim) = (Machines::new()?, Shim::new()?);
        let bench = Bench::new(16);
        let reference = Reference::of(&bench, &ARGUMENTS);
        for is_silent in [false, true] {
            outlived(&machines, &bench, &reference, is_silent, figures);
        }
        for attempt in 0..4 {
            deleted(&machines, &bench, &reference, attempt, figures);
        }
        shared(&machines, figures);
        for error in [libc::ENOLCK, libc::ENOSYS, libc::EOPNOTSUPP] {
            without_locks(&shim, &bench, error, figures);
        }
        Ok(())
    });
}

/// The owner is gone and its lock is not, as on a file server that keeps a lost client's.
fn outlived(machines: &Machines, bench: &Bench, reference: &Reference, is_silent: bool, figures: &mut Figures) {
    let fault = format!("a lock that outlives its owner (silent: {is_silent})");
    let (results, reports) = (bench.path("results"), bench.path("reports"));
    let _ = fs::remove_dir_all(&results);
    let mut owner = machines.start("alpha", bench, &ARGUMENTS);
    let folder = wait_for_checkpoint(bench);
    let workers = children(owner.id());
    signal(owner.id(), libc::SIGKILL);
    workers.iter().for_each(|worker| signal(*worker, libc::SIGKILL));
    owner.wait().unwrap();
    let path = folder.join("lock");
    let lock = File::options().write(true).open(&path).unwrap();
    lock.lock().unwrap();
    if is_silent {
        last_heard_of_an_hour_ago(&folder, &lock);
    }
    let before = reference.finished(&results);
    figures.faults += 1;
    let waiting = machines.start("beta", bench, &ARGUMENTS);
    std::thread::sleep(Duration::from_millis(2500));
    assert!(bench.files("results", "pretext", "done.json").is_empty(), "it did not wait");
    if is_silent {
        // What the message says to do; the old lock is never let go.
        fs::remove_file(&path).unwrap();
    } else {
        lock.unlock().unwrap();
    }
    let ran = end(waiting);
    reference.check(&results, &before, figures, &fault);
    reference.check_end(&ran, &results, &reports, figures, &fault);
    figures.named(&ran, "on alpha, which has had it for", &fault);
    if is_silent {
        let lock = path.strip_prefix(bench.path("")).unwrap().display().to_string();
        figures.named(&ran, &format!("of who holds {lock}"), &fault);
        figures.named(&ran, "If alpha is gone for good, delete that file", &fault);
    } else {
        assert!(!ran.stderr.contains("gone for good"), "{}", ran.stderr);
    }
}

fn last_heard_of_an_hour_ago(folder: &Path, lock: &File) {
    let hour = Duration::from_secs(3600);
    let mut owner = read(&folder.join("lock"));
    assert_eq!(owner["host"], "alpha");
    owner["since"] = json!(owner["since"].as_u64().unwrap() - hour.as_secs());
    fs::write(folder.join("lock"), owner.to_string()).unwrap();
    lock.set_modified(SystemTime::now() - hour).unwrap();
    let path = folder.join("progress.json");
    let mut progress = read(&path);
    progress["told_at"] = json!(progress["told_at"].as_u64().unwrap() - hour.as_secs());
    fs::write(path, progress.to_string()).unwrap();
}

/// Somebody deletes the lock of a living owner again and again, and two machines work in one folder.
fn deleted(machines: &Machines, bench: &Bench, reference: &Reference, attempt: u64, figures: &mut Figures) {
    let fault = format!("locks of living owners deleted, attempt {attempt}");
    let (results, reports) = (bench.path("results"), bench.path("reports"));
    let _ = fs::remove_dir_all(&results);
    let mut draws = ChaCha8Rng::seed_from_u64(attempt);
    let mut first = machines.start("alpha", bench, &ARGUMENTS);
    wait_for_checkpoint(bench);
    let mut second = machines.start("beta", bench, &ARGUMENTS);
    while first.try_wait().unwrap().is_none() || second.try_wait().unwrap().is_none() {
        let before = reference.finished(&results);
        for path in ["pretext", "eval"].iter().flat_map(|kind| bench.files("results", kind, "lock").into_values()) {
            figures.faults += usize::from(fs::remove_file(path).is_ok());
        }
        // In the first attempt once, so that both go on for long; then ever more often.
        let pause = match attempt {
            0 => 60_000,
            more => draws.random_range(0..1500 / more),
        };
        let until = Instant::now() + Duration::from_millis(pause);
        while Instant::now() < until && (first.try_wait().unwrap().is_none() || second.try_wait().unwrap().is_none()) {
            std::thread::sleep(Duration::from_millis(5));
        }
        reference.check(&results, &before, figures, &fault);
    }
    for run in [first, second] {
        let ran = end(run);
        reference.check_end(&ran, &results, &reports, figures, &fault);
    }
}

/// Nothing goes wrong, and nothing is done twice.
fn shared(machines: &Machines, figures: &mut Figures) {
    let bench = Bench::new(2);
    let arguments = ["--trials", "2", "--jobs", "2"];
    let reference = Reference::of(&bench, &arguments);
    figures.faults += 1;
    let runs = ["alpha", "beta"].map(|host| machines.start(host, &bench, &arguments));
    for run in runs {
        reference.check_end(&end(run), &bench.path("results"), &bench.path("reports"), figures, "a shared folder");
    }
    let sessions = bench.sessions("results");
    let twice = sessions.values().filter(|sessions| **sessions != 1).count();
    figures.lost += twice;
    assert_eq!(twice, 0, "{sessions:?}");
}

/// A file system that has no locks.
fn without_locks(shim: &Shim, bench: &Bench, error: i32, figures: &mut Figures) {
    let fault = format!("locking fails with {error}");
    let root = bench.path("").canonicalize().unwrap();
    let before = bench.outcome("results");
    figures.faults += 2;
    let failing = Failing { call: "flock", at: 0, error: error.into(), under: &root };
    let (ran, struck) = run_with(shim, bench, &ARGUMENTS, failing);
    assert!(!struck.is_empty());
    figures.ended(&ran, &[2], &fault);
    figures.named(&ran, "cannot lock results/", &fault);
    figures.named(&ran, "--results DIR", &fault);
    assert!(bench.outcome("results") == before);
    let mut fetch = bench.repro(&["data", "fetch", "covtype", "--data", "data"]);
    shim.put_into(&mut fetch, failing, &bench.path("log"));
    let ran: Ran = fetch.output().unwrap().into();
    figures.ended(&ran, &[2], &fault);
    figures.named(&ran, "cannot lock data/covtype/", &fault);
    figures.named(&ran, "--data DIR", &fault);
}
