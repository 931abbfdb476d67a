//! MoCo v2 (Chen et al., 2020): keys of a momentum encoder, and a queue of earlier ones as negatives.

use candle_core::{Result, Tensor};

use crate::kernels::cross_entropy::{LeftOut, SoftLabels, cross_entropy};
use crate::mix::VirtualLabels;

/// Each query's own key against the queue: 1 + K classes (official `moco`). There is no class for the keys of others,
/// so there are no virtual labels.
///
/// `queries` and `keys` `[N, C]` and `queue` `[K, C]` are normalised; keys and queue are constants.
pub(super) fn one_plus_k(queries: &Tensor, keys: &Tensor, queue: &Tensor, temperature: f64) -> Result<Tensor> {
    let rows = queries.dim(0)?;
    let own = (0..rows).map(|row| (row, row, 1.0));
    let labels = SoftLabels::new(rows, rows + queue.dim(0)?, own)?;
    cross_entropy(queries, &Tensor::cat(&[keys, queue], 0)?, labels, LeftOut::OtherRows, temperature)
}

/// Every key of the batch, over all replicas, and the queue: N + K classes (official `mocon`).
///
/// `queries` and `keys` `[N, C]` and `queue` `[K, C]` are normalised; keys and queue are constants.
pub(super) fn n_plus_k(
    queries: &Tensor,
    keys: &Tensor,
    labels: &VirtualLabels,
    queue: &Tensor,
    temperature: f64,
) -> Result<Tensor> {
    let rows = labels.rows();
    let labels = SoftLabels::new(rows, rows + queue.dim(0)?, labels.entries())?;
    cross_entropy(queries, &Tensor::cat(&[keys, queue], 0)?, labels, LeftOut::Nothing, temperature)
}
