//! NT-Xent (Chen et al., 2020): each of the 2N embeddings of a batch is told from the 2N - 1 others.

use crate::kernels::{LabelOutside, LeftOut, SoftLabels};
use crate::mix::VirtualLabels;

use super::contrast::Contrasted;

/// Of a share's queries and the keys that follow them, with virtual labels `v`:
///
/// ```text
/// sum over i, n of v[i, n] (-log p(key n | query i) - log p(query i | key n)) / 2N
/// ```
///
/// where each `p` is a softmax over the other 2N - 1 embeddings. With clean labels that is NT-Xent. The mixed form is
/// this program's own definition: the official code has no SimCLR.
pub(super) fn contrast(labels: &VirtualLabels) -> Result<Contrasted, LabelOutside> {
    let rows = labels.rows();
    let both_ways =
        labels.entries().flat_map(|(query, key, weight)| [(query, rows + key, weight), (rows + key, query, weight)]);
    let soft = SoftLabels::new(2 * rows, 2 * rows, both_ways)?;
    Ok(Contrasted { labels: soft, left_out: LeftOut::Itself, first_key: 0, keys_learn: true })
}
