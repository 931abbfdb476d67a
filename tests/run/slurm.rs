//! `repro run --executor slurm` on a real cluster of one node.

mod cluster;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use imix_repro::runner::Work;
use serde_json::{Map, Value, json};

use crate::bench::{Bench, Ran, read};
use crate::processes::signal;
use cluster::Cluster;

/// Characters that shells, Slurm or both give a meaning to.
const RESULTS: &str = "it's 100% \"ünï\" #a";
/// Trials of the experiment; the last one fails.
const TRIALS: usize = 8;

/// Eight cells of one trial, so many epochs each.
fn bench(epochs: usize) -> Bench {
    Bench::with(epochs, |experiment| {
        let mut rates = Map::new();
        for trial in 1..TRIALS {
            let rate = trial as f64 / 32.0;
            rates.insert(
                format!("r{trial}"),
                json!({ "label": format!("{rate}"), "set": { "pretext.base_rate": rate } }),
            );
        }
        // Each step multiplies the weights by about a million.
        let broken = json!({ "pretext.base_rate": 1e6, "pretext.weight_decay": 0.9 });
        rates.insert("broken".to_owned(), json!({ "label": "broken", "set": broken }));
        experiment["axes"] = json!({ "rate": rates });
        let recipe = &mut experiment["recipe"]["pretext"];
        (recipe["method"], recipe["temperature"]) = ("npair".into(), json!(0.1));
        experiment.as_object_mut().unwrap().remove("paper");
        experiment["report"]["rows"] = "rate".into();
    })
}

/// The program with a cluster.
struct Site {
    bench: Bench,
    cluster: Cluster,
}

impl Site {
    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.bench.repro(&[&["--results", RESULTS], arguments].concat());
        command.env("SLURM_CONF", self.cluster.configuration());
        command
    }

    fn repro(&self, arguments: &[&str]) -> Ran {
        self.command(arguments).output().unwrap().into()
    }

    fn start(&self, arguments: &[&str]) -> Child {
        self.command(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    }

    /// The job of the first array of the only submission, and the folder of that.
    fn job(&self) -> (u64, PathBuf) {
        let mut job = None;
        until("a submission", || {
            let folders = fs::read_dir(self.bench.path(RESULTS).join("slurm")).into_iter().flatten();
            for folder in folders.map(|entry| entry.unwrap().path()).filter(|path| path.is_dir()) {
                let number = read_if_there(&folder.join("submission.json"))["body"]["arrays"][0]["job"].as_u64();
                job = number.map(|number| (number, folder)).or(job.take());
            }
            job.is_some()
        });
        job.unwrap()
    }

    /// Every byte of work that did not fail: when that wrote its last checkpoint is not determined.
    fn outcome(&self, results: &str) -> BTreeMap<String, Vec<u8>> {
        let mut outcome = self.bench.outcome(results);
        outcome.retain(|name, _| !self.bench.path(results).join(name).with_file_name("failed.json").exists());
        assert_eq!(outcome.len(), 7 * (3 + 2 * 2));
        outcome
    }

    fn status(&self) -> Vec<Value> {
        let ran = self.repro(&["status", "tiny.json", "--json"]).ended(0);
        serde_json::from_str(&ran.stdout).unwrap()
    }
}

fn read_if_there(path: &Path) -> Value {
    if path.exists() { read(path) } else { Value::Null }
}

#[track_caller]
fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(240);
    while !holds() {
        assert!(Instant::now() < deadline, "{what} did not come");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// The processes that do the work of a task of a job.
fn workers(job: u64, index: usize) -> Vec<u32> {
    let entries = fs::read_dir("/proc").unwrap().filter_map(Result::ok);
    let processes = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let holds = |process: u32, file: &str, text: &str| {
        let bytes = fs::read(format!("/proc/{process}/{file}")).unwrap_or_default();
        bytes.split(|byte| *byte == 0).any(|part| part == text.as_bytes())
    };
    let (job, index) = (format!("SLURM_ARRAY_JOB_ID={job}"), format!("SLURM_ARRAY_TASK_ID={index}"));
    processes
        .filter(|&process| holds(process, "cmdline", "slurm-task"))
        .filter(|&process| holds(process, "environ", &job) && holds(process, "environ", &index))
        .collect()
}

/// Tasks in a state.
fn count(tasks: &[Value], state: &str) -> usize {
    tasks.iter().filter(|task| task["state"] == state).count()
}

#[test]
fn an_array_comes_through_everything_with_the_results_of_a_local_run() {
    let Some(cluster) = Cluster::start() else { return };
    let site = Site { bench: bench(40), cluster };
    let local = ["run", "tiny.json", "--results", "reference", "--reports", "reference-reports"];
    site.bench.program(&local).ended(1).says("7 of 8 trials done, 1 failed");

    let arguments = [
        "run",
        "tiny.json",
        "--executor",
        "slurm",
        "--gpus",
        "1",
        "--wait",
        "--checkpoint-every",
        "0.1",
        "--",
        "--mem=50M",
    ];
    let waiting = site.start(&arguments);
    let (job, folder) = site.job();
    let log = |index: usize| fs::read_to_string(folder.join(format!("0-{index}.log"))).unwrap_or_default();
    let record = read(&folder.join("submission.json"));
    let metrics = |index: usize| {
        let work = record["body"]["arrays"][0]["tasks"][index][0]["work"].clone();
        let address = serde_json::from_value::<Work>(work).unwrap().address();
        site.bench.path(RESULTS).join("pretext").join(address.as_str()).join("metrics.jsonl")
    };
    let began = |index: usize| until("an epoch", || fs::read(metrics(index)).is_ok_and(|lines| !lines.is_empty()));

    // One is killed, one is told that its time is up.
    began(0);
    workers(job, 0).into_iter().for_each(|process| signal(process, libc::SIGKILL));
    began(1);
    // It asks again and again, as the job is gone before its answer, so nobody waits for it.
    let mut signalling =
        site.cluster.command("scancel", &["--signal=USR1", "--batch", &format!("{job}_1")]).spawn().unwrap();
    until("the first end of a task whose time is up", || log(1).contains("stopped"));
    signalling.kill().unwrap();
    signalling.wait().unwrap();
    until("the end of the killed task", || site.cluster.state(&format!("{job}_0")) == "FAILED");

    // A job of a better partition takes the whole node; the controller is away for a moment; the node dies.
    began(2);
    let urgent = ["--parsable", "--partition=urgent", "--gres=gpu:2", "--output=/dev/null", "--wrap=sleep 1"];
    let urgent = site.cluster.slurm("sbatch", &urgent);
    until("the end of the urgent job", || site.cluster.state(&urgent) == "COMPLETED");
    began(3);
    site.cluster.restart_controller();
    began(4);
    site.cluster.fail_node();

    let ran = Ran::from(waiting.wait_with_output().unwrap()).ended(1);
    let ran = ran.says("pretext of seed 0 failed (collapse)").says(&format!("task {job}_0 of Slurm ended as FAILED"));
    ran.says("6 of 8 trials done, 2 failed");
    let tasks = site.status();
    assert_eq!((tasks.len(), count(&tasks, "done"), count(&tasks, "failed")), (16, 12, 1), "{tasks:?}");
    let of = |task: String| tasks.iter().find(|one| one["task"] == task).unwrap();
    assert_eq!(of(format!("{job}_0"))["slurm"], "FAILED");
    assert!(of(format!("{job}_0"))["detail"].as_str().unwrap().contains("checkpoint after epoch"), "{tasks:?}");
    let starts: usize = (0..TRIALS).map(|index| log(index).matches("started").count()).sum();
    assert!(starts >= TRIALS + 2, "a task whose time is up and one that is preempted start again: {starts}");
    // A failure of the work is not tried again by itself.
    assert_eq!(log(7).matches("failed").count(), 1, "{}", log(7));

    // The killed one goes on from its checkpoint, the broken one fails anew; nothing else is submitted.
    let ran = site.repro(&arguments).ended(1);
    ran.says("2 tasks").says("7 of 8 trials done, 6 of them before this run, 1 failed");
    assert!(site.outcome("reference") == site.outcome(RESULTS), "the results differ from those of a local run");
    let sessions = site.bench.sessions(RESULTS);
    assert!(sessions.values().filter(|sessions| **sessions > 1).count() >= 3, "{sessions:?}");
    site.repro(&["cancel"]).ended(3);
}

#[test]
fn tasks_are_submitted_once_and_can_be_cancelled() {
    let Some(cluster) = Cluster::start() else { return };
    let site = Site { bench: bench(3000), cluster };
    let run = ["run", "tiny.json", "--executor", "slurm", "--only", "rate=r1,rate=r2,rate=r3", "--gpus", "1"];
    site.repro(&run).ended(0).says("submitted job arrays").says("3 tasks");
    let (job, folder) = site.job();
    until("work", || fs::read_to_string(folder.join("0-0.log")).unwrap_or_default().contains("started"));

    site.repro(&run).ended(0).says("9 of them are queued or running in Slurm already and not submitted again");
    let tasks = site.status();
    assert_eq!((tasks.len(), count(&tasks, "done")), (6, 0), "{tasks:?}");
    assert!(count(&tasks, "running") >= 1 && count(&tasks, "pending") >= 3, "{tasks:?}");
    let text = site.repro(&["status"]).ended(0).stdout;
    assert!(text.contains(&format!("{job}_0")) && text.contains("waits for its encoder"), "{text}");
    assert_eq!(site.repro(&["status", "table1"]).ended(0).stdout.lines().count(), 1);

    let cancelled = site.repro(&["cancel", "tiny.json"]).ended(0).stdout;
    assert!(cancelled.contains("cancelled 6 tasks"), "{cancelled}");
    until("their end", || site.cluster.slurm("squeue", &["--noheader"]).is_empty());
    assert!(!site.bench.files(RESULTS, "pretext", "metrics.jsonl").is_empty(), "no checkpoint was left");
    assert_eq!(count(&site.status(), "unfinished"), 6);
}
