//! InputMix: each input becomes mostly itself with some of others of the batch; labels stay as they are.

use candle_core::{Result as TensorResult, Tensor};
use rand_distr::{Distribution, Gamma};

use super::{MixError, beta, folded};
use crate::random::{self, Key};
use crate::recipe::InputMix;

/// Mixes the pooled views `[2N, ...]`: a partner may be either view of any item, itself included, of any replica.
///
/// Auxiliary `a` (from 1) is a random order of the pool from `key.view(a)`; weights come from view 0. With k >= 2
/// auxiliaries the weights are Dirichlet, halved, and 0.5 is added to the input itself. With one, the weight is a
/// Beta folded to at least 0.5, not halved (official `builder.py`, `inputmix`).
///
/// # Errors
/// An alpha that is not positive, no auxiliaries.
pub fn input_mix(settings: &InputMix, views: &Tensor, key: Key) -> Result<Tensor, MixError> {
    let pool = views.dim(0)?;
    let (own, others) = weights(settings, pool, key)?;
    let partners = (1..).map(|auxiliary| random::permutation(pool, key.view(auxiliary)));
    let others: Vec<(Vec<u32>, Vec<f32>)> = partners.zip(others).collect();
    Ok(weighted_sum(views, &own, &others)?)
}

/// Row `i` is `own[i] x views[i]` plus `weight[i] x views[partner[i]]` for each `(partner, weight)` of `others`.
///
/// # Errors
/// Lengths other than the pool's, a partner outside the pool.
pub fn weighted_sum(views: &Tensor, own: &[f32], others: &[(Vec<u32>, Vec<f32>)]) -> TensorResult<Tensor> {
    let weighted = |rows: &Tensor, weights: &[f32]| {
        let mut per_row = vec![1; rows.rank()];
        per_row[0] = weights.len();
        rows.broadcast_mul(&Tensor::from_slice(weights, per_row, rows.device())?)
    };
    let mut sum = weighted(views, own)?;
    for (partner, weights) in others {
        let partner = Tensor::from_slice(partner, partner.len(), views.device())?;
        sum = (sum + weighted(&views.index_select(&partner, 0)?, weights)?)?;
    }
    Ok(sum)
}

/// The weight of each row of the pool itself and, for each auxiliary, of its partners; a row's weights sum to 1.
pub(super) fn weights(settings: &InputMix, pool: usize, key: Key) -> Result<(Vec<f32>, Vec<Vec<f32>>), MixError> {
    let mut stream = key.view(0).stream();
    let alpha = settings.alpha;
    if settings.auxiliaries == 0 {
        return Err(MixError::NoAuxiliaries);
    }
    if settings.auxiliaries == 1 {
        let beta = beta(alpha)?;
        let own: Vec<f32> = (0..pool).map(|_| folded(&beta, &mut stream)).collect();
        let other = own.iter().map(|lambda| 1.0 - lambda).collect();
        return Ok((own, vec![other]));
    }
    let gamma = match Gamma::new(alpha, 1.0) {
        Ok(gamma) if alpha.is_finite() => gamma,
        _ => return Err(MixError::Alpha { found: alpha }),
    };
    let mut own = vec![1f32; pool];
    let mut others = vec![vec![0f32; pool]; settings.auxiliaries];
    for row in 0..pool {
        // Gamma draws over their sum are Dirichlet.
        let draws: Vec<f64> = (0..=settings.auxiliaries).map(|_| gamma.sample(&mut stream)).collect();
        // A tiny alpha can underflow every draw; the input then stays itself.
        let sum = draws.iter().sum::<f64>().max(f64::MIN_POSITIVE);
        let halved = draws[1..].iter().map(|draw| 0.5 * draw / sum);
        own[row] = (1.0 - halved.clone().sum::<f64>()) as f32;
        others.iter_mut().zip(halved).for_each(|(weights, weight)| weights[row] = weight as f32);
    }
    Ok((own, others))
}
