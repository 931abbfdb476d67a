//! Folders that another process holds.

use std::fs;
use std::path::PathBuf;
use std::time::UNIX_EPOCH;

use crate::store::{Owner, RunFolder, now};

use super::pace::duration;
use super::watch::LOST;

/// What a folder says of the process that holds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// The locked file.
    lock: PathBuf,
    owner: Option<Owner>,
    /// Seconds without news, by the clocks of both machines.
    silent_for: u64,
}

impl Held {
    pub fn look(folder: &RunFolder) -> Held {
        let (lock, owner) = (folder.lock(), folder.owner());
        let told = folder.read_progress().ok().flatten().map(|progress| progress.told_at);
        let locked = fs::metadata(&lock).and_then(|metadata| metadata.modified()).ok();
        let locked = locked.and_then(|time| time.duration_since(UNIX_EPOCH).ok()).map(|time| time.as_secs());
        let since = owner.as_ref().map(|owner| owner.since).or(locked);
        let silent_for = told.max(since).map_or(0, |last| now().saturating_sub(last));
        Held { lock, owner, silent_for }
    }

    /// The process, as far as it is known.
    pub fn holder(&self) -> String {
        match &self.owner {
            Some(Owner { host, process, since }) => {
                let time = duration(now().saturating_sub(*since) as f64);
                format!("process {process} on {host}, which has had it for {time}")
            }
            None => "a process that did not say which".to_owned(),
        }
    }

    /// What to do about a holder that has not been heard of for long.
    pub fn advice(&self) -> Option<String> {
        let whom = self.owner.as_ref().map_or("the process", |owner| owner.host.as_str());
        (self.silent_for >= LOST).then(|| {
            format!(
                "no news for {} of who holds {lock}. If {whom} is gone for good, delete that file: this run then goes on \
                 from the last checkpoint",
                duration(self.silent_for as f64),
                lock = self.lock.display()
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn advice_comes_after_long_silence_and_names_the_file() {
        let owner = Owner { host: "alpha".into(), process: 7, since: now() - 600 };
        let held = Held { lock: "results/eval/a/lock".into(), owner: Some(owner), silent_for: LOST - 1 };
        assert_eq!(held.holder(), "process 7 on alpha, which has had it for 10 min");
        assert_eq!(held.advice(), None);
        let advice = Held { silent_for: LOST, ..held }.advice().unwrap();
        assert!(advice.contains("If alpha is gone for good") && advice.contains("results/eval/a/lock"), "{advice}");
        let nameless = Held { lock: "lock".into(), owner: None, silent_for: LOST };
        assert!(nameless.advice().is_some() && nameless.holder().starts_with("a process"));
    }
}
