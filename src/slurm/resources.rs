//! What each task asks of the cluster.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Resources of a task, as options of `sbatch` name them.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Resources {
    pub partition: Option<String>,
    /// GPUs of a task; its pretext runs train on all of them together.
    pub gpus: Option<u16>,
    /// Cores of a task.
    pub cpus: u16,
    pub time: Option<TimeLimit>,
    /// Tasks of one array at a time.
    pub array_limit: Option<u16>,
    /// Further options of `sbatch`, which overrule those above.
    pub extra: Vec<String>,
}

/// Longest an attempt may take, as Slurm writes times.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TimeLimit {
    text: String,
    seconds: u64,
}

/// An option that cannot be handed to Slurm.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ResourcesError {
    #[error(
        "`{found}` is no time limit: expected MINUTES, MINUTES:SECONDS, HOURS:MINUTES:SECONDS, DAYS-HOURS, \
         DAYS-HOURS:MINUTES or DAYS-HOURS:MINUTES:SECONDS, more than zero"
    )]
    Time { found: String },
    #[error("{flag} cannot be handed to sbatch: {why}")]
    Reserved { flag: String, why: &'static str },
    #[error("`{found}` is no option of sbatch: after `--` write options with their values in one word, as in --mem=8G")]
    NoOption { found: String },
}

/// Options that would break what repro relies on: long name, short one, environment variable, and why.
const RESERVED: [(&str, char, &str, &str); 9] = [
    ("array", 'a', "SBATCH_ARRAY_INX", "repro numbers the tasks itself; --array-limit is how many run at a time"),
    ("job-name", 'J', "SBATCH_JOB_NAME", "repro finds its jobs again by their names"),
    ("dependency", 'd', "SBATCH_DEPENDENCY", "evaluations wait for their pretext runs by it"),
    ("output", 'o', "SBATCH_OUTPUT", "logs lie beside the record of the submission"),
    ("open-mode", '\0', "SBATCH_OPEN_MODE", "a requeued task goes on in its log"),
    ("signal", '\0', "SBATCH_SIGNAL", "repro has to be told of the time limit before it comes"),
    ("chdir", 'D', "SBATCH_CHDIR", "tasks run in the folder of the submission"),
    ("wrap", '\0', "SBATCH_WRAP", "repro brings its own script"),
    ("wait", 'W', "SBATCH_WAIT", "repro has a --wait of its own; write it before the `--`"),
];

impl Resources {
    /// GPUs that a pretext run trains on together, or 1 where there is none.
    pub fn gpus_of_trial(&self) -> usize {
        self.gpus.map_or(1, |gpus| usize::from(gpus).max(1))
    }

    /// # Errors
    /// A further option that repro needs for itself.
    pub fn check(&self) -> Result<(), ResourcesError> {
        for word in &self.extra {
            let reserved = RESERVED.iter().find(|(long, short, ..)| match word.strip_prefix("--") {
                // sbatch takes any beginning of a name that is clear.
                Some(name) => {
                    let name = name.split_once('=').map_or(name, |(name, _)| name);
                    !name.is_empty() && long.starts_with(name)
                }
                None => word.strip_prefix('-').is_some_and(|rest| rest.starts_with(*short)),
            });
            if let Some((.., why)) = reserved {
                return Err(ResourcesError::Reserved { flag: word.clone(), why });
            }
            if !word.starts_with('-') || word == "-" || word == "--" {
                return Err(ResourcesError::NoOption { found: word.clone() });
            }
        }
        Ok(())
    }

    /// Environment variables by which `sbatch` would take a reserved option.
    pub fn reserved_variables() -> impl Iterator<Item = &'static str> {
        RESERVED.iter().map(|(_, _, variable, _)| *variable)
    }
}

impl TimeLimit {
    pub fn seconds(&self) -> u64 {
        self.seconds
    }
}

impl FromStr for TimeLimit {
    type Err = ResourcesError;

    fn from_str(text: &str) -> Result<TimeLimit, ResourcesError> {
        let error = || ResourcesError::Time { found: text.to_owned() };
        let number = |text: &str| {
            let digits = !text.is_empty() && text.len() <= 6 && text.bytes().all(|byte| byte.is_ascii_digit());
            digits.then(|| text.parse::<u64>().ok()).flatten().ok_or_else(error)
        };
        let (days, clock) = match text.split_once('-') {
            Some((days, clock)) => (Some(number(days)?), clock),
            None => (None, text),
        };
        let parts = clock.split(':').map(number).collect::<Result<Vec<u64>, _>>()?;
        let clock = match (days, &parts[..]) {
            (Some(_), &[hours]) => 3600 * hours,
            (Some(_), &[hours, minutes]) => 3600 * hours + 60 * minutes,
            (_, &[hours, minutes, seconds]) => 3600 * hours + 60 * minutes + seconds,
            (None, &[minutes]) => 60 * minutes,
            (None, &[minutes, seconds]) => 60 * minutes + seconds,
            _ => return Err(error()),
        };
        let seconds = 86_400 * days.unwrap_or(0) + clock;
        if seconds == 0 {
            return Err(error());
        }
        Ok(TimeLimit { text: text.to_owned(), seconds })
    }
}

impl TryFrom<String> for TimeLimit {
    type Error = ResourcesError;

    fn try_from(text: String) -> Result<TimeLimit, ResourcesError> {
        text.parse()
    }
}

impl From<TimeLimit> for String {
    fn from(limit: TimeLimit) -> String {
        limit.text
    }
}

impl fmt::Display for TimeLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_as_slurm_reads_them() {
        let seconds = |text: &str| text.parse::<TimeLimit>().map(|limit| limit.seconds());
        let read = ["90", "90:30", "2:00:00", "1-12", "1-12:30", "1-0:0:1"].map(|text| seconds(text).unwrap());
        assert_eq!(read, [5400, 5430, 7200, 129_600, 131_400, 86_401]);
        for wrong in ["", "0", "2h", "1:2:3:4", "1-", "-1", "1-2-3", "1.5", "0:00", "99999999999999999999"] {
            assert_eq!(seconds(wrong), Err(ResourcesError::Time { found: wrong.to_owned() }), "{wrong}");
        }
    }

    #[test]
    fn options_that_repro_needs_for_itself_are_refused() {
        let check = |word: &str| Resources { extra: vec![word.to_owned()], ..Resources::default() }.check();
        for fine in ["--mem=8G", "--account=lab", "-Alab", "--no-requeue", "--constraint=a100", "--exclude=n[1-3]"] {
            assert_eq!(check(fine), Ok(()), "{fine}");
        }
        for reserved in ["--array=0-3", "-a0-3", "--job-name=x", "--job=x", "-Jx", "--dependency", "--wrap=ls", "-W"] {
            assert!(matches!(check(reserved), Err(ResourcesError::Reserved { .. })), "{reserved}");
        }
        for word in ["script.sh", "", "--", "-"] {
            assert_eq!(check(word), Err(ResourcesError::NoOption { found: word.to_owned() }));
        }
    }
}
