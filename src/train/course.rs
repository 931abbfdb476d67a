//! The steps of a run in their order, whatever becomes of them.

use serde::{Deserialize, Serialize};

use crate::augment::Source;
use crate::data::Set;
use crate::kernels::Kernels;
use crate::kernels::collective::Rank;
use crate::objective::{COLLAPSED, Observed};
use crate::recipe::PretextRecipe;
use crate::store::{EpochMetrics, Trace, TracedStep, checksum};

use super::batch::Batches;
use super::encoder::encoder_plan;
use super::followers::Followers;
use super::inputs::{At, Preparation, Prepared};
use super::schedule::LearningRate;
use super::{Progress, TrainError, Trainer};

/// First steps of a run that its trace holds: enough for every part of a step to show in the loss.
pub const TRACED: usize = 10;

/// Where a run stands between two steps.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Position {
    /// Epochs finished.
    pub epoch: usize,
    /// Steps taken of the epoch at hand.
    pub step: usize,
    /// Sums over the steps of the epoch at hand.
    pub loss_sum: f64,
    pub spread_sum: f64,
    /// Absent in the checkpoints of releases that kept none: such a run ends without one.
    #[serde(default)]
    pub trace: Trace,
}

/// What a step gave.
pub(super) struct Taken {
    pub progress: Progress,
    /// The epoch that it ended.
    pub epoch: Option<EpochMetrics>,
}

/// What the ranks need for a step, each its share.
type Shares<S> = Result<Vec<Prepared<S>>, TrainError>;

/// A run between two of its steps.
pub(super) struct Course<'a, K: Kernels> {
    pub recipe: &'a PretextRecipe,
    rates: LearningRate,
    /// Of an epoch.
    steps: usize,
    pub trainer: Trainer<K>,
    /// After the last step that was read back.
    pub at: Position,
}

/// How much of a run, from its first step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extent {
    Steps(usize),
    Epochs(usize),
}

impl<'a, K: Kernels> Course<'a, K> {
    /// At the initial weights.
    ///
    /// # Errors
    /// A batch larger than the set, and settings that no network fits.
    pub fn new(
        recipe: &'a PretextRecipe,
        data: &Set,
        source: &dyn Source,
        rank: Rank<K>,
    ) -> Result<Course<'a, K>, TrainError> {
        let settings = &recipe.pretext;
        let steps = Batches::new(source, settings, At { seed: recipe.seed, epoch: 0, step: 0 })?.steps();
        let trainer = Trainer::of_rank(rank, encoder_plan(&recipe.network, data)?, settings, recipe.seed)?;
        let rates = LearningRate::pretext(settings, steps);
        Ok(Course { recipe, rates, steps, trainer, at: Position::default() })
    }

    /// At the initial weights again.
    ///
    /// # Errors
    /// As [`Course::new`].
    pub fn again(self, data: &Set, source: &dyn Source) -> Result<Course<'a, K>, TrainError> {
        Course::new(self.recipe, data, source, self.trainer.into_rank())
    }

    /// What the steps that are left need.
    ///
    /// # Errors
    /// As [`Batches::new`]; of a step, what cannot be drawn or mixed.
    pub fn prepared<'b>(
        &self,
        source: &'b dyn Source,
        preparation: &'b Preparation<K>,
    ) -> Result<impl Iterator<Item = Shares<K::Staged>> + use<'b, K>, TrainError> {
        let at = At { seed: self.recipe.seed, epoch: self.at.epoch, step: self.at.step };
        let batches = Batches::new(source, &self.recipe.pretext, at)?;
        Ok(batches.map(|batch| Ok(preparation.of(batch?)?)))
    }

    /// Whether every step was taken and read back.
    pub fn is_finished(&self) -> bool {
        self.at.epoch >= self.recipe.pretext.epochs
    }

    /// Whether the next step lies in the extent.
    pub fn is_within(&self, extent: Extent) -> bool {
        match extent {
            Extent::Steps(steps) => self.steps_taken() < steps,
            Extent::Epochs(epochs) => self.steps_taken() < epochs * self.steps,
        }
    }

    fn steps_read(&self) -> usize {
        self.at.epoch * self.steps + self.at.step
    }

    fn steps_taken(&self) -> usize {
        self.steps_read() + self.trainer.unread()
    }

    /// Takes the next step together with the followers, after which nothing is known of it yet.
    ///
    /// # Errors
    /// A step that could not be taken.
    pub fn take(
        &mut self,
        shares: Vec<Prepared<K::Staged>>,
        followers: &Followers<K::Staged>,
    ) -> Result<(), TrainError> {
        let taken = self.steps_taken();
        let rate = self.rates.at(taken / self.steps, taken % self.steps);
        let own = followers.deal(shares, rate)?;
        Ok(self.trainer.take(own, rate)?)
    }

    /// Whether steps have to be read back before the next one: the device has no more room for what they found, the run
    /// ends, or parameters belong to its trace.
    pub fn is_due(&self) -> bool {
        let taken = self.steps_taken();
        self.trainer.is_full() || taken == self.recipe.pretext.epochs * self.steps || taken == self.last_traced()
    }

    /// Reads back what the steps since the last call gave, in their order. Waits for the device.
    ///
    /// # Errors
    /// A loss that is no number and embeddings that are all equal, with the place.
    pub fn read(&mut self) -> Result<Vec<Taken>, TrainError> {
        self.trainer.observed()?.into_iter().map(|observed| self.account(observed)).collect()
    }

    fn account(&mut self, Observed { loss, spread }: Observed) -> Result<Taken, TrainError> {
        let epochs = self.recipe.pretext.epochs;
        let rate = self.rates.at(self.at.epoch, self.at.step);
        let (epoch, step, steps) = (self.at.epoch + 1, self.at.step + 1, self.steps);
        if !loss.is_finite() || !spread.is_finite() {
            return Err(TrainError::NotFinite { epoch, step, loss });
        }
        if spread < COLLAPSED {
            return Err(TrainError::Collapse { epoch, step, spread });
        }
        self.trace(TracedStep { loss, spread });
        self.at.step += 1;
        self.at.loss_sum += loss;
        self.at.spread_sum += spread;
        let progress = Progress::Step { epoch, epochs, step, steps, loss };
        let ended = (step == steps).then(|| {
            let Position { loss_sum, spread_sum, .. } = self.at;
            (self.at.epoch, self.at.step, self.at.loss_sum, self.at.spread_sum) = (epoch, 0, 0.0, 0.0);
            EpochMetrics { epoch, loss: loss_sum / steps as f64, rate, spread: spread_sum / steps as f64 }
        });
        Ok(Taken { progress, epoch: ended })
    }

    /// The last step that a trace holds, from 1.
    fn last_traced(&self) -> usize {
        TRACED.min(self.recipe.pretext.epochs * self.steps)
    }

    /// Keeps a step if it belongs to the trace, and the parameters with the last of these.
    fn trace(&mut self, step: TracedStep) {
        let (last, read) = (self.last_traced(), self.steps_read());
        let trace = &mut self.at.trace;
        // A trace that lacks its beginning, because a checkpoint without one was resumed, stays empty.
        if trace.steps.len() == read && trace.steps.len() < last {
            trace.steps.push(step);
            if trace.steps.len() == last {
                let values = self.trainer.query.parameters();
                let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
                trace.parameters = Some(checksum(&bytes));
            }
        }
    }
}
