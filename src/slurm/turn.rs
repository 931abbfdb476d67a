//! What one start of a task does on its node.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant};

use thiserror::Error;

use crate::kernels::Device;
use crate::recipe::{EvaluationRecipe, PretextRecipe};
use crate::runner::{Ended, Event, Pace, Performer, Task, Work, count, described, duration, finished, perform};
use crate::store::{Checkpoints, Results, StoreError};

use super::{Piece, Submission};

/// Between two looks at a folder that another process holds.
const LOOK_AGAIN: Duration = Duration::from_secs(2);
/// Between two looks at whether to stop.
const BLINK: Duration = Duration::from_millis(50);
/// Between two lines about running work.
const LINE_EVERY: Duration = Duration::from_secs(60);

/// Which task of which submission, and what Slurm gives it.
#[derive(Clone, Debug)]
pub struct Assignment<'a> {
    pub results: &'a Results,
    /// Id of the submission.
    pub submission: &'a str,
    pub array: usize,
    pub index: usize,
    pub device: Device,
    /// Cores of the task.
    pub threads: usize,
    /// Times that the task was requeued.
    pub restarts: u32,
}

/// How a turn ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    Done,
    /// A piece of the work failed; the failure stands in its folder. The others were done.
    Failed,
    /// Told to stop. Another turn goes on from here.
    Stopped,
    /// Told to stop for at least the second time, with nothing gained and no new checkpoint: another turn would end in the
    /// same way.
    Futile,
}

#[derive(Debug, Error)]
pub enum TurnError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("submission {submission} has no task {index} in array {array}")]
    NoSuchTask { submission: String, array: usize, index: usize },
    #[error(
        "this program was replaced since {label} was submitted, by one that gives it other numbers: run the same command \
         again"
    )]
    OtherRelease { label: String },
}

/// Does the pieces of a task, one after the other. `say` takes lines for the task's log.
///
/// A failure that stands in a folder is the answer and is not tried again: those of earlier submissions were taken away.
pub fn take_turn(
    assignment: &Assignment,
    performer: &mut dyn Performer,
    stop: &AtomicBool,
    say: &mut dyn FnMut(&str),
) -> Result<Turn, TurnError> {
    let Assignment { results, array, index, .. } = *assignment;
    let submission = Submission::read(results, assignment.submission)?;
    let pieces = submission.arrays.get(array).and_then(|array| array.tasks.get(index));
    let no_such_task = || TurnError::NoSuchTask { submission: submission.id.clone(), array, index };
    let (mut gained, mut failed) = (false, false);
    for piece in pieces.ok_or_else(no_such_task)? {
        if !is_of_this_release(&piece.work) {
            return Err(TurnError::OtherRelease { label: piece.label.clone() });
        }
        // One that was altered is done again, by way of its claim.
        if let Ok(true) = finished(&piece.work, results) {
            say(&format!("{} is done already", piece.label));
            continue;
        }
        let task = task(piece, &submission, assignment);
        let before = newest_checkpoint(&piece.work, results)?;
        match attend(&task, performer, stop, say) {
            Attended::Done => gained = true,
            Attended::Failed => failed = true,
            Attended::Stopped { began } => {
                // A pretext run that took a step has left a checkpoint of it.
                let is_evaluation = matches!(piece.work, Work::Evaluation(_));
                let lost = began && !gained && is_evaluation && newest_checkpoint(&piece.work, results)? == before;
                return Ok(if lost && assignment.restarts > 0 { Turn::Futile } else { Turn::Stopped });
            }
        }
    }
    Ok(if failed { Turn::Failed } else { Turn::Done })
}

fn newest_checkpoint(work: &Work, results: &Results) -> Result<Option<PathBuf>, StoreError> {
    Checkpoints::new(&work.folder(results), &work.address()).newest()
}

/// Whether this program would name the work alike. Jobs may wait for days, and the program be built anew meanwhile.
fn is_of_this_release(work: &Work) -> bool {
    match work {
        Work::Pretext(recipe) => {
            let PretextRecipe { seed, data, views, network, pretext, .. } = recipe.clone();
            PretextRecipe::new(seed, data, views, network, pretext) == *recipe
        }
        Work::Evaluation(recipe) => {
            let EvaluationRecipe { seed, encoder, data, network, evaluation, .. } = recipe.clone();
            EvaluationRecipe::new(seed, encoder, data, network, evaluation) == *recipe
        }
    }
}

fn task(piece: &Piece, submission: &Submission, assignment: &Assignment) -> Task {
    Task {
        work: piece.work.clone(),
        label: piece.label.clone(),
        experiments: piece.experiments.clone(),
        results: assignment.results.root().to_owned(),
        data: submission.data.clone(),
        device: assignment.device,
        threads: assignment.threads,
        checkpoint_seconds: submission.checkpoint_seconds,
        retry: false,
        command: submission.command.clone(),
    }
}

enum Attended {
    Done,
    Failed,
    /// Whether any of the work was done before.
    Stopped {
        began: bool,
    },
}

/// Brings a task to an end, waiting for whoever else is at it.
fn attend(task: &Task, performer: &mut dyn Performer, stop: &AtomicBool, say: &mut dyn FnMut(&str)) -> Attended {
    let label = &task.label;
    let (mut pace, mut told, mut began, mut waiting) = (Pace::begin(), Instant::now(), false, false);
    loop {
        let ended = perform(task, performer, stop, &mut |event| {
            if !began && !matches!(event, Event::Warning(_)) {
                began = true;
                say(&format!("started {label} on {}", count(task.threads, "thread")));
            }
            match (&event, pace.position(&event)) {
                (Event::Warning(text), _) => say(&format!("warning: {label}: {text}")),
                (_, Some(position)) if told.elapsed() >= LINE_EVERY => {
                    told = Instant::now();
                    say(&format!("running {label}: {}", described(&position)));
                }
                _ => {}
            }
        });
        match ended {
            Ok(Ended::Done) => {
                say(&format!("done {label} in {}", duration(pace.elapsed().as_secs_f64())));
                return Attended::Done;
            }
            Ok(Ended::Stopped) => {
                say(&format!("stopped {label}"));
                return Attended::Stopped { began };
            }
            Ok(Ended::Busy) => {
                if !waiting {
                    say(&format!("waiting for another run of repro to finish {} ({label})", task.work.address()));
                }
                waiting = true;
                let since = Instant::now();
                while since.elapsed() < LOOK_AGAIN {
                    if stop.load(Ordering::Relaxed) {
                        return Attended::Stopped { began };
                    }
                    sleep(BLINK);
                }
                pace = Pace::begin();
            }
            Err(failure) => {
                say(&format!("failed {label}: {failure}"));
                return Attended::Failed;
            }
        }
    }
}

#[cfg(test)]
#[path = "turn_tests.rs"]
mod tests;
