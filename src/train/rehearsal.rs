//! Steps without data.

use std::collections::BTreeSet;

use crate::kernels::Kernels;
use crate::mix;
use crate::model::Plan;
use crate::random::Purpose;
use crate::recipe::Pretext;

use super::inputs::At;
use super::{Batch, StepError, Trainer};

/// Steps that are looked through for one that mixes at a certain layer.
const LOOKED_THROUGH: usize = 1000;

/// Trains on views of zeros, `item` being the shape of one, while two more batches wait as in a run, for as many steps
/// as it takes to mix at every layer that the recipe names: whatever a run asks of `kernels` was asked for then.
///
/// # Errors
/// As [`Trainer::new`] and [`Trainer::step`].
pub fn rehearse<K: Kernels>(kernels: K, encoder: Plan, settings: &Pretext, item: &[usize]) -> Result<(), StepError> {
    const SEED: u64 = 0;
    let rows = settings.batch;
    let shape: Vec<usize> = std::iter::once(rows).chain(item.iter().copied()).collect();
    let mut trainer = Trainer::new(kernels, encoder, settings, SEED)?;
    let batch = |step: usize| {
        let views = [0, 1].map(|_| vec![0.0; shape.iter().product()]);
        Batch { epoch: 0, step, rows: (0..rows as u32).collect(), shape: shape.clone(), views }
    };
    let preparation = trainer.preparation();
    let _waiting = [preparation.of(batch(0))?, preparation.of(batch(0))?];
    for step in steps(settings, SEED) {
        trainer.step(batch(step), 0.0)?;
    }
    Ok(())
}

/// The first step, and others until every layer to mix at was drawn.
fn steps(settings: &Pretext, seed: u64) -> Vec<usize> {
    let mut left: BTreeSet<usize> = settings.mix.layers.iter().flatten().copied().collect();
    let mut adds = |step: usize| {
        let key = At { seed, epoch: 0, step }.key(Purpose::MixLayer);
        let drawn = mix::layers(&settings.mix, settings.replicas, key);
        let before = left.len();
        left.retain(|layer| !drawn.contains(layer));
        left.len() < before
    };
    (0..LOOKED_THROUGH).filter(|step| adds(*step) || *step == 0).collect()
}
