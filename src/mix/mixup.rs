//! MixUp: the weighted sum of two inputs, with one lambda for each sample.

use candle_core::{Result, Tensor};

use super::{MixError, beta, folded};
use crate::random::Key;

/// A folded lambda for each row, in [0.5, 1].
pub(super) fn lambdas(share: usize, replicas: usize, alpha: f64, key: Key) -> std::result::Result<Vec<f32>, MixError> {
    let beta = beta(alpha)?;
    let of_share = |replica| {
        let mut stream = key.sample(replica).view(1).stream();
        (0..share).map(|_| folded(&beta, &mut stream)).collect::<Vec<f32>>()
    };
    Ok((0..replicas).flat_map(of_share).collect())
}

/// Row `i` is `lambda[i] x input[i] + (1 - lambda[i]) x input[partner[i]]`, for `input` `[N, ...]`.
///
/// # Errors
/// Lengths other than N, a partner outside the batch.
pub fn blend(input: &Tensor, partner: &[u32], lambda: &[f32]) -> Result<Tensor> {
    let mut per_row = vec![1; input.rank()];
    per_row[0] = lambda.len();
    let own = Tensor::from_slice(lambda, per_row, input.device())?;
    let other = own.affine(-1.0, 1.0)?;
    let partner = input.index_select(&Tensor::from_slice(partner, partner.len(), input.device())?, 0)?;
    input.broadcast_mul(&own)? + partner.broadcast_mul(&other)?
}
