//! A Slurm cluster of one node, for a test of its own.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tempfile::TempDir;

/// Runs until it is dropped.
pub struct Cluster {
    folder: TempDir,
}

impl Cluster {
    /// Starts a cluster. None, with a message on stderr, where this machine lacks what it takes.
    pub fn start() -> Option<Cluster> {
        // SAFETY: it takes nothing and cannot fail.
        let is_root = unsafe { libc::geteuid() } == 0;
        let programs = ["munged", "munge", "slurmctld", "slurmd", "sbatch", "squeue", "scancel", "scontrol"];
        let missing: Vec<&str> = programs.into_iter().filter(|program| !is_there(program)).collect();
        if !is_root || !missing.is_empty() {
            eprintln!(
                "SKIPPED: no Slurm to test with. It takes root and the packages slurmctld, slurmd, slurm-client and munge; \
                 missing: {}",
                if is_root { missing.join(", ") } else { "root".to_owned() }
            );
            return None;
        }
        let cluster = Cluster { folder: tempfile::tempdir().unwrap() };
        cluster.script("start");
        Some(cluster)
    }

    /// What Slurm's commands find the cluster by.
    pub fn configuration(&self) -> PathBuf {
        self.folder.path().join("slurm.conf")
    }

    /// A restart as for an update of the configuration: running tasks go on.
    pub fn restart_controller(&self) {
        self.script("restart-controller");
    }

    /// The death of the node, and its return.
    pub fn fail_node(&self) {
        self.script("fail-node");
    }

    /// A command of Slurm.
    pub fn command(&self, program: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new(program);
        command.args(arguments).env("SLURM_CONF", self.configuration());
        command
    }

    /// What a command of Slurm prints.
    #[track_caller]
    pub fn slurm(&self, program: &str, arguments: &[&str]) -> String {
        let output = self.command(program, arguments).output().expect(program);
        assert!(output.status.success(), "{program} {arguments:?}: {}", text(&output));
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    /// What state a task is in, in Slurm's words; empty where it is not known.
    pub fn state(&self, task: &str) -> String {
        let tasks = self.slurm("squeue", &["--noheader", "--array", "--states=all", "--format=%i %T"]);
        let state = tasks.lines().filter_map(|line| line.split_once(' ')).find(|(id, _)| *id == task);
        state.map_or(String::new(), |(_, state)| state.to_owned())
    }

    #[track_caller]
    fn script(&self, verb: &str) {
        let output = self.call(verb);
        assert!(output.status.success(), "cluster.sh {verb}: {}", text(&output));
    }

    fn call(&self, verb: &str) -> Output {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/run/slurm/cluster.sh");
        Command::new("bash").arg(script).arg(verb).arg(self.folder.path()).output().unwrap()
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.call("stop");
    }
}

fn is_there(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain(["/usr/sbin".into(), "/sbin".into()]);
    folders.into_iter().any(|folder: PathBuf| folder.join(program).is_file())
}

fn text(output: &Output) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    text(&output.stdout) + &text(&output.stderr)
}
