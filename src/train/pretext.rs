//! A pretext run: from initial weights, or a checkpoint, to `encoder.safetensors` and `done.json`.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::time::Duration;

use thiserror::Error;

use crate::augment::{self, ViewsError};
use crate::data::{DataError, Set};
use crate::kernels::Kernels;
use crate::kernels::collective::Ranks;
use crate::model::ModelError;
use crate::recipe::PretextRecipe;
use crate::store::{
    Checkpoints, Done, EpochMetrics, MetricLog, RunFolder, Saver, StoreError, Trace, checksum, write_atomic,
    write_sealed,
};

use super::batch::ahead;
use super::course::{Course, Extent};
use super::encoder::encoder_bytes;
use super::inputs::Preparation;
use super::ranks::lead;
use super::{StepError, checkpoint};

/// Why a pretext run did not end.
#[derive(Debug, Error)]
pub enum TrainError {
    #[error("the loss is {loss} at step {step} of epoch {epoch}: a smaller base_rate may help")]
    NotFinite { epoch: usize, step: usize, loss: f64 },
    #[error(
        "all embeddings are equal at step {step} of epoch {epoch} (their deviation is {spread:.1e}): the encoder collapsed"
    )]
    Collapse { epoch: usize, step: usize, spread: f64 },
    #[error("a batch of {batch} does not fit into {rows} training rows")]
    BatchTooLarge { batch: usize, rows: usize },
    #[error(
        "a rank cannot start from what rank 0 has: {found}. That is a fault of repro: please report it, and train on one \
         GPU (--device cuda:N) meanwhile"
    )]
    Handover { found: String },
    #[error("cannot start {threads} threads")]
    Threads { threads: usize, source: rayon::ThreadPoolBuildError },
    #[error(transparent)]
    Data(#[from] DataError),
    #[error(transparent)]
    Views(#[from] ViewsError),
    #[error(transparent)]
    Model(#[from] ModelError),
    #[error(transparent)]
    Step(#[from] StepError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl TrainError {
    /// Whether another rank is to blame.
    pub(super) fn is_abandoned(&self) -> bool {
        matches!(self, TrainError::Step(error) if error.is_abandoned())
    }
}

/// How a run is carried out; no bit of what it computes depends on it.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Threads that draw views.
    pub threads: usize,
    /// The least time between two checkpoints; zero asks for one after every step.
    pub checkpoint_every: Duration,
}

/// How a pretext run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    Finished,
    /// Stopped when asked to, after writing a checkpoint.
    Stopped,
}

/// What the loop tells after each step.
#[derive(Clone, Debug)]
pub enum Progress {
    Step { epoch: usize, epochs: usize, step: usize, steps: usize, loss: f64 },
    Warning(String),
}

/// Runs a recipe in a folder that the caller has claimed, from the newest whole checkpoint.
///
/// Several ranks share the recipe's replicas out. Rank 0 alone writes, and any number of ranks goes on from what
/// another left: what they come to differs in the order of sums.
///
/// `control` is called after every step; when it breaks, the run writes a checkpoint and ends as [`Ended::Stopped`].
pub fn pretext<K: Kernels>(
    recipe: &PretextRecipe,
    data: &Set,
    folder: &RunFolder,
    ranks: Ranks<K>,
    Options { threads, checkpoint_every }: Options,
    control: &mut dyn FnMut(Progress) -> ControlFlow<()>,
) -> Result<Ended, TrainError> {
    let address = recipe.address();
    let source = augment::source(data, &recipe.views, recipe.seed)?;
    let preparation = Preparation::new(ranks.kernels(), &recipe.pretext, recipe.seed);
    let Ranks { leader, followers } = ranks;
    let mut course = Course::new(recipe, data, &*source, leader)?;

    let checkpoints = Checkpoints::new(folder, &address);
    let metrics_path = folder.file("metrics.jsonl");
    let mut metrics = MetricLog::new(&metrics_path);
    let mut warnings = Vec::new();
    let restored = checkpoints
        .restore(|found| checkpoint::load_checkpoint(&mut course.trainer, found), &mut |text| warnings.push(text))?;
    if let Some((position, lines)) = restored {
        course.at = position;
        let log = match lines {
            Some(text) => Ok(MetricLog::resume(&metrics_path, text)),
            None => MetricLog::read(&metrics_path, course.at.epoch),
        };
        match log {
            Ok(log) => metrics = log,
            Err(error) => {
                // A checkpoint of format 1 lacks the epochs' metrics: only training anew gives them again.
                warnings.push(format!("{error}; training from the start"));
                course = course.again(data, &*source)?;
            }
        }
    }
    for warning in warnings {
        let _ = control(Progress::Warning(warning));
    }

    let (course, ended) = lead(course, followers, data, |course, followers| {
        ahead(course.prepared(&*source, &preparation)?, threads, |batches| {
            let mut saver = Saver::new(checkpoints, checkpoint_every);
            while !course.is_finished() {
                course.take(batches.next().expect("there is a batch for every step")?, followers)?;
                let save = saver.is_due();
                if !save && !course.is_due() {
                    continue;
                }
                let mut stop = false;
                for taken in course.read()? {
                    if let Some(line) = &taken.epoch {
                        metrics.push(line)?;
                    }
                    stop |= control(taken.progress).is_break();
                }
                if (stop || save) && !course.is_finished() {
                    // Whoever took the lock from us may have ended the run: what done.json vouches for stays.
                    if !folder.file("done.json").exists() {
                        metrics.write()?;
                    }
                    saver.save([course.at.epoch, course.at.step], &checkpoint::checkpoint(course, metrics.text()))?;
                    if stop {
                        return Ok(Ended::Stopped);
                    }
                }
            }
            Ok(Ended::Finished)
        })?
    })?;
    if ended == Ended::Finished {
        finish(recipe, folder, course, &metrics)?;
    }
    Ok(ended)
}

/// What the first steps of a run give when they are taken again.
#[derive(Clone, Debug, PartialEq)]
pub struct Retraced {
    pub trace: Trace,
    /// Of the whole epochs among the steps.
    pub epochs: Vec<EpochMetrics>,
    /// SHA-256 of `encoder.safetensors`, where the steps go to the end of the run.
    pub encoder: Option<String>,
}

/// Takes the first steps of a recipe again, up to the end of the run, on as many ranks as there are. Nothing is
/// written.
///
/// `control` is called after every step; when it breaks there is no outcome.
pub fn retrace<K: Kernels>(
    recipe: &PretextRecipe,
    data: &Set,
    ranks: Ranks<K>,
    threads: usize,
    extent: Extent,
    control: &mut dyn FnMut(Progress) -> ControlFlow<()>,
) -> Result<Option<Retraced>, TrainError> {
    let source = augment::source(data, &recipe.views, recipe.seed)?;
    let preparation = Preparation::new(ranks.kernels(), &recipe.pretext, recipe.seed);
    let Ranks { leader, followers } = ranks;
    let course = Course::new(recipe, data, &*source, leader)?;
    let mut epochs = Vec::new();
    let (course, whole) = lead(course, followers, data, |course, followers| {
        ahead(course.prepared(&*source, &preparation)?, threads, |batches| {
            while !course.is_finished() {
                let more = course.is_within(extent);
                if more {
                    course.take(batches.next().expect("there is a batch for every step")?, followers)?;
                    if !course.is_due() {
                        continue;
                    }
                }
                for taken in course.read()? {
                    epochs.extend(taken.epoch);
                    if control(taken.progress).is_break() {
                        return Ok(false);
                    }
                }
                if !more {
                    break;
                }
            }
            Ok(true)
        })?
    })?;
    if !whole {
        return Ok(None);
    }
    let encoder = match course.is_finished() {
        true => Some(checksum(&encoder_bytes(&course.trainer.query, &recipe.address())?)),
        false => None,
    };
    Ok(Some(Retraced { trace: course.at.trace, epochs, encoder }))
}

fn finish<K: Kernels>(
    recipe: &PretextRecipe,
    folder: &RunFolder,
    Course { trainer, at, .. }: Course<K>,
    metrics: &MetricLog,
) -> Result<(), TrainError> {
    metrics.write()?;
    let address = recipe.address();
    let encoder = encoder_bytes(&trainer.query, &address)?;
    let path = folder.file("encoder.safetensors");
    write_atomic(&path, &encoder).map_err(StoreError::io(&path))?;
    let files = BTreeMap::from([
        ("encoder.safetensors".to_owned(), checksum(&encoder)),
        ("metrics.jsonl".to_owned(), checksum(metrics.text().as_bytes())),
    ]);
    write_sealed(&folder.file("done.json"), &Done { files, trace: at.trace.is_whole().then_some(at.trace) })?;
    Checkpoints::new(folder, &address).clear()?;
    Ok(())
}
