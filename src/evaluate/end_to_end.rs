//! Training of a whole network with labels: from random weights (supervised) or from a pretext encoder (fine-tune).

use candle_core::{Device, Tensor};
use serde::Serialize;
use serde_json::json;

#[cfg(test)]
mod tests;

use super::softmax::Softmax;
use super::{EvaluateError, Labels, OnProgress, Outcome, ShuffledSet, Stage, percent, report};
use crate::data::{Rows, TabularSet};
use crate::kernels::Kernels;
use crate::model::{Mode, ModelError, Network, Sgd};
use crate::random::{Key, Purpose, permutation};
use crate::recipe::EndToEnd;
use crate::train::schedule::LearningRate;

/// Test rows that pass through the network at a time.
const TEST_ROWS: usize = 2048;

/// Where the network's weights come from, which names the readings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// A pretext encoder and a new classifier.
    Encoder,
    Random,
}

impl Start {
    fn id(self) -> &'static str {
        match self {
            Start::Encoder => "fine-tune",
            Start::Random => "supervised",
        }
    }
}

/// A line of `metrics.jsonl`.
#[derive(Serialize)]
struct EpochLine {
    epoch: usize,
    /// Mean cross-entropy over the epoch's batches.
    loss: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    test: Option<f64>,
}

/// Trains `network`, an encoder with a linear classifier at its starting weights, on the training rows of `set` and
/// tests it on the test rows.
///
/// # Errors
/// Settings, data and network that do not fit each other, a loss that is not finite, or a stop asked for by
/// `progress`, which is heard at every step.
pub fn evaluate<K: Kernels>(
    settings: &EndToEnd,
    start: Start,
    seed: u64,
    set: &TabularSet,
    network: &mut Network<K>,
    progress: &mut OnProgress,
) -> Result<Outcome, EvaluateError> {
    check(settings, start, set, network)?;
    let rows = set.train.labels.len();
    let steps = rows / settings.batch;
    let rate = LearningRate::end_to_end(settings, steps);
    let mut sgd = Sgd::new(network, settings.momentum, settings.weight_decay);
    let mut outcome = Outcome::default();
    let mut measured = Vec::new();
    for epoch in 0..settings.epochs {
        let key = Key::new(seed, Purpose::EvaluationShuffle).view(ShuffledSet::EndToEnd as usize).epoch(epoch);
        let order = permutation(rows, key);
        let mut sum = 0f64;
        for (step, rows) in order.chunks_exact(settings.batch).enumerate() {
            let loss = train_step(network, &set.train, set.classes, rows)?;
            if !loss.is_finite() {
                return Err(EvaluateError::LossNotFinite { epoch: epoch + 1, step: step + 1, found: loss });
            }
            sgd.step(network, rate.at(epoch, step));
            sum += f64::from(loss);
            report(progress, Stage::Training, epoch, settings.epochs)?;
        }
        let mut line = EpochLine { epoch: epoch + 1, loss: sum / steps as f64, test: None };
        if line.epoch >= settings.measure_from {
            let accuracy = accuracy(network, &set.test, set.classes, progress)?;
            measured.push(accuracy);
            line.test = Some(accuracy);
        }
        outcome.lines.push(json!(line));
    }
    let best = (0..measured.len()).reduce(|best, at| if measured[at] > measured[best] { at } else { best });
    if let Some((best, last)) = best.zip(measured.last()) {
        outcome.readings.insert(format!("{}/last", start.id()), *last);
        outcome.readings.insert(format!("{}/best", start.id()), measured[best]);
        outcome.details.insert("best epoch".to_owned(), json!(settings.measure_from + best));
    }
    outcome.details.insert("training rows".to_owned(), json!(steps * settings.batch));
    outcome.details.insert("test rows".to_owned(), json!(set.test.labels.len()));
    Ok(outcome)
}

fn check<K: Kernels>(
    settings: &EndToEnd,
    start: Start,
    set: &TabularSet,
    network: &Network<K>,
) -> Result<(), EvaluateError> {
    let labels = Labels {
        train: &set.train.labels,
        test: &set.test.labels,
        classes: set.classes,
        validation: set.validation.clone(),
    };
    labels.check()?;
    let rows = labels.train.len();
    let name = start.id();
    if !(2..=rows).contains(&settings.batch) {
        let expected = format!("2 to {rows} rows");
        return Err(EvaluateError::unfit(&format!("batch of {name}"), expected, settings.batch));
    }
    if !(1..=settings.epochs).contains(&settings.measure_from) {
        let expected = format!("an epoch in 1..={}", settings.epochs);
        return Err(EvaluateError::unfit(&format!("measure_from of {name}"), expected, settings.measure_from));
    }
    if network.plan().outputs() != set.classes {
        return Err(EvaluateError::unfit(
            &format!("outputs of {name}'s network"),
            set.classes,
            network.plan().outputs(),
        ));
    }
    Ok(())
}

/// Fills the network's gradient and gives the mean cross-entropy over `rows`.
fn train_step<K: Kernels>(
    network: &mut Network<K>,
    train: &Rows,
    classes: usize,
    rows: &[u32],
) -> Result<f32, EvaluateError> {
    let width = network.plan().inputs();
    let inputs: Vec<f32> =
        rows.iter().flat_map(|row| &train.inputs[*row as usize * width..][..width]).copied().collect();
    let labels: Vec<u32> = rows.iter().map(|row| train.labels[*row as usize]).collect();
    let mut logits = values(&network.forward(&inputs, rows.len(), Mode::Train { replicas: 1 })?)?;
    let mut losses = vec![0f32; rows.len()];
    pulp::Arch::new().dispatch(Softmax {
        logits: &mut logits,
        labels: &labels,
        classes,
        bias: &vec![0.0; classes],
        scale: 1.0 / rows.len() as f32,
        losses: &mut losses,
    });
    let gradient = Tensor::from_vec(logits, (rows.len(), classes), &Device::Cpu).map_err(ModelError::from)?;
    network.backward(&gradient)?;
    Ok(losses.iter().sum::<f32>() / rows.len() as f32)
}

/// Test accuracy in percent. The largest logit wins, the first of equals.
fn accuracy<K: Kernels>(
    network: &mut Network<K>,
    test: &Rows,
    classes: usize,
    progress: &mut OnProgress,
) -> Result<f64, EvaluateError> {
    let width = network.plan().inputs();
    let mut correct = 0;
    let mut done = 0;
    for (inputs, labels) in test.inputs.chunks(TEST_ROWS * width).zip(test.labels.chunks(TEST_ROWS)) {
        let logits = values(&network.forward(inputs, labels.len(), Mode::Evaluate)?)?;
        let answers = logits
            .chunks_exact(classes)
            .map(|logits| (0..classes).reduce(|best, class| if logits[class] > logits[best] { class } else { best }));
        correct += answers.zip(labels).filter(|(answer, label)| *answer == Some(**label as usize)).count();
        done += labels.len();
        report(progress, Stage::Testing, done, test.labels.len())?;
    }
    Ok(percent(correct, test.labels.len()))
}

fn values(tensor: &Tensor) -> Result<Vec<f32>, ModelError> {
    Ok(tensor.flatten_all()?.to_vec1()?)
}
