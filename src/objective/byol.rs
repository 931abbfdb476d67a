//! BYOL (Grill et al., 2020): the squared distance of predictions from the keys of a momentum encoder.

use crate::kernels::RowMix;
use crate::mix::VirtualLabels;

/// How the targets of `2 - 2 x sum over n of v[i, n] (query i . key n)` are mixed from the keys: by linearity, the
/// label matrix can be applied to them, and a mixed query aims at keys mixed alike. None for clean labels.
pub(super) fn targets(labels: &VirtualLabels) -> Option<RowMix> {
    labels.partner.as_ref().and_then(|partner| RowMix::new(partner.clone(), labels.lambda.clone()))
}
