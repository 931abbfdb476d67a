//! Read-outs of an encoder: linear, pseudo-inverse, fine-tuned and supervised, and how far apart it puts training and
//! test items.
//!
//! Each gives readings by name: test accuracies in percent, but for the last line.
//!
//! | reading | test accuracy of |
//! | --- | --- |
//! | `linear/last/rate-R` | the linear classifier of rate `R`, after the last epoch |
//! | `linear/best/rate-R` | the same in its best measured epoch |
//! | `linear/last/test-rate` | the best of all rates after the last epoch, chosen by test accuracy itself |
//! | `linear/best/test-rate` | the best of all rates and measured epochs |
//! | `linear/last/validation-rate` | the rate that does best on the validation rows when trained without them |
//! | `linear/best/validation-rate` | the same rate in its best measured epoch |
//! | `raw/...` | as `linear/...`, the classifier reading the inputs themselves |
//! | `pinv` | least squares in closed form |
//! | `fine-tune/last`, `fine-tune/best` | the encoder and a classifier, trained together from the pretext encoder |
//! | `supervised/last`, `supervised/best` | the same from random weights |
//! | `frechet` | none: the Fréchet distance between features of training and of test items |
//!
//! Measured epochs are those from `measure_from` to the last. Choosing by test accuracy is what the official logs
//! suggest; choosing by validation rows is the clean rule. Both come out of one run.

pub mod end_to_end;
mod error;
mod features;
pub mod frechet;
mod frozen;
mod inputs;
pub mod linear;
mod moments;
pub mod pinv;
mod rehearsal;
mod softmax;
#[cfg(test)]
mod table;

use std::collections::BTreeMap;
use std::ops::{ControlFlow, Range};

use crate::store::{Checkpoint, Saver};

pub use error::EvaluateError;
pub use frozen::{FrozenEncoder, RawInputs};
pub use inputs::Inputs;
pub use rehearsal::rehearse;

/// Which rows of a data set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Split {
    Train,
    Test,
}

impl std::fmt::Display for Split {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Split::Train => "training",
            Split::Test => "test",
        })
    }
}

/// Rows of features.
pub trait FeatureSource {
    /// Features of a row.
    fn width(&self) -> usize;

    /// Features of consecutive rows in evaluation mode, row-major `rows.len()` x `width()`. Test rows are asked for
    /// once each and in order, so that they need never be in memory together.
    ///
    /// # Errors
    /// [`EvaluateError::Encoder`] where the encoder fails.
    fn features(&mut self, split: Split, rows: Range<usize>) -> Result<Vec<f32>, EvaluateError>;

    /// Rows whose features may be asked for at a time, so that their inputs take little memory; at least 1.
    fn at_a_time(&self) -> usize;

    /// Whether training rows have other features in every epoch.
    fn augmented(&self) -> bool;

    /// Features of training rows as they are in `epoch`, from 0: row-major.
    ///
    /// # Errors
    /// As [`FeatureSource::features`].
    fn training(&mut self, rows: &[u32], epoch: usize) -> Result<Vec<f32>, EvaluateError>;
}

/// What is known of the rows besides their features.
#[derive(Clone, Debug)]
pub struct Labels<'a> {
    /// Class of each training row, from 0.
    pub train: &'a [u32],
    /// Class of each test row, from 0.
    pub test: &'a [u32],
    pub classes: usize,
    /// Training rows set aside to choose settings by. Empty, no `validation-rate` is read off.
    pub validation: Range<usize>,
}

/// What an evaluation found.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Outcome {
    /// By name; [`crate::recipe::Unit::of`] tells what a number is.
    pub readings: BTreeMap<String, f64>,
    /// What was chosen along the way and what the readings are over.
    pub details: BTreeMap<String, serde_json::Value>,
    /// Lines of `metrics.jsonl`, in order.
    pub lines: Vec<serde_json::Value>,
}

/// How far an evaluation is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    pub stage: Stage,
    pub done: usize,
    pub of: usize,
    /// Items that each of `of` takes in: 1 where items are counted.
    pub items: usize,
}

/// What an evaluation is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Training, in epochs.
    Training,
    /// Training of the classifiers that choose the rate, in epochs.
    Choosing,
    /// Solving in closed form, in items taken in.
    Solving,
    /// Measuring test accuracy, in items.
    Testing,
}

impl std::fmt::Display for Stage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Stage::Training => "training, epoch",
            Stage::Choosing => "choosing the rate, epoch",
            Stage::Solving => "solving, item",
            Stage::Testing => "testing, item",
        })
    }
}

/// What an evaluation works with, none of which changes its outcome.
#[derive(Debug)]
pub struct Means<'a> {
    pub threads: usize,
    /// What an interrupted evaluation left, to go on from.
    pub from: Option<Checkpoint>,
    /// Keeps what the next one goes on from; none where nothing is kept.
    pub saver: Option<Saver<'a>>,
}

impl Means<'_> {
    /// Threads alone: an evaluation from its beginning, that keeps nothing.
    pub fn threads(threads: usize) -> Means<'static> {
        Means { threads, from: None, saver: None }
    }

    /// Saves what `checkpoint` makes after so many epochs, if it is time to or nothing comes after.
    fn save(
        &mut self,
        epochs: usize,
        stops: bool,
        checkpoint: impl FnOnce() -> Checkpoint,
    ) -> Result<(), EvaluateError> {
        match &mut self.saver {
            Some(saver) if stops || saver.is_due() => Ok(saver.save([epochs, 0], &checkpoint())?),
            _ => Ok(()),
        }
    }
}

/// Told how far an evaluation is, often; [`ControlFlow::Break`] stops it.
pub type OnProgress<'a> = dyn FnMut(Progress) -> ControlFlow<()> + 'a;

/// Sets of rows that an evaluation shuffles on its own: the `view` of their random streams.
#[derive(Clone, Copy)]
enum ShuffledSet {
    /// Classifiers of a linear evaluation on all training rows.
    All = 0,
    /// Those on all but the validation rows.
    WithoutValidation = 1,
    PseudoInverse = 2,
    EndToEnd = 3,
}

fn report(progress: &mut OnProgress, told: Progress) -> Result<(), EvaluateError> {
    match progress(told) {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(()) => Err(EvaluateError::Stopped),
    }
}

fn pool(threads: usize) -> Result<rayon::ThreadPool, EvaluateError> {
    let threads = threads.max(1);
    rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .build()
        .map_err(|source| EvaluateError::Threads { threads, source })
}

fn percent(correct: usize, of: usize) -> f64 {
    100.0 * correct as f64 / of as f64
}

impl Labels<'_> {
    /// Refuses labels that a classifier cannot index by.
    fn check(&self) -> Result<(), EvaluateError> {
        for (split, labels) in [(Split::Train, self.train), (Split::Test, self.test)] {
            if labels.is_empty() {
                return Err(EvaluateError::unfit(&format!("{split} rows"), "at least 1", 0));
            }
            if let Some(row) = labels.iter().position(|label| *label as usize >= self.classes) {
                let what = format!("label of {split} row {row}");
                return Err(EvaluateError::unfit(&what, format!("less than {}", self.classes), labels[row]));
            }
        }
        if self.validation.start > self.validation.end || self.validation.end > self.train.len() {
            let found = format!("{:?}", self.validation);
            let expected = format!("a range inside 0..{}", self.train.len());
            return Err(EvaluateError::unfit("validation rows", expected, found));
        }
        Ok(())
    }
}
