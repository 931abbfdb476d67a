//! What a run and its workers say to each other: one JSON value a line.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::recipe::{Address, DataIdentity, EvaluationRecipe, PretextRecipe};
use crate::store::{Failure, Results, RunFolder, Stage};

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

    /// What it is called in messages.
    pub fn name(&self) -> &'static str {
        match self {
            Work::Pretext(_) => "pretext",
            Work::Evaluation(recipe) => recipe.evaluation.id(),
        }
    }

    pub fn seed(&self) -> u64 {
        match self {
            Work::Pretext(recipe) => recipe.seed,
            Work::Evaluation(recipe) => recipe.seed,
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
            threads: 2,
            checkpoint_seconds: 0.5,
            retry: true,
            command: vec!["repro".into(), "run".into(), "two\nlines".into()],
        };
        let pretext = Work::Pretext(trial.trial.pretext.clone().unwrap());
        let evaluation = Work::Evaluation(trial.trial.evaluations[0].clone());
        for work in [pretext, evaluation] {
            let address = work.address();
            let request = Request::Task(Box::new(task(work)));
            let line = serde_json::to_string(&request).unwrap();
            assert!(!line.contains('\n'));
            let back: Request = serde_json::from_str(&line).unwrap();
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
            let line = serde_json::to_string(&reply).unwrap();
            assert!(!line.contains('\n'));
            assert_eq!(serde_json::from_str::<Reply>(&line).unwrap(), reply);
        }
    }
}
