//! Multi-class N-pair loss (Sohn, 2016), one-directional: which of the N keys is each query's?

use crate::kernels::{LabelOutside, LeftOut, SoftLabels};
use crate::mix::VirtualLabels;

use super::contrast::Contrasted;

/// Of a share's queries against the keys that follow them; both learn.
pub(super) fn contrast(labels: &VirtualLabels) -> Result<Contrasted, LabelOutside> {
    let rows = labels.rows();
    let soft = SoftLabels::new(rows, rows, labels.entries())?;
    Ok(Contrasted { labels: soft, left_out: LeftOut::Nothing, first_key: rows, keys_learn: true })
}
