//! MoCo v2 (Chen et al., 2020): keys of a momentum encoder, and a queue of earlier ones as negatives. The classes are the
//! keys of the batch, over all replicas, and then those of the queue; both are constants.

use crate::kernels::{LabelOutside, LeftOut, SoftLabels};
use crate::mix::VirtualLabels;

use super::contrast::Contrasted;

/// Each query's own key against a queue of `queue` keys: 1 + K classes (official `moco`). There is no class for the keys
/// of others, so there are no virtual labels.
pub(super) fn one_plus_k(rows: usize, queue: usize) -> Result<Contrasted, LabelOutside> {
    let own = (0..rows).map(|row| (row, row, 1.0));
    let labels = SoftLabels::new(rows, rows + queue, own)?;
    Ok(Contrasted { labels, left_out: LeftOut::Others { of: rows, first: 0 }, first_key: 0, keys_learn: false })
}

/// Every key of the batch and the queue: N + K classes (official `mocon`).
pub(super) fn n_plus_k(labels: &VirtualLabels, queue: usize) -> Result<Contrasted, LabelOutside> {
    let rows = labels.rows();
    let labels = SoftLabels::new(rows, rows + queue, labels.entries())?;
    Ok(Contrasted { labels, left_out: LeftOut::Nothing, first_key: 0, keys_learn: false })
}
