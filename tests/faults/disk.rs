//! Disks that are full or read-only: small file systems in memory, mounted where only the program sees them.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use crate::bench::{Bench, Ran};
use crate::calls::short;
use crate::processes::{children, signal};
use crate::reference::Reference;
use crate::tally::family;

/// A file system in memory, mounted in a namespace of its own while this lives.
struct Mount {
    /// Keeps the namespace.
    keeper: Child,
    /// Whether it took a namespace of users to be let.
    as_user: bool,
    folder: PathBuf,
}

impl Mount {
    /// Mounts it at a folder, if this machine lets us.
    fn new(folder: &Path, options: &str) -> Result<Mount, String> {
        fs::create_dir_all(folder).unwrap();
        let mut said = String::new();
        for as_user in [false, true] {
            let mut command = Command::new("unshare");
            command.arg("--mount").args(as_user.then_some("--map-root-user"));
            command.args(["sh", "-c", r#"mount -t tmpfs -o "$1" tmpfs "$0" && echo ready && exec cat"#]);
            command.arg(folder).arg(options).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
            let Ok(mut keeper) = command.spawn() else { return Err("there is no `unshare`".to_owned()) };
            let mut line = String::new();
            BufReader::new(keeper.stdout.take().unwrap()).read_line(&mut line).unwrap();
            if line == "ready\n" {
                return Ok(Mount { keeper, as_user, folder: folder.to_owned() });
            }
            said = String::from_utf8_lossy(&keeper.wait_with_output().unwrap().stderr).into_owned();
        }
        Err(format!("nothing may be mounted here: {said}"))
    }

    /// The command, where the mount is seen.
    fn seen_by(&self, command: &Command) -> Command {
        let mut inside = Command::new("nsenter");
        inside.args(["--target", &self.keeper.id().to_string(), "--mount"]);
        if self.as_user {
            inside.args(["--user", "--preserve-credentials"]);
        }
        inside.args(["sh", "-c", r#"cd "$0" && exec "$@""#]).arg(command.get_current_dir().unwrap_or(&self.folder));
        inside.arg(command.get_program()).args(command.get_args()).stdin(Stdio::null());
        for (name, value) in command.get_envs() {
            match value {
                Some(value) => inside.env(name, value),
                None => inside.env_remove(name),
            };
        }
        inside
    }

    fn remount(&self, options: &str) {
        let mut command = Command::new("mount");
        command.args(["-o", &format!("remount,{options}")]).arg(&self.folder).current_dir("/");
        let output = self.seen_by(&command).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }

    /// Where this process sees a path below the mount.
    fn path(&self, name: &str) -> PathBuf {
        let root = PathBuf::from(format!("/proc/{}/root", self.keeper.id()));
        root.join(self.folder.strip_prefix("/").unwrap()).join(name)
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        drop(self.keeper.stdin.take());
        let _ = self.keeper.wait();
    }
}

const ARGUMENTS: [&str; 6] = ["--only", "method=npair", "--jobs", "1", "--checkpoint-every", "0"];
const ON_DISK: [&str; 4] = ["--results", "disk/results", "--reports", "disk/reports"];

fn run(bench: &Bench, mount: &Mount) -> Ran {
    mount.seen_by(&bench.command(&[&ARGUMENTS[..], &ON_DISK].concat())).output().unwrap().into()
}

#[test]
fn a_disk_may_run_full_at_any_moment() {
    family("a full disk", |figures| {
        let bench = short(1);
        drop(Mount::new(&bench.path("disk"), "size=64k")?);
        let reference = Reference::of(&bench, &ARGUMENTS);
        let mut blocks = 1;
        loop {
            let fault = format!("a disk of {} KiB", 4 * blocks);
            let mount = Mount::new(&bench.path("disk"), &format!("size={}k", 4 * blocks))?;
            let ran = run(&bench, &mount);
            if ran.code == Some(0) {
                assert!(blocks > 10, "all of it went onto {fault}");
                return Ok(());
            }
            figures.faults += 1;
            figures.ended(&ran, &[1, 2], &fault);
            figures.named(&ran, "No space left on device", &fault);
            figures.named(&ran, "disk/re", &fault);
            let (results, reports) = (mount.path("results"), mount.path("reports"));
            reference.check_report(&reports, figures, &fault);
            let before = reference.finished(&results);
            mount.remount("size=64m");
            let ran = run(&bench, &mount);
            reference.check(&results, &before, figures, &fault);
            reference.check_end(&ran, &results, &reports, figures, &fault);
            // Closer where results are written, wider where reports are.
            blocks += if blocks < 60 { 3 } else { 12 };
        }
    });
}

#[test]
fn a_read_only_folder_can_be_read() {
    family("a read-only folder", |figures| {
        let bench = short(1);
        let reference = Reference::of(&bench, &ARGUMENTS);
        for (fault, finished) in
            [("read-only from the start", 0), ("read-only after a kill", 1), ("read-only at the end", 3)]
        {
            let mount = Mount::new(&bench.path("disk"), "size=64m")?;
            let (results, reports) = (mount.path("results"), mount.path("reports"));
            let mut begun = mount.seen_by(&bench.command(&[&ARGUMENTS[..], &ON_DISK].concat()));
            if finished == 3 {
                Ran::from(begun.output().unwrap()).ended(0);
            } else if finished > 0 {
                let mut begun = begun.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
                while reference.finished(&results).len() < finished && begun.try_wait().unwrap().is_none() {
                    std::thread::sleep(std::time::Duration::from_millis(1));
                }
                let workers = children(begun.id());
                signal(begun.id(), libc::SIGKILL);
                workers.iter().for_each(|worker| signal(*worker, libc::SIGKILL));
                begun.wait().unwrap();
            }
            figures.faults += 1;
            let before = reference.finished(&results);
            // A worker that was killed may still hold its files open.
            std::thread::sleep(std::time::Duration::from_millis(50));
            mount.remount("ro");
            let ran = run(&bench, &mount);
            figures.ended(&ran, &[2], fault);
            figures.named(&ran, "cannot write to the folder disk/results", fault);
            figures.named(&ran, "--results DIR", fault);
            let only = &ARGUMENTS[..2];
            let read = |command: &[&str]| -> Ran {
                mount
                    .seen_by(&bench.repro(&[command, only, &["--results", "disk/results"]].concat()))
                    .output()
                    .unwrap()
                    .into()
            };
            if finished > 0 {
                figures.ended(&read(&["report", "tiny.json", "--reports", "elsewhere"]), &[0], fault);
                reference.check_report(&bench.path("elsewhere"), figures, fault);
                figures.ended(&read(&["compare", "tiny.json"]), &[0], fault);
                let refused = read(&["report", "tiny.json", "--reports", "disk/other"]);
                figures.ended(&refused, &[2], fault);
                figures.named(&refused, "disk/other", fault);
            }
            mount.remount("rw");
            let ran = run(&bench, &mount);
            reference.check(&results, &before, figures, fault);
            reference.check_end(&ran, &results, &reports, figures, fault);
        }
        Ok(())
    });
}
