//! BYOL (Grill et al., 2020): the squared distance of predictions from the keys of a momentum encoder.

use candle_core::{Result, Tensor};

use crate::mix::{VirtualLabels, blend};

/// `2 - 2 x sum over n of v[i, n] (query i . key n)`, the mean over queries; there is no temperature.
///
/// `queries` and `keys` `[N, C]` are normalised; keys are constants. By linearity, the label matrix can be applied to
/// the keys: a mixed query aims at keys mixed alike.
pub(super) fn loss(queries: &Tensor, keys: &Tensor, labels: &VirtualLabels) -> Result<Tensor> {
    let targets = match &labels.partner {
        None => keys.clone(),
        Some(partner) => blend(keys, partner, &labels.lambda)?,
    };
    let cosines = (queries * targets)?.sum(1)?;
    cosines.mean_all()?.affine(-2.0, 2.0)
}
