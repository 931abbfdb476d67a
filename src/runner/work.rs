//! One task from its claim to its end.

use std::any::Any;
use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::recipe::{EvaluationRecipe, PretextRecipe};
use crate::store::{Claim, Failure, FailureKind, Results, RunFolder, StoreError, read_sealed, remove, write_sealed};

use super::provenance::Keeper;
use super::signs::Signs;
use super::{Event, Task, Work};

/// Between two looks at whether the claim still holds.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// How a task ended that did not fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    Done,
    /// Another process holds the folder.
    Busy,
    /// Stopped when asked to: a pretext run with a checkpoint, an evaluation with nothing to go on from.
    Stopped,
}

/// What a performer is given besides its recipe.
pub struct Session<'a> {
    pub task: &'a Task,
    /// The claimed folder of the work.
    pub folder: &'a RunFolder,
    pub results: &'a Results,
}

/// Takes an event; breaks when the work has to stop at its next step, a pretext run with a checkpoint.
pub type Watch<'a> = &'a mut dyn FnMut(Event) -> ControlFlow<()>;

/// What trains and evaluates. It works in a claimed folder and finishes with `done.json` or `result.json`.
pub trait Performer {
    fn pretext(&mut self, recipe: &PretextRecipe, session: &Session, watch: Watch) -> Result<Ended, Failure>;
    fn evaluation(&mut self, recipe: &EvaluationRecipe, session: &Session, watch: Watch) -> Result<Ended, Failure>;
}

/// Whether work is finished and each file it left is what it vouches for.
///
/// # Errors
/// [`StoreError::Damaged`] where a finished run's files were altered or lost: such work has to be done again. Others are
/// about this machine or this release.
pub fn finished(work: &Work, results: &Results) -> Result<bool, StoreError> {
    let folder = work.folder(results);
    Ok(match work {
        Work::Pretext(_) => folder.verified_done()?.is_some(),
        Work::Evaluation(_) => folder.verified_result()?.is_some(),
    })
}

/// Takes away the failure of an earlier try, so that one which stands later is of a new try. Nothing happens while
/// another process is at the work.
///
/// # Errors
/// The folder cannot be claimed or changed.
pub fn forget_failure(work: &Work, results: &Results) -> Result<(), StoreError> {
    let folder = work.folder(results);
    let failed = folder.file("failed.json");
    if failed.exists()
        && let Some(_claim) = folder.claim()?
    {
        remove(&failed)?;
    }
    Ok(())
}

/// Whether the recipe in the folder of work is as it should be, as far as this release can tell.
pub fn recipe_stands(work: &Work, results: &Results) -> bool {
    fn stands<T: DeserializeOwned + PartialEq>(path: &Path, recipe: &T) -> bool {
        match read_sealed::<T>(path) {
            Ok(found) => found.as_ref() == Some(recipe),
            Err(error) => !matches!(error, StoreError::Damaged { .. }),
        }
    }
    let path = work.folder(results).file("recipe.json");
    match work {
        Work::Pretext(recipe) => stands(&path, recipe),
        Work::Evaluation(recipe) => stands(&path, recipe),
    }
}

/// Does a task in its folder, unless it is done or another process is at it.
///
/// # Errors
/// The failure also stands in the folder's `failed.json`. A panic is a failure of kind [`FailureKind::Crash`].
pub fn perform(
    task: &Task,
    performer: &mut dyn Performer,
    stop: &AtomicBool,
    events: &mut dyn FnMut(Event),
) -> Result<Ended, Failure> {
    let results = Results::new(&task.results);
    let folder = task.work.folder(&results);
    let Some(claim) = folder.claim().map_err(of_store)? else { return Ok(Ended::Busy) };
    match finished(&task.work, &results) {
        Ok(true) => {
            if let Err(error) = keep_recipe(&task.work, &folder, events) {
                // It tells about a run whose results are there all the same.
                events(Event::Warning(error.to_string()));
            }
            return Ok(Ended::Done);
        }
        Ok(false) => {}
        Err(StoreError::Damaged { path, found }) => {
            events(Event::Warning(format!("{} is not what was written: {found}; doing it again", path.display())));
            let vouching = if matches!(task.work, Work::Pretext(_)) { "done.json" } else { "result.json" };
            remove(&folder.file(vouching)).map_err(of_store)?;
        }
        Err(other) => return Err(of_store(other)),
    }
    let failed = folder.file("failed.json");
    if !task.retry
        && let Ok(Some(failure)) = read_sealed(&failed)
    {
        return Err(failure);
    }
    let ended = attempt(task, performer, &claim, &Session { task, folder: &folder, results: &results }, stop, events);
    if !matches!(ended, Ok(Ended::Done)) && !claim.holds() {
        // Another process has taken the folder, whoever took the lock away: the rest is its work.
        return Ok(if stop.load(Ordering::Relaxed) { Ended::Stopped } else { Ended::Busy });
    }
    if let Err(failure) = &ended {
        // Where even this cannot be written, the failure itself is still reported.
        let _ = write_sealed(&failed, failure);
    }
    ended
}

fn attempt(
    task: &Task,
    performer: &mut dyn Performer,
    claim: &Claim,
    session: &Session,
    stop: &AtomicBool,
    events: &mut dyn FnMut(Event),
) -> Result<Ended, Failure> {
    let folder = session.folder;
    remove(&folder.file("failed.json")).map_err(of_store)?;
    keep_recipe(&task.work, folder, events).map_err(of_store)?;
    let mut provenance = Keeper::begin(folder, task).map_err(of_store)?;
    if stop.load(Ordering::Relaxed) {
        return Ok(Ended::Stopped);
    }
    let mut signs = Signs::begin(folder, task);
    let (mut looked, mut holds) = (Instant::now(), true);
    let mut watch = |event: Event| {
        signs.tell(&event);
        events(event);
        provenance.tick();
        if looked.elapsed() >= LOOK_EVERY {
            (looked, holds) = (Instant::now(), claim.holds());
        }
        if stop.load(Ordering::Relaxed) || !holds { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    // What a panic leaves half-changed is dropped with the performer's call; folders only hold whole files.
    let ended = catch_unwind(AssertUnwindSafe(|| match &task.work {
        Work::Pretext(recipe) => performer.pretext(recipe, session, &mut watch),
        Work::Evaluation(recipe) => performer.evaluation(recipe, session, &mut watch),
    }));
    let ended = ended.unwrap_or_else(|panic| Err(of_panic(panic.as_ref())));
    if let Err(error) = provenance.write() {
        // Says where the work was made, not what came out: no reason to lose it.
        events(Event::Warning(error.to_string()));
    }
    ended
}

/// Writes the recipe of work unless it stands there already.
fn keep_recipe(work: &Work, folder: &RunFolder, events: &mut dyn FnMut(Event)) -> Result<(), StoreError> {
    let path = folder.file("recipe.json");
    match work {
        Work::Pretext(recipe) => keep(&path, recipe, events),
        Work::Evaluation(recipe) => keep(&path, recipe, events),
    }
}

fn keep<T: Serialize + DeserializeOwned + PartialEq>(
    path: &Path,
    recipe: &T,
    events: &mut dyn FnMut(Event),
) -> Result<(), StoreError> {
    match read_sealed::<T>(path) {
        Ok(Some(found)) if found == *recipe => return Ok(()),
        Err(error @ StoreError::Newer { .. }) => return Err(error),
        Err(error) => events(Event::Warning(format!("{error}; writing it anew"))),
        Ok(_) => {}
    }
    write_sealed(path, recipe)
}

fn of_store(error: StoreError) -> Failure {
    Failure { kind: FailureKind::Store, message: error.to_string() }
}

fn of_panic(panic: &(dyn Any + Send)) -> Failure {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
    let message = format!(
        "repro stopped at a fault of its own: {}. Please report it, with the recipe.json of the folder",
        text.unwrap_or_else(|| "no message".to_owned())
    );
    Failure { kind: FailureKind::Crash, message }
}

#[cfg(test)]
mod tests;
