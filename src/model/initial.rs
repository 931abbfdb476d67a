//! Initial values.

use rand::RngExt;
use rand_distr::{Distribution, Normal};

use crate::random::{Key, Purpose};

use super::plan::{Initial, Plan};

/// Parameters at their start. Each draws from a stream of its own, so that networks which share leading parameters
/// start them alike.
pub(super) fn parameters(plan: &Plan, seed: u64) -> Vec<f32> {
    let mut values = Vec::with_capacity(plan.parameters_len());
    for (index, parameter) in plan.parameters().iter().enumerate() {
        let mut stream = Key::new(seed, Purpose::Weights).sample(index).stream();
        let count = parameter.span.len;
        match parameter.initial {
            Initial::Uniform { inputs } => {
                let bound = 1.0 / (inputs as f32).sqrt();
                values.extend((0..count).map(|_| stream.random_range(-bound..bound)));
            }
            Initial::Normal { deviation } => {
                let normal = Normal::new(0.0, deviation).expect("a deviation is finite");
                values.extend((0..count).map(|_| normal.sample(&mut stream) as f32));
            }
            Initial::Constant(value) => values.extend(std::iter::repeat_n(value, count)),
        }
    }
    values
}

/// Running statistics at their start.
pub(super) fn statistics(plan: &Plan) -> Vec<f32> {
    plan.statistics().iter().flat_map(|statistic| std::iter::repeat_n(statistic.initial, statistic.span.len)).collect()
}
