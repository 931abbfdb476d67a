//! Training of a whole network with labels: from random weights (supervised) or from a pretext encoder (fine-tune).

use candle_core::{Device, Tensor};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

#[cfg(test)]
mod tests;

use super::softmax::Softmax;
use super::{
    EvaluateError, Inputs, Labels, Means, OnProgress, Outcome, Progress, ShuffledSet, Split, Stage, percent, report,
};
use crate::kernels::Kernels;
use crate::model::{Mode, ModelError, Network, Sgd};
use crate::random::{Key, Purpose, permutation};
use crate::recipe::EndToEnd;
use crate::store::Checkpoint;
use crate::train::schedule::LearningRate;

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
#[derive(Clone, Serialize, Deserialize)]
struct EpochLine {
    epoch: usize,
    /// Mean cross-entropy over the epoch's batches.
    loss: f64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    test: Option<f64>,
}

/// Where an evaluation stands between two epochs, besides the network.
#[derive(Default, Serialize, Deserialize)]
struct State {
    epochs: Vec<EpochLine>,
}

/// Trains `network`, an encoder with a linear classifier at its starting weights, on the training rows of `inputs` and
/// tests it on the test rows.
///
/// # Errors
/// Settings, data and network that do not fit each other, a loss that is not finite, or a stop asked for by
/// `progress`, which is heard at every step.
pub fn evaluate<K: Kernels>(
    settings: &EndToEnd,
    start: Start,
    seed: u64,
    inputs: &Inputs,
    network: &mut Network<K>,
    mut means: Means,
    progress: &mut OnProgress,
) -> Result<Outcome, EvaluateError> {
    let labels = inputs.labels();
    check(settings, start, &labels, network)?;
    let rows = labels.train.len();
    let steps = rows / settings.batch;
    let rate = LearningRate::end_to_end(settings, steps);
    let mut sgd = Sgd::new(network, settings.momentum, settings.weight_decay);
    // A checkpoint that does not fit costs the time it was to save.
    let State { mut epochs } = match means.from.take() {
        Some(from) => set(network, &mut sgd, from).unwrap_or_default(),
        None => State::default(),
    };
    for epoch in epochs.len()..settings.epochs {
        let key = Key::new(seed, Purpose::EvaluationShuffle).view(ShuffledSet::EndToEnd as usize).epoch(epoch);
        let order = permutation(rows, key);
        let mut sum = 0f64;
        for (step, rows) in order.chunks_exact(settings.batch).enumerate() {
            let batch = inputs.training(rows, epoch)?;
            let classes: Vec<u32> = rows.iter().map(|row| labels.train[*row as usize]).collect();
            let loss = train_step(network, &batch, &classes, labels.classes)?;
            if !loss.is_finite() {
                return Err(EvaluateError::LossNotFinite { epoch: epoch + 1, step: step + 1, found: loss });
            }
            sgd.step(network, rate.at(epoch, step));
            sum += f64::from(loss);
            report(
                progress,
                Progress { stage: Stage::Training, done: epoch, of: settings.epochs, items: steps * settings.batch },
            )?;
        }
        let mut line = EpochLine { epoch: epoch + 1, loss: sum / steps as f64, test: None };
        if line.epoch >= settings.measure_from {
            line.test = Some(accuracy(network, inputs, &labels, progress)?);
        }
        epochs.push(line);
        means.save(epochs.len(), false, || checkpoint(network, &sgd, &epochs))?;
    }
    let measured: Vec<f64> = epochs.iter().filter_map(|line| line.test).collect();
    let lines = epochs.iter().map(|line| json!(line)).collect();
    let mut outcome = Outcome { lines, ..Outcome::default() };
    let best = (0..measured.len()).reduce(|best, at| if measured[at] > measured[best] { at } else { best });
    if let Some((best, last)) = best.zip(measured.last()) {
        outcome.readings.insert(format!("{}/last", start.id()), *last);
        outcome.readings.insert(format!("{}/best", start.id()), measured[best]);
        outcome.details.insert("best epoch".to_owned(), json!(settings.measure_from + best));
    }
    outcome.details.insert("training rows".to_owned(), json!(steps * settings.batch));
    outcome.details.insert("test rows".to_owned(), json!(labels.test.len()));
    Ok(outcome)
}

const BUFFERS: [&str; 3] = ["parameters", "statistics", "momentum"];

fn checkpoint<K: Kernels>(network: &Network<K>, sgd: &Sgd<K>, epochs: &[EpochLine]) -> Checkpoint {
    let values = [network.parameters(), network.statistics(), sgd.momentum()];
    let state = json!(State { epochs: epochs.to_vec() });
    let buffers = BUFFERS.map(str::to_owned).into_iter().zip(values).collect();
    Checkpoint { state: state.as_object().cloned().unwrap_or_default(), buffers }
}

/// Sets everything that a checkpoint holds, or nothing where it does not fit.
fn set<K: Kernels>(network: &mut Network<K>, sgd: &mut Sgd<K>, mut from: Checkpoint) -> Option<State> {
    let state = serde_json::from_value(Value::Object(std::mem::take(&mut from.state))).ok()?;
    let (parameters, statistics) = (network.plan().parameters_len(), network.plan().statistics_len());
    let lengths = [parameters, statistics, parameters];
    let mut values = Vec::with_capacity(BUFFERS.len());
    for (name, length) in BUFFERS.into_iter().zip(lengths) {
        values.push(from.take(name, length).ok()?);
    }
    network.set_parameters(&values[0]);
    network.set_statistics(&values[1]);
    sgd.set_momentum(&values[2]);
    Some(state)
}

fn check<K: Kernels>(
    settings: &EndToEnd,
    start: Start,
    labels: &Labels,
    network: &Network<K>,
) -> Result<(), EvaluateError> {
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
    let outputs = network.plan().outputs();
    if outputs != labels.classes {
        return Err(EvaluateError::unfit(&format!("outputs of {name}'s network"), labels.classes, outputs));
    }
    Ok(())
}

/// Fills the network's gradient and gives the mean cross-entropy over the rows of `inputs`.
pub(super) fn train_step<K: Kernels>(
    network: &mut Network<K>,
    inputs: &[f32],
    labels: &[u32],
    classes: usize,
) -> Result<f32, EvaluateError> {
    let rows = labels.len();
    let mut logits = values(&network.forward(inputs, rows, Mode::Train { replicas: 1 })?)?;
    let mut losses = vec![0f32; rows];
    pulp::Arch::new().dispatch(Softmax {
        logits: &mut logits,
        labels,
        classes,
        bias: &vec![0.0; classes],
        scale: 1.0 / rows as f32,
        losses: &mut losses,
    });
    let gradient = Tensor::from_vec(logits, (rows, classes), &Device::Cpu).map_err(ModelError::from)?;
    network.backward(&gradient)?;
    Ok(losses.iter().sum::<f32>() / rows as f32)
}

/// Test accuracy in percent. The largest logit wins, the first of equals.
fn accuracy<K: Kernels>(
    network: &mut Network<K>,
    inputs: &Inputs,
    labels: &Labels,
    progress: &mut OnProgress,
) -> Result<f64, EvaluateError> {
    let (classes, rows) = (labels.classes, labels.test.len());
    let mut correct = 0;
    for first in (0..rows).step_by(inputs.at_a_time()) {
        let range = first..rows.min(first + inputs.at_a_time());
        let batch = inputs.plain(Split::Test, range.clone())?;
        let logits = values(&network.forward(&batch, range.len(), Mode::Evaluate)?)?;
        let answers = logits
            .chunks_exact(classes)
            .map(|logits| (0..classes).reduce(|best, class| if logits[class] > logits[best] { class } else { best }));
        let labels = &labels.test[range.clone()];
        correct += answers.zip(labels).filter(|(answer, label)| *answer == Some(**label as usize)).count();
        report(progress, Progress { stage: Stage::Testing, done: range.end, of: rows, items: 1 })?;
    }
    Ok(percent(correct, rows))
}

fn values(tensor: &Tensor) -> Result<Vec<f32>, ModelError> {
    Ok(tensor.flatten_all()?.to_vec1()?)
}
