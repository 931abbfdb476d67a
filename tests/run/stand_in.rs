//! Submissions that Slurm takes in part or answers badly, with scripts in the place of its commands.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use serde_json::Value;

use crate::bench::{Bench, Ran, read};

const RUN: [&str; 4] = ["--executor", "slurm", "--only", "method=npair"];

/// `sbatch` notes its arguments, fails while there is a file of the name `refuse-N` for its Nth call, and else answers N.
/// `squeue` knows one task of each job while there is a file `queue`, which holds its state. `scancel` notes what it is
/// told.
const SBATCH: &str = r#"[ "$1" = --version ] && exit 0
echo "$@" >>called
n=$(($(wc -l <called)))
if [ -e "refuse-$n" ]; then echo "sbatch: error: no more for you" >&2; exit 1; fi
echo "$n;tests"
"#;
const SQUEUE: &str = r#"[ -e queue ] || exit 0
names=$(printf '%s\n' "$@" | sed -n 's/^--name=//p')
for name in ${names//,/ }; do echo "$name|1${name##*.}|0|$(cat queue)|None"; done
"#;
const SCONTROL: &str = "echo 'ClusterName             = tests'; echo 'MaxArraySize            = 1001'\n";
const SCANCEL: &str = "echo \"$@\" >>cancelled\n";

struct Site {
    bench: Bench,
}

impl Site {
    fn new() -> Site {
        let site = Site { bench: Bench::new(1) };
        fs::create_dir(site.bench.path("bin")).unwrap();
        for (name, text) in [("sbatch", SBATCH), ("squeue", SQUEUE), ("scontrol", SCONTROL), ("scancel", SCANCEL)] {
            let path = site.bench.path("bin").join(name);
            fs::write(&path, format!("#!/bin/bash\n{text}")).unwrap();
            fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
        }
        site
    }

    fn repro(&self, arguments: &[&str]) -> Ran {
        let path = std::env::var("PATH").unwrap();
        let path = format!("{}:{path}", self.bench.path("bin").display());
        self.bench.repro(arguments).env("PATH", path).output().unwrap().into()
    }

    fn run(&self) -> Ran {
        self.repro(&[&["run", "tiny.json"], &RUN[..]].concat())
    }

    fn file(&self, name: &str, text: &str) {
        fs::write(self.bench.path(name), text).unwrap();
    }

    /// The arguments of each call of `sbatch`.
    fn called(&self) -> Vec<String> {
        let text = fs::read_to_string(self.bench.path("called")).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }

    fn records(&self) -> Vec<Value> {
        let folders = fs::read_dir(self.bench.path("results/slurm")).into_iter().flatten();
        let records = folders.map(|entry| entry.unwrap().path().join("submission.json")).filter(|path| path.exists());
        records.map(|path| read(&path)["body"].clone()).collect()
    }
}

#[test]
fn a_submission_that_slurm_refuses_leaves_no_record() {
    let site = Site::new();
    site.file("refuse-1", "");
    site.run().ended(2).says("Slurm took 0 of 2 job arrays").says("no more for you");
    assert_eq!(site.records().len(), 0);
    site.run().ended(0).says("submitted job arrays 2 of 1 task, 3 of 1 task");
    assert!(site.called()[2].starts_with("--parsable --dependency=aftercorr:2 --kill-on-invalid-dep=yes /"));
    assert_eq!(site.records().len(), 1);
}

#[test]
fn a_submission_that_breaks_off_is_completed_by_the_same_command() {
    let site = Site::new();
    site.file("refuse-2", "");
    site.run().ended(2).says("Slurm took 1 of 2 job arrays");
    assert_eq!(site.records()[0]["arrays"].as_array().unwrap().len(), 1);
    // The encoder's task, which Slurm calls 10_0, is not submitted again; its evaluations wait for it.
    site.file("queue", "RUNNING");
    site.run().ended(0).says("1 of them is queued or running").says("submitted job array 3 of 1 task");
    assert!(site.called()[2].starts_with("--parsable --dependency=afterok:10_0 --kill-on-invalid-dep=yes /"));
    let cancelled = site.repro(&["cancel"]).ended(0).stdout;
    assert!(cancelled.contains("cancelled 2 tasks"), "{cancelled}");
    assert_eq!(fs::read_to_string(site.bench.path("cancelled")).unwrap(), "--quiet 10_0 10_0\n");
}

#[test]
fn a_job_whose_number_got_lost_is_found_by_its_name() {
    let site = Site::new();
    site.file("refuse-1", "");
    site.file("queue", "PENDING");
    site.run().ended(0).says("submitted job arrays 10 of 1 task, 2 of 1 task");
    assert_eq!(site.records()[0]["arrays"][0]["job"], 10);
}

#[test]
fn a_finished_job_without_results_is_submitted_again() {
    let site = Site::new();
    site.run().ended(0);
    site.file("queue", "CANCELLED");
    site.repro(&["cancel"]).ended(3);
    let status = site.repro(&["status"]).ended(0).stdout;
    assert!(status.contains("2 tasks: 2 unfinished") && status.contains("run the same command again"), "{status}");
    let waited = site.repro(&[&["run", "tiny.json", "--wait"], &RUN[..]].concat()).ended(1);
    waited.says("task 10_0 of Slurm ended as CANCELLED before the work was done").says("0 of 1 trials done, 1 failed");
    assert_eq!((site.called().len(), site.records().len()), (4, 2));
}
