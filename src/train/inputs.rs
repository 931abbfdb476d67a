//! What a step feeds to the encoders: views of a batch, mixed as the recipe says (official `main_pretext.py`,
//! `builder.py`), drawn and sent off while the device works on the step before.

use candle_core::{Device, Tensor};

use crate::kernels::Kernels;
use crate::mix::{self, VirtualLabels};
use crate::model::LayerMix;
use crate::objective::ObjectiveError;
use crate::random::{Key, Purpose, permutation};
use crate::recipe::{Method, Pretext};

use super::{Batch, StepError};

/// A step of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct At {
    pub seed: u64,
    /// From 0.
    pub epoch: usize,
    /// Within the epoch, from 0.
    pub step: usize,
}

impl At {
    pub(super) fn key(self, purpose: Purpose) -> Key {
        Key::new(self.seed, purpose).epoch(self.epoch).step(self.step)
    }
}

/// Queries and keys of a batch, each `[N, ...]`, after InputMix where the recipe has it.
///
/// # Errors
/// Settings that InputMix refuses.
pub fn of(settings: &Pretext, at: At, batch: Batch) -> Result<[Tensor; 2], StepError> {
    let rows = batch.rows.len();
    let [queries, keys] = batch.views;
    let queries = Tensor::from_vec(queries, batch.shape.as_slice(), &Device::Cpu)?;
    let keys = Tensor::from_vec(keys, batch.shape.as_slice(), &Device::Cpu)?;
    let Some(input_mix) = &settings.input_mix else { return Ok([queries, keys]) };
    let pooled = mix::input_mix(input_mix, &Tensor::cat(&[&queries, &keys], 0)?, at.key(Purpose::InputMix))?;
    Ok([pooled.narrow(0, 0, rows)?, pooled.narrow(0, rows, rows)?])
}

/// The queries of a batch after i-Mix, as far as they are mixed in front of the encoder.
#[derive(Clone, Debug)]
pub struct Mixed {
    /// `[N, ...]`; the shares that are mixed inside the encoder are clean.
    pub queries: Tensor,
    pub labels: VirtualLabels,
    /// The layer that each share is mixed at, 0 being the input.
    pub layers: Vec<usize>,
}

/// Mixes the `queries` of a batch.
///
/// # Errors
/// What [`mix::apply`] refuses.
pub fn mixed(settings: &Pretext, at: At, queries: &Tensor) -> Result<Mixed, StepError> {
    let Pretext { mix, replicas, .. } = settings;
    let (mixed, labels) = mix::apply(mix, *replicas, queries, at.key(Purpose::Mix))?;
    let layers = mix::layers(mix, *replicas, at.key(Purpose::MixLayer));
    if layers.iter().all(|layer| *layer == 0) {
        return Ok(Mixed { queries: mixed, labels, layers });
    }
    let share = labels.rows() / layers.len();
    let from = |(at, layer): (usize, &usize)| {
        let rows = if *layer == 0 { &mixed } else { queries };
        rows.narrow(0, at * share, share)
    };
    let shares = layers.iter().enumerate().map(from).collect::<Result<Vec<_>, _>>()?;
    Ok(Mixed { queries: Tensor::cat(&shares, 0)?, labels, layers })
}

/// What is mixed inside the encoder: the queries of each share at its layer. Where `beside_keys`, as many keys follow
/// each share's queries in the pass, and stay clean.
fn inside(labels: &VirtualLabels, layers: &[usize], beside_keys: bool) -> Vec<LayerMix> {
    let Some(partners) = &labels.partner else { return Vec::new() };
    let share = labels.rows() / layers.len().max(1);
    let sets = if beside_keys { 2 } else { 1 };
    // Of a query, in the pass.
    let place = |query: usize| query / share * (sets * share) + query % share;
    let mut hidden: Vec<usize> = layers.iter().copied().filter(|layer| *layer > 0).collect();
    hidden.sort_unstable();
    hidden.dedup();
    let of_layer = |layer: usize| {
        let rows = sets * labels.rows();
        let (mut partner, mut lambda): (Vec<u32>, Vec<f32>) = ((0..rows as u32).collect(), vec![1.0; rows]);
        for query in (0..labels.rows()).filter(|query| layers[query / share] == layer) {
            partner[place(query)] = place(partners[query] as usize) as u32;
            lambda[place(query)] = labels.lambda[query];
        }
        LayerMix { layer, partner, lambda }
    };
    hidden.into_iter().map(of_layer).collect()
}

/// Everything that a rank needs for a step besides the weights, on its way to the device.
pub struct Prepared<S> {
    pub(super) passes: Passes<S>,
    /// Of the rank's queries, numbered within its share of the batch.
    pub(super) labels: VirtualLabels,
    /// What is mixed inside the encoder in the pass of the queries.
    pub(super) inside: Vec<LayerMix>,
}

/// Inputs of the passes of a step.
pub(super) enum Passes<S> {
    /// N-pair and SimCLR: each replica's queries, then its keys, through one encoder.
    Joined(S),
    /// MoCo v2 and BYOL: queries and keys through two.
    Apart {
        queries: S,
        keys: S,
        /// Where the keys are shuffled (ShuffleBN): the place of each row of the batch among those of all ranks.
        order: Option<Vec<u32>>,
    },
}

/// What turns batches into what steps need.
#[derive(Clone)]
pub struct Preparation<K: Kernels> {
    /// Of each rank.
    kernels: Vec<K>,
    settings: Pretext,
    seed: u64,
}

impl<K: Kernels> Preparation<K> {
    /// For ranks with these kernels, in their order.
    pub fn new(kernels: Vec<K>, settings: &Pretext, seed: u64) -> Preparation<K> {
        Preparation { kernels, settings: settings.clone(), seed }
    }

    /// Mixes a batch and sends each rank's share of it off: neighbouring replicas, as many for each.
    ///
    /// # Errors
    /// Settings that mixing refuses.
    pub fn of(&self, batch: Batch) -> Result<Vec<Prepared<K::Staged>>, StepError> {
        let at = At { seed: self.seed, epoch: batch.epoch, step: batch.step };
        let [queries, keys] = of(&self.settings, at, batch)?;
        let mixed = mixed(&self.settings, at, &queries)?;
        self.of_mixed(mixed, &keys, at.key(Purpose::ShuffleBn))
    }

    /// The rest, once everything but the order of ShuffleBN is drawn.
    pub(super) fn of_mixed(
        &self,
        mixed: Mixed,
        keys: &Tensor,
        shuffle: Key,
    ) -> Result<Vec<Prepared<K::Staged>>, StepError> {
        let Pretext { method, replicas, shuffle_bn, .. } = self.settings;
        let joined = matches!(method, Method::Npair | Method::Simclr);
        let passes: Vec<_> = if joined {
            self.stage(&join_shares(&mixed.queries, keys, replicas)?)?.into_iter().map(Passes::Joined).collect()
        } else {
            // With one replica every key shares the one BatchNorm batch, in whatever order.
            let shuffled =
                (shuffle_bn == Some(true) && replicas > 1).then(|| permutation(mixed.labels.rows(), shuffle));
            let keys = match &shuffled {
                Some(order) => keys.index_select(&Tensor::new(order.as_slice(), &Device::Cpu)?, 0)?,
                None => keys.clone(),
            };
            let order = shuffled.map(|order| {
                let mut back = vec![0; order.len()];
                order.iter().enumerate().for_each(|(at, row)| back[*row as usize] = at as u32);
                back
            });
            let apart = |(queries, keys)| Passes::Apart { queries, keys, order: order.clone() };
            self.stage(&mixed.queries)?.into_iter().zip(self.stage(&keys)?).map(apart).collect()
        };
        let ranks = self.kernels.len();
        let labels = mixed.labels.split(ranks).map_err(ObjectiveError::from)?;
        let layers = mixed.layers.chunks((mixed.layers.len() / ranks).max(1));
        let of_rank = |((passes, labels), layers): ((_, VirtualLabels), &[usize])| {
            let inside = inside(&labels, layers, joined);
            Prepared { passes, labels, inside }
        };
        Ok(passes.into_iter().zip(labels).zip(layers).map(of_rank).collect())
    }

    /// Sends each rank its share of the rows.
    fn stage(&self, rows: &Tensor) -> candle_core::Result<Vec<K::Staged>> {
        let share = rows.dim(0)? / self.kernels.len();
        let of_rank = |(rank, kernels): (usize, &K)| {
            let rows = rows.narrow(0, rank * share, share)?;
            Ok(kernels.stage(rows.flatten_all()?.to_vec1()?))
        };
        self.kernels.iter().enumerate().map(of_rank).collect()
    }
}

/// Lays two batches out so that each replica's share of both lies together.
fn join_shares(queries: &Tensor, keys: &Tensor, replicas: usize) -> candle_core::Result<Tensor> {
    let queries = queries.chunk(replicas, 0)?;
    let keys = keys.chunk(replicas, 0)?;
    let shares: Vec<Tensor> = queries.into_iter().zip(keys).flat_map(|(query, key)| [query, key]).collect();
    Tensor::cat(&shares, 0)
}
