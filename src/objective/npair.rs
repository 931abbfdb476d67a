//! Multi-class N-pair loss (Sohn, 2016), one-directional: which of the N keys is each query's?

use candle_core::{Result, Tensor};

use crate::kernels::cross_entropy::{LeftOut, SoftLabels, cross_entropy};
use crate::mix::VirtualLabels;

/// Of normalised `queries` and `keys` `[N, C]`; the gradient goes through both.
pub(super) fn loss(queries: &Tensor, keys: &Tensor, labels: &VirtualLabels, temperature: f64) -> Result<Tensor> {
    let rows = labels.rows();
    let labels = SoftLabels::new(rows, rows, labels.entries())?;
    cross_entropy(queries, keys, labels, LeftOut::Nothing, temperature)
}
