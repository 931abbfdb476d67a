//! What became of each piece of work that was handed to Slurm, as its folder and Slurm tell together.

use std::collections::HashSet;
use std::fs;
use std::path::PathBuf;

use serde::Serialize;

use crate::recipe::Address;
use crate::runner::{Work, stage_text, time_text};
use crate::store::{Failure, Results, State, StoreError};

use super::{Ledger, LedgerTask, Piece, TaskId};

/// How far a task is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum TaskState {
    /// The work came to an end that it does not get past by itself.
    Failed,
    /// Slurm does nothing more for it, and the work is not done.
    Unfinished,
    /// It was handed to another cluster, which cannot be asked from here.
    Elsewhere,
    Running,
    Pending,
    Done,
}

/// A task of a submission that no later one took over.
#[derive(Clone, Debug, Serialize)]
pub struct TaskStatus {
    /// Id of the submission.
    pub submission: String,
    /// Its number in Slurm; none where it was never submitted.
    #[serde(serialize_with = "as_text")]
    pub task: Option<TaskId>,
    /// What messages call the first piece of its work.
    pub label: String,
    pub experiments: Vec<String>,
    /// The folders of its work in the results.
    pub folders: Vec<PathBuf>,
    pub state: TaskState,
    /// Slurm's word for its state; none where Slurm does not know it, or no longer.
    pub slurm: Option<String>,
    /// How far it is, why it waits, or what went wrong.
    pub detail: String,
    /// What one could do about it.
    pub advice: Option<Advice>,
    /// What it said.
    pub log: PathBuf,
}

/// What gets a task on its way again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Advice {
    RunAgain,
    MoreTime,
    MoreMemory,
    SeeLog,
    AskForLess,
    Release,
    AskThere,
}

impl Advice {
    pub fn text(self) -> &'static str {
        match self {
            Advice::RunAgain => {
                "run the same command again: it submits what is not finished and goes on from checkpoints"
            }
            Advice::MoreTime => "run the same command again with a longer --time",
            Advice::MoreMemory => "run the same command again with more memory: -- --mem=16G",
            Advice::SeeLog => "see the log; run the same command again to try it anew",
            Advice::AskForLess => {
                "no node has what a task asks for: run the same command again with fewer --gpus or --cpus or another --partition"
            }
            Advice::Release => "Slurm holds it: scontrol release TASK lets it go",
            Advice::AskThere => "ask on the cluster that it was handed to",
        }
    }
}

fn as_text<S: serde::Serializer>(task: &Option<TaskId>, serializer: S) -> Result<S::Ok, S::Error> {
    match task {
        Some(task) => serializer.collect_str(task),
        None => serializer.serialize_none(),
    }
}

/// Every task that is of the given experiment, if any, the latest for each piece of work, in the order of submission.
///
/// # Errors
/// A folder of the results cannot be read.
pub fn status(ledger: &Ledger, results: &Results, experiment: Option<&str>) -> Result<Vec<TaskStatus>, StoreError> {
    let mut seen: HashSet<Address> = HashSet::new();
    let mut found = Vec::new();
    for task in ledger.tasks() {
        let fresh = task.pieces.iter().filter(|piece| seen.insert(piece.work.address())).count() > 0;
        let wanted = experiment.is_none_or(|id| task.pieces.iter().any(|piece| piece.is_of(id)));
        if fresh && wanted {
            found.push((&task.submission.id, task.array, task.index, of(&task, results)?));
        }
    }
    found.sort_by(|(one, array, index, _), (other, array2, index2, _)| {
        (one, array, index).cmp(&(other, array2, index2))
    });
    Ok(found.into_iter().map(|(.., status)| status).collect())
}

impl Piece {
    /// Whether an experiment needs it.
    pub fn is_of(&self, experiment: &str) -> bool {
        self.experiments.iter().any(|id| id == experiment)
    }
}

fn of(task: &LedgerTask, results: &Results) -> Result<TaskStatus, StoreError> {
    let (mut done, mut failure) = (0, None);
    for piece in task.pieces {
        match state(piece, results)? {
            State::Done => done += 1,
            State::Failed(found) => failure = failure.or(Some(found)),
            State::Absent | State::Started => {}
        }
    }
    let (state, detail, advice) = judged(task, done, failure, results);
    let root = results.root();
    let folder = |piece: &Piece| {
        let path = piece.work.folder(results).path().to_owned();
        path.strip_prefix(root).map(PathBuf::from).unwrap_or(path)
    };
    let mut experiments: Vec<String> = Vec::new();
    for id in task.pieces.iter().flat_map(|piece| &piece.experiments) {
        if !experiments.contains(id) {
            experiments.push(id.clone());
        }
    }
    let more = task.pieces.len().saturating_sub(1);
    let first = task.pieces.first().map_or("", |piece| &piece.label);
    Ok(TaskStatus {
        submission: task.submission.id.clone(),
        task: task.id(),
        label: if more > 0 { format!("{first} + {more}") } else { first.to_owned() },
        experiments,
        folders: task.pieces.iter().map(folder).collect(),
        state,
        slurm: task.queued.map(|queued| queued.state.to_string()),
        detail,
        advice,
        log: task.submission.log_path(results, task.array, task.index),
    })
}

fn state(piece: &Piece, results: &Results) -> Result<State, StoreError> {
    let folder = piece.work.folder(results);
    let state = match &piece.work {
        Work::Pretext(_) => folder.pretext_state(),
        Work::Evaluation(_) => folder.evaluation_state(),
    };
    match state {
        // Work whose files were altered is done again.
        Err(StoreError::Damaged { .. }) => Ok(State::Started),
        other => other,
    }
}

fn judged(
    task: &LedgerTask,
    done: usize,
    failure: Option<Failure>,
    results: &Results,
) -> (TaskState, String, Option<Advice>) {
    if done == task.pieces.len() {
        return (TaskState::Done, String::new(), None);
    }
    let progress = progress(task.pieces, done, results);
    match (task.queued, failure) {
        (Some(queued), _) if queued.state.is_live() => {
            if queued.state.is_waiting() {
                let held = queued.reason.starts_with("JobHeld") || queued.state.as_str() == "REQUEUE_HOLD";
                let why = joined([reason(&queued.reason), progress]);
                (TaskState::Pending, why, held.then_some(Advice::Release))
            } else {
                (TaskState::Running, running(task.pieces, results).unwrap_or(progress), None)
            }
        }
        (_, Some(failure)) => (TaskState::Failed, failure.to_string(), Some(Advice::SeeLog)),
        (None, None) if task.elsewhere => (
            TaskState::Elsewhere,
            joined([format!("on {}", task.submission.cluster), progress]),
            Some(Advice::AskThere),
        ),
        (Some(queued), None) => {
            let advice = match queued.state.as_str() {
                "TIMEOUT" | "DEADLINE" => Advice::MoreTime,
                "OUT_OF_MEMORY" => Advice::MoreMemory,
                "FAILED" if queued.reason == "BadConstraints" => Advice::AskForLess,
                "FAILED" => Advice::SeeLog,
                _ => Advice::RunAgain,
            };
            let reason = if queued.reason == "None" { String::new() } else { format!(" ({})", queued.reason) };
            (TaskState::Unfinished, joined([format!("{}{reason}", queued.state), progress]), Some(advice))
        }
        (None, None) => {
            let what = if task.id().is_some() { "Slurm knows it no longer" } else { "it was never submitted" };
            (TaskState::Unfinished, joined([what.to_owned(), progress]), Some(Advice::RunAgain))
        }
    }
}

/// Slurm's reasons for waiting in other words, where those say more here.
fn reason(word: &str) -> String {
    match word {
        "None" => String::new(),
        "Dependency" => "waits for its encoder".to_owned(),
        "BeginTime" => "requeued; Slurm waits a little before it starts it again".to_owned(),
        "JobArrayTaskLimit" => "as many run as --array-limit allows".to_owned(),
        other => other.to_owned(),
    }
}

/// What the work that goes on tells of itself.
fn running(pieces: &[Piece], results: &Results) -> Option<String> {
    // One that cannot be read is being replaced.
    let told = pieces.iter().find_map(|piece| piece.work.folder(results).read_progress().ok().flatten())?;
    let at = told.at.as_ref().map_or("starting".to_owned(), stage_text);
    let left = told.at.as_ref().and_then(|at| at.seconds_left).and_then(time_text);
    Some(joined([at, left.map_or(String::new(), |left| format!("{left} left")), format!("on {}", told.host)]))
}

/// What is kept of work that is not finished.
fn progress(pieces: &[Piece], done: usize, results: &Results) -> String {
    if let [Piece { work: Work::Pretext(recipe), .. }] = pieces {
        let folder = results.pretext(&recipe.address());
        let epochs = fs::read_to_string(folder.file("metrics.jsonl")).map_or(0, |text| text.lines().count());
        let of = recipe.pretext.epochs;
        return if epochs > 0 { format!("checkpoint after epoch {epochs}/{of}") } else { String::new() };
    }
    if done > 0 { format!("{done} of {} evaluations done", pieces.len()) } else { String::new() }
}

fn joined<const N: usize>(parts: [String; N]) -> String {
    parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
#[path = "status_tests.rs"]
mod tests;
