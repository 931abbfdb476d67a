//! NT-Xent (Chen et al., 2020): each of the 2N embeddings of a batch is told from the 2N - 1 others.

use candle_core::{Result, Tensor};

use crate::kernels::cross_entropy::{LeftOut, SoftLabels, cross_entropy};
use crate::mix::VirtualLabels;

/// Of normalised `queries` and `keys` `[N, C]`, with virtual labels `v`:
///
/// ```text
/// sum over i, n of v[i, n] (-log p(key n | query i) - log p(query i | key n)) / 2N
/// ```
///
/// where each `p` is a softmax over the other 2N - 1 embeddings. With clean labels that is NT-Xent. The mixed form is
/// this program's own definition: the official code has no SimCLR.
pub(super) fn loss(queries: &Tensor, keys: &Tensor, labels: &VirtualLabels, temperature: f64) -> Result<Tensor> {
    let rows = labels.rows();
    let both_ways =
        labels.entries().flat_map(|(query, key, weight)| [(query, rows + key, weight), (rows + key, query, weight)]);
    let labels = SoftLabels::new(2 * rows, 2 * rows, both_ways)?;
    let embeddings = Tensor::cat(&[queries, keys], 0)?;
    cross_entropy(&embeddings, &embeddings, labels, LeftOut::Itself, temperature)
}
