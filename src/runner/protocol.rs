//! What a run and its workers say to each other: one JSON value a line.
//!
//! Both are one program, unless its file is replaced while a run goes on: workers that start afterwards are of the other
//! release. Each line has the version of the protocol, and each recipe its format and revisions, so that they notice.

use std::path::PathBuf;

use serde::de::{DeserializeOwned, IgnoredAny};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::kernels::Device;
use crate::recipe::{Address, DataIdentity, EvaluationRecipe, Precision, PretextRecipe};
use crate::store::{Failure, Results, RunFolder, Stage};

/// Raised when a message changes.
const PROTOCOL: u32 = 1;

/// A message on the wire.
#[derive(Serialize, Deserialize)]
struct Line<M> {
    protocol: u32,
    message: M,
}

/// Why a line is not taken.
#[derive(Debug, Error)]
pub enum LineError {
    #[error("{0}")]
    NoMessage(#[from] serde_json::Error),
    #[error("protocol {found} instead of {PROTOCOL}")]
    OtherProtocol { found: u32 },
}

/// A message as a line, with its end.
pub fn to_line(message: &impl Serialize) -> serde_json::Result<String> {
    let mut line = serde_json::to_string(&Line { protocol: PROTOCOL, message })?;
    line.push('\n');
    Ok(line)
}

/// The message of a line.
///
/// # Errors
/// A line that is no message, and one of another version of the protocol.
pub fn from_line<M: DeserializeOwned>(line: &str) -> Result<M, LineError> {
    let Line { protocol, .. } = serde_json::from_str::<Line<IgnoredAny>>(line)?;
    if protocol != PROTOCOL {
        return Err(LineError::OtherProtocol { found: protocol });
    }
    Ok(serde_json::from_str::<Line<M>>(line)?.message)
}

/// A piece of work with a folder of its own.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", content = "recipe", rename_all = "kebab-case")]
pub enum Work {
    Pretext(PretextRecipe),
    Evaluation(EvaluationRecipe),
}

impl Work {
    pub fn address(&self) -> Address {
        match self {
            Work::Pretext(recipe) => recipe.address(),
            Work::Evaluation(recipe) => recipe.address(),
        }
    }

    pub fn folder(&self, results: &Results) -> RunFolder {
        match self {
            Work::Pretext(recipe) => results.pretext(&recipe.address()),
            Work::Evaluation(recipe) => results.evaluation(&recipe.address()),
        }
    }

    /// Whether this release would make the recipe as it is.
    pub fn is_current(&self) -> bool {
        match self {
            Work::Pretext(recipe) => recipe.is_current(),
            Work::Evaluation(recipe) => recipe.is_current(),
        }
    }

    /// What it is called in messages.
    pub fn name(&self) -> &'static str {
        match self {
            Work::Pretext(_) => "pretext",
            Work::Evaluation(recipe) => recipe.evaluation.id(),
        }
    }

    /// What it is computed in. Evaluations are always in f32.
    pub fn precision(&self) -> Precision {
        match self {
            Work::Pretext(recipe) => recipe.pretext.precision,
            Work::Evaluation(_) => Precision::F32,
        }
    }

    pub fn seed(&self) -> u64 {
        match self {
            Work::Pretext(recipe) => recipe.seed,
            Work::Evaluation(recipe) => recipe.seed,
        }
    }

    /// What of a device it is done on: only pretext runs are shared out between GPUs.
    pub fn device(&self, device: Device) -> Device {
        match (self, device) {
            (Work::Evaluation(_), Device::CudaRanks { first, .. }) => Device::Cuda(first),
            _ => device,
        }
    }

    pub fn data(&self) -> &DataIdentity {
        match self {
            Work::Pretext(recipe) => &recipe.data,
            Work::Evaluation(recipe) => &recipe.data,
        }
    }
}

/// A piece of work and what it may use.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Task {
    pub work: Work,
    /// What messages call it.
    pub label: String,
    /// Ids of the experiments that need it.
    pub experiments: Vec<String>,
    /// The results folder.
    pub results: PathBuf,
    /// The folder of data sets that was given on the command line.
    pub data: Option<PathBuf>,
    /// What it may train on: see [`Work::device`].
    pub device: Device,
    pub threads: usize,
    /// Least seconds between two checkpoints; 0 asks for one after every step.
    pub checkpoint_seconds: f64,
    /// Whether a failure that stands in the folder is tried again, or is the answer.
    pub retry: bool,
    /// The command line of the run, for the provenance.
    pub command: Vec<String>,
}

/// From a run to its worker.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Request {
    Task(Box<Task>),
    /// End the task at its next step, with a checkpoint. So does the end of the input.
    Stop,
}

/// From a worker to its run. Each task ends with exactly one of `Done`, `Failed`, `Busy` and `Stopped`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reply {
    Event(Event),
    Done,
    Failed(Failure),
    /// Another process holds the folder.
    Busy,
    /// Stopped as asked; the same task goes on from its checkpoint.
    Stopped,
}

/// How a task comes along.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Event {
    Progress {
        stage: Stage,
        /// Of `of`: epochs or items, as the stage counts.
        at: usize,
        of: usize,
        /// Share of the stage that is done, in [0, 1].
        fraction: f64,
        /// Items that the whole stage takes in.
        items: usize,
        /// Of the last step, where the work has one.
        loss: Option<f64>,
    },
    Warning(String),
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runner::graph::tests::trial;
    use crate::store::FailureKind;

    #[test]
    fn every_message_survives_a_round_trip_on_one_line() {
        let trial = trial("a", 3);
        let task = |work| Task {
            work,
            label: "a seed 3 pretext".into(),
            experiments: vec!["table1".into()],
            results: "results".into(),
            data: Some("data sets".into()),
            device: Device::Cuda(1),
            threads: 2,
            checkpoint_seconds: 0.5,
            retry: true,
            command: vec!["repro".into(), "run".into(), "two\nlines".into()],
        };
        let pretext = Work::Pretext(trial.trial.pretext.clone().unwrap());
        let evaluation = Work::Evaluation(trial.trial.evaluations[0].clone());
        for work in [pretext, evaluation] {
            let several = Device::CudaRanks { first: 2, last: 5 };
            let own = if matches!(work, Work::Pretext(_)) { several } else { Device::Cuda(2) };
            assert_eq!((work.device(several), work.device(Device::Cpu)), (own, Device::Cpu));
            let address = work.address();
            let request = Request::Task(Box::new(task(work)));
            let line = to_line(&request).unwrap();
            assert_eq!(line.find('\n'), Some(line.len() - 1));
            let back: Request = from_line(&line).unwrap();
            assert_eq!(back, request);
            // The address hashes every setting, so a value that changes on the way would show here.
            assert!(matches!(back, Request::Task(task) if task.work.address() == address));
        }
        let replies = [
            Reply::Event(Event::Progress {
                stage: Stage::Choosing,
                at: 1,
                of: 2,
                fraction: 0.3,
                items: 9,
                loss: Some(0.1),
            }),
            Reply::Event(Event::Warning("a\nb".into())),
            Reply::Done,
            Reply::Failed(Failure { kind: FailureKind::Collapse { epoch: 1, step: 2 }, message: "m".into() }),
            Reply::Busy,
            Reply::Stopped,
        ];
        for reply in replies {
            let line = to_line(&reply).unwrap();
            assert_eq!(line.find('\n'), Some(line.len() - 1));
            assert_eq!(from_line::<Reply>(&line).unwrap(), reply);
        }
    }

    #[test]
    fn a_line_of_another_protocol_is_told_from_one_that_is_no_message() {
        let other = from_line::<Reply>(r#"{"protocol":99,"message":{"news":{}}}"#);
        assert_eq!(other.unwrap_err().to_string(), "protocol 99 instead of 1");
        for line in ["hello", "{}", r#"{"done":null}"#, r#"{"protocol":1,"message":"news"}"#] {
            assert!(matches!(from_line::<Reply>(line), Err(LineError::NoMessage(_))), "{line}");
        }
    }

    #[test]
    fn a_recipe_of_another_release_is_known() {
        let trial = trial("a", 0).trial;
        let pretext = trial.pretext.unwrap();
        let evaluation = trial.evaluations[0].clone();
        assert!(Work::Pretext(pretext.clone()).is_current() && Work::Evaluation(evaluation.clone()).is_current());
        let mut raised = pretext.clone();
        *raised.revisions.get_mut("train").unwrap() += 1;
        assert!(!Work::Pretext(raised).is_current());
        assert!(!Work::Pretext(PretextRecipe { format: 99, ..pretext }).is_current());
        let revisions = [("evaluate.gone".to_owned(), 1)].into();
        assert!(!Work::Evaluation(EvaluationRecipe { revisions, ..evaluation }).is_current());
    }
}
