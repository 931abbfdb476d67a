//! What `squeue` says of tasks.

use std::fmt;

use serde::{Serialize, Serializer};

use super::TaskId;

/// Fields that are asked for, as `squeue --format` writes them. None of them can hold the separator: names are our own,
/// the others are numbers and Slurm's own words.
pub(super) const FORMAT: &str = "%j|%F|%K|%T|%r";

/// A task that Slurm knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Queued {
    /// Name of its job.
    pub name: String,
    pub task: TaskId,
    pub state: SlurmState,
    /// Why it is in that state; `None`, the word, where there is nothing to say.
    pub reason: String,
}

/// A state in Slurm's own words, such as `PENDING`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SlurmState(String);

/// States that a job does not leave by itself. What is not among them counts as live, so that work in a state which
/// this release does not know is not handed over twice.
const ENDED: [&str; 10] = [
    "BOOT_FAIL",
    "CANCELLED",
    "COMPLETED",
    "DEADLINE",
    "FAILED",
    "NODE_FAIL",
    "OUT_OF_MEMORY",
    "PREEMPTED",
    "REVOKED",
    "TIMEOUT",
];

/// States of a job that has not begun, or begins anew.
const WAITING: [&str; 7] =
    ["PENDING", "CONFIGURING", "REQUEUED", "REQUEUE_FED", "REQUEUE_HOLD", "RESV_DEL_HOLD", "SPECIAL_EXIT"];

impl SlurmState {
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether the task may still do something.
    pub fn is_live(&self) -> bool {
        !ENDED.contains(&self.as_str())
    }

    pub fn is_waiting(&self) -> bool {
        WAITING.contains(&self.as_str())
    }
}

impl fmt::Display for SlurmState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for SlurmState {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

/// Reads what `squeue --noheader --array` prints in [`FORMAT`]. Jobs that are no arrays are passed over. The error is the
/// first line that is something else.
pub(super) fn parse(text: &str) -> Result<Vec<Queued>, String> {
    let mut found = Vec::new();
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let fields: Vec<&str> = line.split('|').map(str::trim).collect();
        let [name, job, index, state, reason] = fields[..] else { return Err(line.to_owned()) };
        if index == "N/A" {
            continue;
        }
        let (Ok(job), Ok(index)) = (job.parse(), index.parse()) else { return Err(line.to_owned()) };
        found.push(Queued {
            name: name.to_owned(),
            task: TaskId { job, index },
            state: SlurmState(state.to_owned()),
            reason: reason.to_owned(),
        });
    }
    Ok(found)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub fn queued(name: &str, job: u64, index: usize, state: &str) -> Queued {
        let state = SlurmState(state.to_owned());
        Queued { name: name.to_owned(), task: TaskId { job, index }, state, reason: "None".to_owned() }
    }

    #[test]
    fn lines_of_squeue_become_tasks() {
        let text =
            "repro-1-ab.0|12|0|RUNNING|None\nrepro-1-ab.0|12|7|PENDING|Dependency\n\nother|13|N/A|PENDING|None\n";
        let found = parse(text).unwrap();
        assert_eq!(found.len(), 2);
        assert_eq!(found[0], queued("repro-1-ab.0", 12, 0, "RUNNING"));
        assert_eq!((found[1].task.to_string().as_str(), found[1].reason.as_str()), ("12_7", "Dependency"));
        assert_eq!(parse("repro|12|[0-7]|PENDING|None"), Err("repro|12|[0-7]|PENDING|None".to_owned()));
        assert_eq!(parse("slurm_load_jobs"), Err("slurm_load_jobs".to_owned()));
    }

    #[test]
    fn a_state_that_is_not_known_counts_as_live() {
        let state = |word: &str| SlurmState(word.to_owned());
        assert!(state("PENDING").is_live() && state("PENDING").is_waiting());
        assert!(state("COMPLETING").is_live() && !state("COMPLETING").is_waiting());
        assert!(state("SOMETHING_NEW").is_live());
        assert!(!state("TIMEOUT").is_live() && !state("CANCELLED").is_live());
    }
}
