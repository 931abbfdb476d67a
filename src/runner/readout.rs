//! One read-out on one data set, whoever made the encoder.

use serde_json::json;

use crate::data::Set;
use crate::evaluate::{self, FrozenEncoder, Inputs, Means, OnProgress, Outcome, RawInputs, end_to_end};
use crate::kernels::Kernels;
use crate::model::{Network, Plan};
use crate::recipe::{self, EvaluationKind};
use crate::train;

use super::interruption::{Interruption, of_training};

/// What an evaluation reads out and with which settings.
pub struct ReadOut<'a> {
    pub data: &'a Set,
    pub network: &'a recipe::Network,
    pub evaluation: &'a EvaluationKind,
    pub seed: u64,
}

impl ReadOut<'_> {
    /// Runs it, networks on `kernels`. `trained` sets the encoder of a network, where the evaluation starts from one.
    ///
    /// # Errors
    /// Data, network and settings that do not fit, an encoder that could not be set, and numbers out of range.
    pub fn run<K: Kernels>(
        &self,
        kernels: K,
        trained: impl FnOnce(&mut Network<K>) -> Result<(), Interruption>,
        means: Means,
        progress: &mut OnProgress,
    ) -> Result<Outcome, Interruption> {
        let ReadOut { data, network, evaluation, seed } = *self;
        let threads = means.threads;
        let inputs = Inputs::new(data, evaluation.views(), seed, threads)?;
        let labels = inputs.labels();
        let plan = || train::encoder_plan(network, data).map_err(|error| of_training(error.into()));
        let initial = |plan: Plan| Network::new(kernels.clone(), plan, seed);
        let encoder = |plan: Plan| -> Result<Network<K>, Interruption> {
            let mut network = initial(plan);
            trained(&mut network)?;
            Ok(network)
        };
        let name = evaluation.id();
        let mut outcome = match evaluation {
            EvaluationKind::Linear(settings) => {
                let mut encoder = FrozenEncoder { network: encoder(plan()?)?, inputs };
                evaluate::linear::evaluate(name, settings, seed, &labels, &mut encoder, means, progress)
            }
            EvaluationKind::Raw(settings) => {
                evaluate::linear::evaluate(name, settings, seed, &labels, &mut RawInputs(inputs), means, progress)
            }
            EvaluationKind::Pinv(settings) => {
                let mut encoder = FrozenEncoder { network: encoder(plan()?)?, inputs };
                evaluate::pinv::evaluate(settings, seed, &labels, &mut encoder, threads, progress)
            }
            EvaluationKind::Frechet(_) => {
                let mut encoder = FrozenEncoder { network: encoder(plan()?)?, inputs };
                evaluate::frechet::evaluate(&labels, &mut encoder, threads, progress)
            }
            EvaluationKind::FineTune(settings) => {
                let mut network = encoder(plan()?.with_classifier(labels.classes))?;
                end_to_end::evaluate(settings, end_to_end::Start::Encoder, seed, &inputs, &mut network, means, progress)
            }
            EvaluationKind::Supervised(settings) => {
                let mut network = initial(plan()?.with_classifier(labels.classes));
                end_to_end::evaluate(settings, end_to_end::Start::Random, seed, &inputs, &mut network, means, progress)
            }
        }?;
        outcome.details.insert("part".to_owned(), json!(data.part()));
        Ok(outcome)
    }
}
