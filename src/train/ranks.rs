//! Ranks in training: rank 0 leads, on the caller's thread, and deals out the shares of every batch; the others follow
//! it, each on a thread of its own, and hold nothing that rank 0 does not.

use std::panic::resume_unwind;
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread;

use crate::data::Set;
use crate::kernels::Kernels;
use crate::kernels::collective::Rank;
use crate::recipe::PretextRecipe;
use crate::store::Checkpoint;

use super::checkpoint::{checkpoint, load_checkpoint};
use super::course::Course;
use super::encoder::encoder_plan;
use super::followers::{Dealt, Followers};
use super::{TrainError, Trainer};

/// Does `work` with a course, while followers take their shares of every step that it takes. They start from where the
/// course stands, and stop where `work` ends.
///
/// # Errors
/// Those of `work`, and what a follower failed at: then `work` fails because that one is gone.
pub(super) fn lead<'a, K: Kernels, R>(
    course: Course<'a, K>,
    followers: Vec<Rank<K>>,
    data: &Set,
    work: impl FnOnce(&mut Course<'a, K>, &Followers<K::Staged>) -> Result<R, TrainError>,
) -> Result<(Course<'a, K>, R), TrainError> {
    let recipe = course.recipe;
    thread::scope(|scope| {
        let start = (!followers.is_empty()).then(|| checkpoint(&course, ""));
        let (mut to, mut threads) = (Vec::new(), Vec::new());
        for (rank, start) in followers.into_iter().zip(start.iter().cycle().cloned()) {
            let (sender, steps) = sync_channel(1);
            to.push(sender);
            threads.push(scope.spawn(move || follow(rank, recipe, data, start, &steps)));
        }
        drop(start);
        // Whichever way it ends, it takes the course along, and nobody goes on waiting for rank 0.
        let leading = move |mut course: Course<'a, K>, followers: Followers<K::Staged>| {
            let found = work(&mut course, &followers)?;
            drop(followers);
            course.trainer.depart()?;
            Ok((course, found))
        };
        let led = leading(course, Followers { to });
        let mut faults = Vec::new();
        for thread in threads {
            match thread.join() {
                Ok(followed) => faults.extend(followed.err().filter(|fault| !fault.is_abandoned())),
                Err(panic) => resume_unwind(panic),
            }
        }
        // The others failed because of it.
        faults.into_iter().next().map_or(led, Err)
    })
}

/// Takes a follower's shares until there are no more.
fn follow<K: Kernels>(
    rank: Rank<K>,
    recipe: &PretextRecipe,
    data: &Set,
    start: Checkpoint,
    steps: &Receiver<Dealt<K::Staged>>,
) -> Result<(), TrainError> {
    let plan = encoder_plan(&recipe.network, data)?;
    let mut trainer = Trainer::of_rank(rank, plan, &recipe.pretext, recipe.seed)?;
    load_checkpoint(&mut trainer, start).map_err(|found| TrainError::Handover { found })?;
    for Dealt { share, rate } in steps {
        trainer.take(share, rate)?;
        if trainer.is_full() {
            trainer.observed()?;
        }
    }
    Ok(trainer.depart()?)
}
