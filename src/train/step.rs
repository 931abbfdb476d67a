//! One training step, in the order of the official code (`builder.py`, `main_pretext.py`).
//!
//! A step is asked for and not waited for: what it found is read back later, of several steps at once where a device
//! works on by itself.

use thiserror::Error;

use crate::kernels::Kernels;
use crate::kernels::collective::{Abandoned, Collective, Rank, Ranks};
use crate::mix::MixError;
use crate::model::{ModelError, Network, Plan, Sgd, momentum_update};
use crate::objective::{Loss, Objective, ObjectiveError, Observed};
use crate::recipe::{Method, Pretext};

use super::Batch;
use super::inputs::{Passes, Preparation, Prepared};

/// A step that could not be taken.
#[derive(Debug, Error)]
pub enum StepError {
    #[error(transparent)]
    Mix(#[from] MixError),
    #[error(transparent)]
    Model(#[from] ModelError),
    #[error(transparent)]
    Objective(#[from] ObjectiveError),
    #[error(
        "the recipe's {replicas} replicas cannot be shared out equally between {ranks} ranks: take a number of GPUs that \
         divides {replicas}"
    )]
    Ranks { replicas: usize, ranks: usize },
    #[error(transparent)]
    Abandoned(#[from] Abandoned),
    #[error(transparent)]
    Tensor(#[from] candle_core::Error),
}

impl StepError {
    /// Whether another rank is to blame.
    pub(super) fn is_abandoned(&self) -> bool {
        matches!(self, StepError::Abandoned(_) | StepError::Objective(ObjectiveError::Abandoned(_)))
    }
}

/// Everything that training changes, on one rank.
///
/// Between steps all ranks have the same parameters, momentum encoder and queue, to the last bit. What they come to
/// agrees with one rank's but for the order of sums: the replicas are the recipe's, however many ranks share them. Only
/// the running statistics are a rank's own; those of rank 0 are those of the first replica, and count.
pub struct Trainer<K: Kernels> {
    settings: Pretext,
    seed: u64,
    kernels: K,
    ranks: Box<dyn Collective<K>>,
    pub(super) query: Network<K>,
    /// The momentum encoder, where the method has one.
    pub(super) key: Option<Network<K>>,
    pub(super) loss: Loss<K>,
    pub(super) optimiser: Sgd<K>,
}

impl<K: Kernels> Trainer<K> {
    /// A trainer at its initial weights, on its own. `encoder` is the plan of the network without its projection head.
    ///
    /// # Errors
    /// Settings that no objective fits.
    pub fn new(kernels: K, encoder: Plan, settings: &Pretext, seed: u64) -> Result<Trainer<K>, StepError> {
        Trainer::of_rank(Ranks::alone(kernels).leader, encoder, settings, seed)
    }

    /// As [`Trainer::new`], of a rank.
    ///
    /// # Errors
    /// Settings that no objective fits, and replicas that the ranks cannot share out equally.
    pub fn of_rank(rank: Rank<K>, encoder: Plan, settings: &Pretext, seed: u64) -> Result<Trainer<K>, StepError> {
        let Rank { kernels, collective: ranks } = rank;
        if !settings.replicas.is_multiple_of(ranks.size()) {
            return Err(StepError::Ranks { replicas: settings.replicas, ranks: ranks.size() });
        }
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
        let Pretext { batch, embedding, queue, .. } = *settings;
        let loss = Loss::new(kernels.clone(), Objective::new(settings)?, batch, embedding, queue, seed)?;
        let optimiser = Sgd::new(&query, settings.momentum, settings.weight_decay);
        Ok(Trainer { settings: settings.clone(), seed, kernels, ranks, query, key, loss, optimiser })
    }

    /// The network that learns.
    pub fn query(&self) -> &Network<K> {
        &self.query
    }

    /// The momentum encoder, where the method has one.
    pub fn key(&self) -> Option<&Network<K>> {
        self.key.as_ref()
    }

    /// What turns batches into what [`Trainer::take`] takes, on whichever thread, for a trainer on its own.
    pub fn preparation(&self) -> Preparation<K> {
        Preparation::new(vec![self.kernels.clone()], &self.settings, self.seed)
    }

    /// Trains on a batch at learning rate `rate`, on its own, and waits.
    ///
    /// # Errors
    /// What mixing, the network or the objective refuses.
    pub fn step(&mut self, batch: Batch, rate: f64) -> Result<Observed, StepError> {
        for prepared in self.preparation().of(batch)? {
            self.take(prepared, rate)?;
        }
        let last = self.observed()?.pop();
        Ok(last.unwrap_or(Observed { loss: f64::NAN, spread: f64::NAN }))
    }

    /// Asks for a training step on the rank's share of a batch, at learning rate `rate`.
    ///
    /// # Errors
    /// What the network or the objective refuses; a rank that is gone.
    pub fn take(&mut self, prepared: Prepared<K::Staged>, rate: f64) -> Result<(), StepError> {
        let Trainer { query, loss, .. } = self;
        let ranks = &*self.ranks;
        let Pretext { replicas, key_momentum, .. } = self.settings;
        let replicas = replicas / ranks.size();
        let Prepared { passes, labels, inside } = prepared;
        let rows = labels.rows();
        match (passes, &mut self.key) {
            // Mixed queries and clean keys share one pass, one BatchNorm batch in each replica, and the gradient flows
            // through both.
            (Passes::Joined(inputs), _) => {
                query.pass(inputs, 2 * rows, replicas, &inside)?;
                query.backward_from(|activations, d| loss.of_both_views(ranks, &labels, activations, d))?;
            }
            (Passes::Apart { queries, keys, order }, Some(key)) => {
                query.pass(queries, rows, replicas, &inside)?;
                momentum_update(query, key, key_momentum.unwrap_or_default());
                key.pass(keys, rows, replicas, &[])?;
                if let Some(keys) = key.output() {
                    let order = order.as_deref();
                    query
                        .backward_from(|activations, d| loss.of_queries(ranks, &labels, activations, keys, order, d))?;
                }
            }
            (Passes::Apart { .. }, None) => return Err(ObjectiveError::KeysLearn.into()),
        }
        query.average_gradient(ranks)?;
        self.optimiser.step(query, rate);
        Ok(())
    }

    /// Steps that were taken and not read back.
    pub fn unread(&self) -> usize {
        self.loss.unread()
    }

    /// Whether [`Trainer::observed`] has to be called before the next step.
    pub fn is_full(&self) -> bool {
        self.unread() >= self.kernels.steps_ahead()
    }

    /// What the steps since the last call found, in their order. Waits for the device; where this gives them, everything
    /// that they changed is whole.
    ///
    /// # Errors
    /// A rank that is gone.
    pub fn observed(&mut self) -> Result<Vec<Observed>, StepError> {
        let observed = self.loss.observed();
        self.ranks.check()?;
        Ok(observed)
    }

    /// What it was made of, for another one.
    pub(super) fn into_rank(self) -> Rank<K> {
        Rank { kernels: self.kernels, collective: self.ranks }
    }

    /// Leaves the other ranks when all do. It goes on by itself.
    pub(super) fn depart(&mut self) -> Result<(), StepError> {
        let alone = Ranks::alone(self.kernels.clone()).leader.collective;
        Ok(std::mem::replace(&mut self.ranks, alone).depart()?)
    }
}
