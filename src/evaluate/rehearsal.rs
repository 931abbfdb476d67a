//! Evaluations without data.

use crate::kernels::Kernels;
use crate::model::{Mode, Network, Plan, Sgd};
use crate::recipe::EvaluationKind;

use super::EvaluateError;
use super::end_to_end::train_step;
use super::inputs::at_a_time;

/// Does with a network what an evaluation of `kind` does, on inputs of zeros: whatever it asks of `kernels` was asked
/// for then.
///
/// # Errors
/// Settings that no pass can be made with.
pub fn rehearse<K: Kernels>(
    kernels: K,
    encoder: Plan,
    kind: &EvaluationKind,
    classes: usize,
) -> Result<(), EvaluateError> {
    let width = encoder.inputs();
    let inputs = |rows: usize| vec![0.0; rows * width];
    let rows = at_a_time(width);
    match kind {
        EvaluationKind::Raw(_) => {}
        EvaluationKind::Linear(_) | EvaluationKind::Pinv(_) | EvaluationKind::Frechet(_) => {
            Network::new(kernels, encoder, 0).features(&inputs(rows), rows)?;
        }
        EvaluationKind::FineTune(settings) | EvaluationKind::Supervised(settings) => {
            let mut network = Network::new(kernels, encoder.with_classifier(classes), 0);
            let mut sgd = Sgd::new(&network, settings.momentum, settings.weight_decay);
            train_step(&mut network, &inputs(settings.batch), &vec![0; settings.batch], classes)?;
            sgd.step(&mut network, 0.0);
            network.forward(&inputs(rows), rows, Mode::Evaluate)?;
        }
    }
    Ok(())
}
