//! What a step feeds to the encoders: views of a batch, mixed as the recipe says (official `main_pretext.py`,
//! `builder.py`).

use candle_core::{Device, Tensor};

use crate::mix::{self, VirtualLabels};
use crate::random::{Key, Purpose};
use crate::recipe::Pretext;

use super::{Batch, StepError};

/// A step of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct At {
    pub seed: u64,
    /// From 0.
    pub epoch: usize,
    /// Within the epoch, from 0.
    pub step: usize,
}

impl At {
    pub(super) fn key(self, purpose: Purpose) -> Key {
        Key::new(self.seed, purpose).epoch(self.epoch).step(self.step)
    }
}

/// Queries and keys of a batch, each `[N, ...]`, after InputMix where the recipe has it.
///
/// # Errors
/// Settings that InputMix refuses.
pub fn of(settings: &Pretext, at: At, batch: Batch) -> Result<[Tensor; 2], StepError> {
    let rows = batch.rows.len();
    let [queries, keys] = batch.views;
    let queries = Tensor::from_vec(queries, batch.shape.as_slice(), &Device::Cpu)?;
    let keys = Tensor::from_vec(keys, batch.shape.as_slice(), &Device::Cpu)?;
    let Some(input_mix) = &settings.input_mix else { return Ok([queries, keys]) };
    let pooled = mix::input_mix(input_mix, &Tensor::cat(&[&queries, &keys], 0)?, at.key(Purpose::InputMix))?;
    Ok([pooled.narrow(0, 0, rows)?, pooled.narrow(0, rows, rows)?])
}

/// The `queries` of a batch after i-Mix, with their virtual labels.
///
/// # Errors
/// What [`mix::apply`] refuses.
pub fn mixed(settings: &Pretext, at: At, queries: &Tensor) -> Result<(Tensor, VirtualLabels), StepError> {
    Ok(mix::apply(&settings.mix, settings.replicas, queries, at.key(Purpose::Mix))?)
}
