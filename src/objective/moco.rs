//! MoCo v2 (Chen et al., 2020): keys of a momentum encoder, and a queue of earlier ones as negatives. The classes are
//! the keys of the batch, over all replicas, and then those of the queue; both are constants.

use crate::kernels::{LabelOutside, LeftOut, SoftLabels};
use crate::mix::VirtualLabels;

use super::contrast::Contrasted;
use super::queue::QueueShape;

/// Each query's own key against the queue: 1 + K classes (official `moco`). There is no class for the keys of others,
/// so there are no virtual labels. The `rows` queries are those of the batch from number `first` on.
pub(super) fn one_plus_k(rows: usize, first: usize, queue: QueueShape) -> Result<Contrasted, LabelOutside> {
    let own = (0..rows).map(|row| (row, first + row, 1.0));
    let labels = SoftLabels::new(rows, queue.batch + queue.length, own)?;
    let left_out = LeftOut::Others { of: queue.batch, first };
    Ok(Contrasted { labels, left_out, first_key: 0, keys_learn: false })
}

/// Every key of the batch and the queue: N + K classes (official `mocon`). Labels are numbered from query `first` of
/// the batch on.
pub(super) fn n_plus_k(labels: &VirtualLabels, first: usize, queue: QueueShape) -> Result<Contrasted, LabelOutside> {
    let of_batch = labels.entries().map(|(row, key, weight)| (row, first + key, weight));
    let labels = SoftLabels::new(labels.rows(), queue.batch + queue.length, of_batch)?;
    Ok(Contrasted { labels, left_out: LeftOut::Nothing, first_key: 0, keys_learn: false })
}
