//! i-Mix: a query is mixed from two inputs, and so is its label.
//!
//! Without classes, every item of a batch is a class of its own: the label of query `i` is key `i`. Mixing input `i`
//! with input `p` by `lambda` gives a query that is `lambda` of item `i` and `1 - lambda` of item `p`, and
//! [`VirtualLabels`] say so. Only queries are mixed; keys stay clean. Whatever the objective does with labels, it does
//! with these.
//!
//! Rows may be mixed inside the encoder as well as in front of it (manifold mixup): [`layers()`] draws where.
//!
//! InputMix, in contrast, mixes inputs and leaves labels alone: it stands in for augmentations nobody knows.

mod cutmix;
mod input_mix;
mod labels;
mod layers;
mod mixup;

use candle_core::Tensor;
use rand_distr::{Beta, Distribution};

use crate::random::{self, Key};
use crate::recipe::{Mix, Operator};

pub use cutmix::{Rectangle, paste};
pub use input_mix::{input_mix, weighted_sum};
pub use labels::{LabelError, VirtualLabels};
pub use layers::layers;
pub use mixup::blend;

/// Why a batch could not be mixed.
#[derive(Debug, thiserror::Error)]
pub enum MixError {
    #[error("cutmix pastes rectangles and needs inputs [N, H, W, C], found {found:?}: choose mixup for such inputs")]
    NoRectangle { found: Vec<usize> },
    #[error("mixing needs alpha > 0 and finite, found {found}")]
    Alpha { found: f64 },
    #[error("InputMix needs at least 1 auxiliary input, found 0: leave the setting out to do without InputMix")]
    NoAuxiliaries,
    #[error("a batch of {rows} cannot be split into {replicas} equal shares")]
    Shares { rows: usize, replicas: usize },
    #[error(transparent)]
    Tensor(#[from] candle_core::Error),
}

/// Mixes the queries `input` `[N, ...]` and gives their virtual labels.
///
/// The batch lies in `replicas` equal contiguous shares and partners stay inside a share. Share `r` draws from
/// `key.sample(r)`: partners from view 0, lambdas from view 1, the place of CutMix's rectangle from view 2.
///
/// # Errors
/// An alpha that is not positive, a batch that does not split into shares, CutMix of inputs without height and width.
pub fn apply(mix: &Mix, replicas: usize, input: &Tensor, key: Key) -> Result<(Tensor, VirtualLabels), MixError> {
    let rows = input.dim(0)?;
    if replicas == 0 || !rows.is_multiple_of(replicas) {
        return Err(MixError::Shares { rows, replicas });
    }
    let share = rows / replicas;
    match mix.operator {
        Operator::None => Ok((input.clone(), VirtualLabels::clean(rows))),
        Operator::Mixup => {
            let partner = in_batch(&partners(share, replicas, key));
            let lambda = mixup::lambdas(share, replicas, mix.alpha, key)?;
            let mixed = blend(input, &partner, &lambda)?;
            Ok((mixed, VirtualLabels::mixed(partner, lambda)))
        }
        Operator::Cutmix => {
            let partners = partners(share, replicas, key);
            let rectangles = cutmix::rectangles(input, replicas, mix.alpha, key)?;
            let lambda = rectangles.iter().flat_map(|rectangle| vec![rectangle.share_left(); share]).collect();
            let mut shares = Vec::with_capacity(replicas);
            for (replica, rectangle) in rectangles.iter().enumerate() {
                let images = input.narrow(0, replica * share, share)?;
                shares.push(paste(&images, &partners[replica], rectangle)?);
            }
            Ok((Tensor::cat(&shares, 0)?, VirtualLabels::mixed(in_batch(&partners), lambda)))
        }
    }
}

/// One partner for each row of each share, numbered within it: a random order.
fn partners(share: usize, replicas: usize, key: Key) -> Vec<Vec<u32>> {
    (0..replicas).map(|replica| random::permutation(share, key.sample(replica).view(0))).collect()
}

/// Partners of every row, numbered within the batch.
fn in_batch(partners: &[Vec<u32>]) -> Vec<u32> {
    let shifted = |(replica, share): (usize, &Vec<u32>)| {
        let first = (replica * share.len()) as u32;
        share.iter().map(move |row| first + row).collect::<Vec<u32>>()
    };
    partners.iter().enumerate().flat_map(shifted).collect()
}

fn beta(alpha: f64) -> Result<Beta<f64>, MixError> {
    match Beta::new(alpha, alpha) {
        Ok(beta) if alpha.is_finite() => Ok(beta),
        _ => Err(MixError::Alpha { found: alpha }),
    }
}

/// A lambda from Beta(alpha, alpha), folded so that a row stays at least half itself.
fn folded(beta: &Beta<f64>, stream: &mut impl rand::Rng) -> f32 {
    let lambda = beta.sample(stream);
    lambda.max(1.0 - lambda) as f32
}

#[cfg(test)]
mod tests;
