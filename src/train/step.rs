//! One training step, in the order of the official code (`builder.py`, `main_pretext.py`).
//!
//! A step is asked for and not waited for: what it found is read back later, of several steps at once where a device works
//! on by itself.

use thiserror::Error;

use crate::kernels::Kernels;
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
    #[error(transparent)]
    Tensor(#[from] candle_core::Error),
}

/// Everything that training changes.
pub struct Trainer<K: Kernels> {
    preparation: Preparation<K>,
    pub(super) query: Network<K>,
    /// The momentum encoder, where the method has one.
    pub(super) key: Option<Network<K>>,
    pub(super) loss: Loss<K>,
    pub(super) optimiser: Sgd<K>,
}

impl<K: Kernels> Trainer<K> {
    /// A trainer at its initial weights. `encoder` is the plan of the network without its projection head.
    ///
    /// # Errors
    /// Settings that no objective fits.
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
        let Pretext { batch, embedding, queue, .. } = *settings;
        let loss = Loss::new(kernels.clone(), Objective::new(settings)?, batch, embedding, queue, seed)?;
        let optimiser = Sgd::new(&query, settings.momentum, settings.weight_decay);
        let preparation = Preparation { kernels, settings: settings.clone(), seed };
        Ok(Trainer { preparation, query, key, loss, optimiser })
    }

    /// The network that learns.
    pub fn query(&self) -> &Network<K> {
        &self.query
    }

    /// The momentum encoder, where the method has one.
    pub fn key(&self) -> Option<&Network<K>> {
        self.key.as_ref()
    }

    /// What turns batches into what [`Trainer::take`] takes, on whichever thread.
    pub fn preparation(&self) -> Preparation<K> {
        self.preparation.clone()
    }

    /// Trains on a batch at learning rate `rate`, and waits.
    ///
    /// # Errors
    /// What mixing, the network or the objective refuses.
    pub fn step(&mut self, batch: Batch, rate: f64) -> Result<Observed, StepError> {
        let prepared = self.preparation.of(batch)?;
        self.take(prepared, rate)?;
        let last = self.observed().pop();
        Ok(last.unwrap_or(Observed { loss: f64::NAN, spread: f64::NAN }))
    }

    /// Asks for a training step at learning rate `rate`.
    ///
    /// # Errors
    /// What the network or the objective refuses.
    pub fn take(&mut self, prepared: Prepared<K::Staged>, rate: f64) -> Result<(), StepError> {
        let Trainer { query, loss, .. } = self;
        let Pretext { replicas, key_momentum, .. } = self.preparation.settings;
        let Prepared { passes, labels, inside } = prepared;
        let rows = labels.rows();
        match (passes, &mut self.key) {
            // Mixed queries and clean keys share one pass, one BatchNorm batch in each replica, and the gradient flows through
            // both.
            (Passes::Joined(inputs), _) => {
                query.pass(inputs, 2 * rows, replicas, &inside)?;
                query.backward_from(|activations, d| loss.of_both_views(&labels, activations, d))?;
            }
            (Passes::Apart { queries, keys, order }, Some(key)) => {
                query.pass(queries, rows, replicas, &inside)?;
                momentum_update(query, key, key_momentum.unwrap_or_default());
                key.pass(keys, rows, replicas, &[])?;
                if let Some(keys) = key.output() {
                    let order = order.as_deref();
                    query.backward_from(|activations, d| loss.of_queries(&labels, activations, keys, order, d))?;
                }
            }
            (Passes::Apart { .. }, None) => return Err(ObjectiveError::KeysLearn.into()),
        }
        self.optimiser.step(&mut self.query, rate);
        Ok(())
    }

    /// Steps that were taken and not read back.
    pub fn unread(&self) -> usize {
        self.loss.unread()
    }

    /// Whether [`Trainer::observed`] has to be called before the next step.
    pub fn is_full(&self) -> bool {
        self.unread() >= self.preparation.kernels.steps_ahead()
    }

    /// What the steps since the last call found, in their order. Waits for the device.
    pub fn observed(&mut self) -> Vec<Observed> {
        self.loss.observed()
    }
}
