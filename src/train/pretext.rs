//! A pretext run: from initial weights, or a checkpoint, to `encoder.safetensors` and `done.json`.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use serde::Serialize;
use thiserror::Error;

use crate::augment::{self, ViewsError};
use crate::data::{DataError, Set};
use crate::kernels::Kernels;
use crate::model::ModelError;
use crate::objective::COLLAPSED;
use crate::recipe::PretextRecipe;
use crate::store::{Done, MetricLog, RunFolder, StoreError, checksum, write_atomic, write_sealed};

use super::batch::{Batches, ahead};
use super::checkpoint::{self, Position};
use super::encoder::{encoder_bytes, encoder_plan};
use super::inputs::At;
use super::schedule::LearningRate;
use super::{StepError, Trainer};

/// Writing checkpoints takes at most one part in this many of the time.
const CHECKPOINT_SHARE: u32 = 20;

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

/// One line of `metrics.jsonl`.
#[derive(Serialize)]
struct EpochMetrics {
    /// From 1.
    epoch: usize,
    /// Mean over the steps.
    loss: f64,
    /// Learning rate of the last step.
    rate: f64,
    /// Mean over the steps of the deviation of the normalised embeddings; 0 at collapse.
    spread: f64,
}

/// Runs a recipe in a folder that the caller has claimed, from the newest whole checkpoint.
///
/// `control` is called after every step; when it breaks, the run writes a checkpoint and ends as [`Ended::Stopped`].
pub fn pretext<K: Kernels>(
    recipe: &PretextRecipe,
    data: &Set,
    folder: &RunFolder,
    kernels: K,
    Options { threads, checkpoint_every }: Options,
    control: &mut dyn FnMut(Progress) -> ControlFlow<()>,
) -> Result<Ended, TrainError> {
    let settings = &recipe.pretext;
    let address = recipe.address();
    let source = augment::source(data, &recipe.views, recipe.seed)?;
    let from = |epoch, step| Batches::new(&*source, settings, At { seed: recipe.seed, epoch, step });
    let steps = from(0, 0)?.steps();
    let plan = encoder_plan(&recipe.network, data)?;
    let mut trainer = Trainer::new(kernels.clone(), plan, settings, recipe.seed)?;
    let rates = LearningRate::pretext(settings, steps);

    let metrics_path = folder.file("metrics.jsonl");
    let mut at = Position { epoch: 0, step: 0, loss_sum: 0.0, spread_sum: 0.0 };
    let mut metrics = MetricLog::new(&metrics_path);
    let mut warnings = Vec::new();
    if let Some(position) = checkpoint::restore(folder, &address, &mut trainer, &mut |text| warnings.push(text))? {
        match MetricLog::resume(&metrics_path, position.epoch) {
            Ok(log) => (at, metrics) = (position, log),
            Err(error) => {
                // The epochs' metrics cannot be had back from a checkpoint: only training anew gives them again.
                warnings.push(format!("{error}; training from the start"));
                trainer = Trainer::new(kernels, encoder_plan(&recipe.network, data)?, settings, recipe.seed)?;
            }
        }
    }
    for warning in warnings {
        let _ = control(Progress::Warning(warning));
    }

    let ended = ahead(from(at.epoch, at.step)?, threads, |batches| {
        let mut saved = Instant::now();
        let mut interval = checkpoint_every;
        while at.epoch < settings.epochs {
            let batch = batches.next().expect("there is a batch for every step")?;
            let rate = rates.at(at.epoch, at.step);
            let observed = trainer.step(batch, rate)?;
            let (epoch, step) = (at.epoch + 1, at.step + 1);
            if !observed.loss.is_finite() || !observed.spread.is_finite() {
                return Err(TrainError::NotFinite { epoch, step, loss: observed.loss });
            }
            if observed.spread < f64::from(COLLAPSED) {
                return Err(TrainError::Collapse { epoch, step, spread: observed.spread });
            }
            at.step += 1;
            at.loss_sum += observed.loss;
            at.spread_sum += observed.spread;
            if at.step == steps {
                metrics.push(&EpochMetrics {
                    epoch,
                    loss: at.loss_sum / steps as f64,
                    rate,
                    spread: at.spread_sum / steps as f64,
                })?;
                at = Position { epoch, step: 0, loss_sum: 0.0, spread_sum: 0.0 };
            }
            let stop =
                control(Progress::Step { epoch, epochs: settings.epochs, step, steps, loss: observed.loss }).is_break();
            let finished = at.epoch == settings.epochs;
            if (stop || saved.elapsed() >= interval) && !finished {
                let began = Instant::now();
                metrics.write()?;
                checkpoint::save(folder, &address, &trainer, &at)?;
                if !checkpoint_every.is_zero() {
                    interval = checkpoint_every.max(began.elapsed() * CHECKPOINT_SHARE);
                }
                saved = Instant::now();
                if stop {
                    return Ok(Ended::Stopped);
                }
            }
        }
        Ok(Ended::Finished)
    })??;
    if ended == Ended::Finished {
        finish(recipe, folder, &trainer, &metrics)?;
    }
    Ok(ended)
}

fn finish<K: Kernels>(
    recipe: &PretextRecipe,
    folder: &RunFolder,
    trainer: &Trainer<K>,
    metrics: &MetricLog,
) -> Result<(), TrainError> {
    metrics.write()?;
    let encoder = encoder_bytes(&trainer.query, &recipe.address())?;
    let path = folder.file("encoder.safetensors");
    write_atomic(&path, &encoder).map_err(StoreError::io(&path))?;
    let files = BTreeMap::from([
        ("encoder.safetensors".to_owned(), checksum(&encoder)),
        ("metrics.jsonl".to_owned(), checksum(metrics.text().as_bytes())),
    ]);
    write_sealed(&folder.file("done.json"), &Done { files })?;
    checkpoint::clear(folder)?;
    Ok(())
}
