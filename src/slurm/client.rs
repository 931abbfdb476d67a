//! Slurm's commands. Only their stable text interfaces are used: what they print as JSON differs between releases.

use std::io;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use thiserror::Error;

use super::queue::{FORMAT, Queued, parse};
use super::script::command_line;
use super::{Resources, TaskId};

/// Names that one call of `squeue` asks for: a command line is not endless.
const NAMES: usize = 1000;
/// Tasks that one call of `scancel` takes.
const CANCELLED: usize = 500;
/// Tries of a question that may be asked again, and the pause between two: a controller that restarts is away for as long.
const TRIES: usize = 6;
const PAUSE: Duration = Duration::from_secs(5);

/// Slurm did not do what it was asked to.
#[derive(Debug, Error)]
pub enum SlurmError {
    #[error("cannot find `{program}`: Slurm's commands have to be on the PATH, as they are on a cluster's login node")]
    Missing { program: &'static str },
    #[error("cannot start `{program}`: {source}")]
    Start { program: &'static str, source: io::Error },
    #[error("`{command}` failed: {said}")]
    Failed { command: String, said: String },
    #[error("`{command}` printed `{found}`; expected {expected}")]
    Unclear { command: String, found: String, expected: &'static str },
}

/// What matters here of a cluster's configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cluster {
    pub name: String,
    /// Tasks that an array may have; 0 where the cluster takes no arrays.
    pub largest_array: usize,
}

impl Default for Cluster {
    /// Slurm's own default, for where there is no Slurm to ask.
    fn default() -> Cluster {
        Cluster { name: "unknown".to_owned(), largest_array: 1001 }
    }
}

/// Asks for the configuration. Where there is no Slurm, the error names `sbatch`, which people know.
pub fn cluster() -> Result<Cluster, SlurmError> {
    outcome("sbatch", Command::new("sbatch").arg("--version"))?;
    let text = outcome("scontrol", Command::new("scontrol").args(["show", "config"]))?;
    let value = |name: &str| {
        let lines = text.lines().filter_map(|line| line.split_once('='));
        lines.map(|(key, value)| (key.trim(), value.trim())).find(|(key, _)| *key == name).map(|(_, value)| value)
    };
    let largest_array = value("MaxArraySize").and_then(|value| value.parse().ok());
    match (value("ClusterName"), largest_array) {
        (Some(name), Some(largest_array)) => Ok(Cluster { name: name.to_owned(), largest_array }),
        _ => Err(SlurmError::Unclear {
            command: "scontrol show config".to_owned(),
            found: text.lines().next().unwrap_or_default().to_owned(),
            expected: "lines for ClusterName and MaxArraySize",
        }),
    }
}

/// The tasks of jobs with these names that Slurm still knows, those that ended lately among them.
pub fn squeue(names: &[String]) -> Result<Vec<Queued>, SlurmError> {
    let mut found = Vec::new();
    // Asked by name, not by number, for which Slurm forgets jobs one by one and then fails for all of them.
    for names in names.chunks(NAMES) {
        let (names, format) = (format!("--name={}", names.join(",")), format!("--format={FORMAT}"));
        let arguments = ["--noheader", "--array", "--states=all", &names, &format];
        let text = outcome("squeue", Command::new("squeue").args(arguments))?;
        found.extend(parse(&text).map_err(|line| SlurmError::Unclear {
            command: "squeue".to_owned(),
            found: line,
            expected: "name|job|task|state|reason",
        })?);
    }
    Ok(found)
}

/// Hands a script over, with the arguments of `sbatch` before it. Returns the number of the job.
///
/// It is tried once: an answer that got lost does not say whether the job was taken.
pub fn sbatch(arguments: &[String], script: &Path) -> Result<u64, SlurmError> {
    let mut command = Command::new("sbatch");
    command.args(arguments).arg(script);
    for variable in Resources::reserved_variables() {
        command.env_remove(variable);
    }
    let text = outcome("sbatch", &mut command)?;
    // With more than one cluster its name follows.
    let number = text.trim().split(';').next().and_then(|number| number.parse().ok());
    number.ok_or_else(|| SlurmError::Unclear {
        command: shown(&command),
        found: text.trim().to_owned(),
        expected: "the number of the job",
    })
}

/// Cancels tasks. Those that have ended meanwhile are passed over.
pub fn scancel(tasks: &[TaskId]) -> Result<(), SlurmError> {
    for tasks in tasks.chunks(CANCELLED) {
        let tasks: Vec<String> = tasks.iter().map(TaskId::to_string).collect();
        outcome("scancel", Command::new("scancel").arg("--quiet").args(tasks))?;
    }
    Ok(())
}

/// Puts a question that does no harm when put again, until it is answered: a controller may be restarting. `note` is told
/// of each try that failed.
pub fn patiently<T>(
    note: &mut dyn FnMut(&str),
    mut question: impl FnMut() -> Result<T, SlurmError>,
) -> Result<T, SlurmError> {
    for _ in 1..TRIES {
        match question() {
            Err(error @ SlurmError::Failed { .. }) => note(&format!("{error}; asking again")),
            other => return other,
        }
        std::thread::sleep(PAUSE);
    }
    question()
}

fn outcome(program: &'static str, command: &mut Command) -> Result<String, SlurmError> {
    let output = command.stdin(Stdio::null()).output().map_err(|source| match source.kind() {
        io::ErrorKind::NotFound => SlurmError::Missing { program },
        _ => SlurmError::Start { program, source },
    })?;
    let Output { status, stdout, stderr } = output;
    if status.success() {
        return Ok(String::from_utf8_lossy(&stdout).into_owned());
    }
    let said = String::from_utf8_lossy(&stderr).trim().to_owned();
    let said = if said.is_empty() { status.to_string() } else { said };
    Err(SlurmError::Failed { command: shown(command), said })
}

fn shown(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    command_line(words.map(|word| word.to_string_lossy().into_owned()))
}
