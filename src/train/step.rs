//! One training step, in the order of the official code (`builder.py`, `main_pretext.py`).

use candle_core::{Device, Tensor, Var};
use thiserror::Error;

use crate::kernels::Kernels;
use crate::mix::MixError;
use crate::model::{Mode, ModelError, Network, Plan, Sgd, momentum_update};
use crate::objective::{self, Embeddings, Objective, ObjectiveError, Queue};
use crate::random::{Key, Purpose, permutation};
use crate::recipe::{Method, Pretext};

use super::Batch;
use super::inputs::{self, At, Mixed};

/// A step that could not be taken.
#[derive(Debug, Error)]
pub enum StepError {
    #[error(transparent)]
    Mix(#[from] MixError),
    #[error(transparent)]
    Model(#[from] ModelError),
    #[error(transparent)]
    Objective(#[from] ObjectiveError),
    #[error(transparent)]
    Tensor(#[from] candle_core::Error),
}

/// What a step tells of itself.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Observed {
    pub loss: f64,
    /// Standard deviation over the batch of the normalised query embeddings, averaged over dimensions; 0 at collapse.
    pub spread: f64,
}

/// Everything that training changes.
pub struct Trainer<K: Kernels> {
    seed: u64,
    settings: Pretext,
    objective: Objective,
    pub(super) query: Network<K>,
    /// The momentum encoder, where the method has one.
    pub(super) key: Option<Network<K>>,
    pub(super) queue: Option<Queue>,
    pub(super) optimiser: Sgd<K>,
}

impl<K: Kernels> Trainer<K> {
    /// A trainer at its initial weights. `encoder` is the plan of the network without its projection head.
    pub fn new(kernels: K, encoder: Plan, settings: &Pretext, seed: u64) -> Result<Trainer<K>, StepError> {
        let with_head = encoder.with_head(settings.head, settings.embedding);
        let plan = match settings.predictor {
            Some(predictor) => with_head.clone().with_predictor(predictor),
            None => with_head.clone(),
        };
        let query = Network::new(kernels.clone(), plan, seed);
        let key = match settings.method {
            Method::Npair | Method::Simclr => None,
            Method::Moco | Method::Byol => {
                // Streams of initial weights are keyed by parameter, so the same seed starts the key encoder as a copy.
                Some(Network::new(kernels.clone(), with_head, seed))
            }
        };
        let queue = settings.queue.map(|keys| Queue::new(seed, keys, settings.embedding, &Device::Cpu)).transpose()?;
        let optimiser = Sgd::new(&query, settings.momentum, settings.weight_decay);
        let objective = Objective::new(settings)?;
        Ok(Trainer { seed, settings: settings.clone(), objective, query, key, queue, optimiser })
    }

    /// The network that learns.
    pub fn query(&self) -> &Network<K> {
        &self.query
    }

    /// The momentum encoder, where the method has one.
    pub fn key(&self) -> Option<&Network<K>> {
        self.key.as_ref()
    }

    /// Trains on a batch at learning rate `rate`.
    pub fn step(&mut self, batch: Batch, rate: f64) -> Result<Observed, StepError> {
        let at = At { seed: self.seed, epoch: batch.epoch, step: batch.step };
        let [queries, keys] = inputs::of(&self.settings, at, batch)?;
        let mixed = inputs::mixed(&self.settings, at, &queries)?;
        self.step_on(&mixed, &keys, at.key(Purpose::ShuffleBn), rate)
    }

    /// The rest of a step, once everything but the order of ShuffleBN is drawn.
    pub(super) fn step_on(
        &mut self,
        queries: &Mixed,
        keys: &Tensor,
        shuffle: Key,
        rate: f64,
    ) -> Result<Observed, StepError> {
        let observed = match self.key {
            None => self.both_views_through_one_encoder(queries, keys)?,
            Some(_) => self.keys_from_the_momentum_encoder(queries, keys, shuffle)?,
        };
        self.optimiser.step(&mut self.query, rate);
        Ok(observed)
    }

    /// N-pair and SimCLR: mixed queries and clean keys share one pass, one BatchNorm batch in each replica, and the
    /// gradient flows through both.
    fn both_views_through_one_encoder(&mut self, mixed: &Mixed, keys: &Tensor) -> Result<Observed, StepError> {
        let replicas = self.settings.replicas;
        let rows = mixed.queries.dim(0)?;
        let input = join_shares(&mixed.queries, keys, replicas)?;
        let embeddings = self.query.forward_mixed(&to_host(&input)?, 2 * rows, replicas, &mixed.inside(true))?;
        let (queries, keys) = split_shares(&embeddings, replicas)?;
        let (queries, keys) = (Var::from_tensor(&queries)?, Var::from_tensor(&keys)?);
        let embeddings = Embeddings { queries: queries.as_tensor(), keys: keys.as_tensor() };
        let loss = self.objective.loss(embeddings, &mixed.labels, None)?;
        let gradients = loss.backward()?;
        let of = |var: &Var| gradients.get(var).cloned().map_or_else(|| var.zeros_like(), Ok);
        self.query.backward(&join_shares(&of(&queries)?, &of(&keys)?, replicas)?)?;
        observe(&loss, queries.as_tensor())
    }

    /// MoCo v2 and BYOL: the momentum encoder gives the keys, without gradient.
    fn keys_from_the_momentum_encoder(
        &mut self,
        mixed: &Mixed,
        keys: &Tensor,
        shuffle: Key,
    ) -> Result<Observed, StepError> {
        let rows = mixed.queries.dim(0)?;
        let replicas = self.settings.replicas;
        let queries = self.query.forward_mixed(&to_host(&mixed.queries)?, rows, replicas, &mixed.inside(false))?;
        let queries = Var::from_tensor(&queries)?;
        let mode = Mode::Train { replicas };
        let key = self.key.as_mut().expect("the method has a momentum encoder");
        momentum_update(&self.query, key, self.settings.key_momentum.unwrap_or_default());
        // With one replica every key shares the one BatchNorm batch, in whatever order.
        let keys = if self.settings.shuffle_bn == Some(true) && replicas > 1 {
            let order = permutation(rows, shuffle);
            let mut back = vec![0u32; rows];
            order.iter().enumerate().for_each(|(at, &row)| back[row as usize] = at as u32);
            let order = Tensor::new(order, &Device::Cpu)?;
            let back = Tensor::new(back, &Device::Cpu)?;
            let shuffled = keys.index_select(&order, 0)?;
            key.forward(&to_host(&shuffled)?, rows, mode)?.index_select(&back, 0)?
        } else {
            key.forward(&to_host(keys)?, rows, mode)?
        };
        let embeddings = Embeddings { queries: queries.as_tensor(), keys: &keys };
        let loss = self.objective.loss(embeddings, &mixed.labels, self.queue.as_ref())?;
        let gradients = loss.backward()?;
        let gradient = gradients.get(&queries).cloned().map_or_else(|| queries.zeros_like(), Ok)?;
        // The queue changes in place, and the gradient reads it as the loss did.
        if let Some(queue) = &mut self.queue {
            queue.enqueue(&keys)?;
        }
        self.query.backward(&gradient)?;
        observe(&loss, queries.as_tensor())
    }
}

fn observe(loss: &Tensor, queries: &Tensor) -> Result<Observed, StepError> {
    Ok(Observed { loss: f64::from(loss.to_scalar::<f32>()?), spread: f64::from(objective::spread(queries)?) })
}

fn to_host(rows: &Tensor) -> candle_core::Result<Vec<f32>> {
    rows.flatten_all()?.to_vec1()
}

/// Lays two batches out so that each replica's share of both lies together.
fn join_shares(queries: &Tensor, keys: &Tensor, replicas: usize) -> candle_core::Result<Tensor> {
    let queries = queries.chunk(replicas, 0)?;
    let keys = keys.chunk(replicas, 0)?;
    let shares: Vec<Tensor> = queries.into_iter().zip(keys).flat_map(|(query, key)| [query, key]).collect();
    Tensor::cat(&shares, 0)
}

/// The inverse of [`join_shares`].
fn split_shares(rows: &Tensor, replicas: usize) -> candle_core::Result<(Tensor, Tensor)> {
    let shares = rows.chunk(2 * replicas, 0)?;
    let (queries, keys): (Vec<_>, Vec<_>) =
        shares.chunks_exact(2).map(|share| (share[0].clone(), share[1].clone())).unzip();
    Ok((Tensor::cat(&queries, 0)?, Tensor::cat(&keys, 0)?))
}
