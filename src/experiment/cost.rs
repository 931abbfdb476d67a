//! What a pretext run or an evaluation costs, before it is run.

use crate::kernels::FeatureMap;
use crate::model::{Inputs, Plan};
use crate::recipe::{
    Contrast, DataSet, DataSettings, EndToEnd, EvaluationKind, Linear, Method, Network, Pretext, Settings,
};
use crate::speech::{BANDS, FRAMES};

/// The cost of one piece of work.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Cost {
    /// Floating-point operations, two for each multiply-add. Matrix products only: the rest is memory traffic.
    pub flops: f64,
    /// Optimiser steps.
    pub steps: u64,
    /// Bytes left on disk at the end.
    pub kept: u64,
    /// Bytes on disk while it runs, for the checkpoints of one run.
    pub scratch: u64,
}

/// A backward pass makes two matrix products, for the input's and the weight's gradient, where a forward pass makes
/// one.
pub(super) const FORWARD_AND_BACKWARD: f64 = 3.0;
/// A checkpoint and the one before it.
const CHECKPOINTS: u64 = 2;
const BYTES: u64 = size_of::<f32>() as u64;

/// Inputs and classes of the sets this build can train on. The classes of a folder are not known beforehand, those of
/// speech depend on settings: a few more or less make no difference that shows.
pub fn layout(data: &DataSettings) -> Option<(Inputs<'static>, usize)> {
    let square = |side| Inputs::Pictures(FeatureMap { height: side, width: side, channels: 3 });
    Some(match data.set {
        DataSet::Covtype => (Inputs::Columns(&[10, 4, 40]), 7),
        DataSet::Higgs => (Inputs::Columns(&[28]), 2),
        DataSet::Cifar10 | DataSet::Emoji => (square(32), 10),
        DataSet::Cifar100 => (square(32), 100),
        DataSet::EmojiGroups => (square(32), 31),
        DataSet::ImageFolder => (square(data.folder.as_ref()?.side?), 10),
        DataSet::ImageNet => (square(data.crop?.side), 1000),
        DataSet::SpeechCommands
        | DataSet::SpeechCommandsV2
        | DataSet::Fsdd
        | DataSet::SyntheticSpeech
        | DataSet::SpeechFolder => (Inputs::Pictures(FeatureMap { height: BANDS, width: FRAMES, channels: 1 }), 10),
    })
}

/// [`layout`] with the classes that the settings keep.
pub fn read_out_layout(data: &DataSettings) -> Option<(Inputs<'static>, usize)> {
    let (inputs, classes) = layout(data)?;
    Some((inputs, data.subset.and_then(|subset| subset.classes).map_or(classes, |kept| kept.min(classes))))
}

/// Training and test rows that settings keep of a set with so many, as far as can be told without the data.
pub fn kept(data: &DataSettings, (train, test): (usize, usize)) -> (usize, usize) {
    let train = data.rows.map_or(train, |rows| rows.min(train));
    let Some(subset) = data.subset else { return (train, test) };
    let classes = layout(data).map_or(1, |(_, classes)| classes);
    let of_classes = subset.classes.map_or(1.0, |kept| (kept as f64 / classes as f64).min(1.0));
    let part = |rows: usize, share: f64| (rows as f64 * share).round() as usize;
    (part(train, of_classes * subset.share.unwrap_or(1.0)), part(test, of_classes))
}

/// The encoder of a cell; none for a network that this build does not have.
pub fn encoder(settings: &Settings) -> Option<Plan> {
    let (inputs, _) = layout(&settings.data)?;
    Plan::encoder(&settings.network, inputs).ok()
}

fn stored(plan: &Plan) -> u64 {
    (plan.parameters_len() + plan.statistics_len()) as u64 * BYTES
}

/// The query encoder with its heads, and the key encoder with its own.
fn with_heads(encoder: &Plan, pretext: &Pretext) -> [Plan; 2] {
    let key = encoder.clone().with_head(pretext.head, pretext.embedding);
    let query = match pretext.predictor {
        Some(predictor) => key.clone().with_predictor(predictor),
        None => key.clone(),
    };
    [query, key]
}

/// Operations of one step of a pretext run; none for a network that this build does not have.
pub fn pretext_step(network: &Network, data: &DataSettings, pretext: &Pretext) -> Option<f64> {
    let (inputs, _) = layout(data)?;
    let [query, key] = with_heads(&Plan::encoder(network, inputs).ok()?, pretext);
    let encoders = match pretext.method {
        Method::Npair | Method::Simclr => 2.0 * FORWARD_AND_BACKWARD * query.flops_per_row(),
        Method::Moco | Method::Byol => FORWARD_AND_BACKWARD * query.flops_per_row() + key.flops_per_row(),
    };
    Some(pretext.batch as f64 * (encoders + logits_per_row(pretext)))
}

/// Operations of one training step of an evaluation on a device, 0 where it trains no network; none for a network that
/// this build does not have.
pub fn evaluation_step(network: &Network, data: &DataSettings, kind: &EvaluationKind) -> Option<f64> {
    let (inputs, classes) = read_out_layout(data)?;
    let encoder = Plan::encoder(network, inputs).ok()?;
    Some(match kind {
        EvaluationKind::FineTune(training) | EvaluationKind::Supervised(training) => {
            training.batch as f64 * FORWARD_AND_BACKWARD * encoder.with_classifier(classes).flops_per_row()
        }
        EvaluationKind::Linear(_) | EvaluationKind::Raw(_) | EvaluationKind::Pinv(_) | EvaluationKind::Frechet(_) => {
            0.0
        }
    })
}

/// The cost of a cell's pretext run on `train` rows; none for a network that this build does not have.
pub fn of_pretext(settings: &Settings, train: usize) -> Option<Cost> {
    let pretext = &settings.pretext;
    let encoder = encoder(settings)?;
    let [query, key] = with_heads(&encoder, pretext);
    let steps = (train / pretext.batch) as u64 * pretext.epochs as u64;
    let mut checkpoint = 2 * query.parameters_len() as u64 + query.statistics_len() as u64;
    if matches!(pretext.method, Method::Moco | Method::Byol) {
        checkpoint += (key.parameters_len() + key.statistics_len()) as u64;
        checkpoint += (pretext.queue.unwrap_or(0) * pretext.embedding) as u64;
    }
    Some(Cost {
        flops: steps as f64 * pretext_step(&settings.network, &settings.data, pretext)?,
        steps,
        kept: stored(&encoder),
        scratch: CHECKPOINTS * checkpoint * BYTES,
    })
}

/// Products of one query with the keys it is told from, forward and backward.
fn logits_per_row(pretext: &Pretext) -> f64 {
    let share = (pretext.batch / pretext.replicas.max(1)) as f64;
    let queue = pretext.queue.unwrap_or(0) as f64;
    let embedding = 2.0 * pretext.embedding as f64;
    match (pretext.method, pretext.contrast) {
        (Method::Npair, _) => FORWARD_AND_BACKWARD * embedding * share,
        (Method::Simclr, _) => FORWARD_AND_BACKWARD * embedding * 4.0 * share,
        // The keys take no gradient.
        (Method::Moco, Some(Contrast::NPlusK)) => 2.0 * embedding * (pretext.batch as f64 + queue),
        (Method::Moco, _) => 2.0 * embedding * (1.0 + queue),
        (Method::Byol, _) => 0.0,
    }
}

/// The cost of one evaluation of a cell on `train` and `test` rows; none for a network that this build does not have.
pub fn of_evaluation(settings: &Settings, kind: &EvaluationKind, (train, test): (usize, usize)) -> Option<Cost> {
    let (inputs, classes) = read_out_layout(&settings.read_out_data())?;
    let encoder = Plan::encoder(&settings.network, inputs).ok()?;
    let features = encoder.features() as f64;
    let extraction = (train + test) as f64 * encoder.flops_per_row();
    Some(match kind {
        EvaluationKind::Linear(linear) => {
            let readout = linear_flops(linear, features * classes as f64, (train, test));
            let passes = if linear.views.is_some() { linear.epochs } else { 1 };
            let encoded = (passes * train + test) as f64 * encoder.flops_per_row();
            Cost { flops: encoded + readout, steps: steps(linear, train), ..Cost::default() }
        }
        EvaluationKind::Raw(linear) => {
            let width = match inputs {
                Inputs::Columns(blocks) => blocks.iter().sum(),
                Inputs::Pictures(map) => map.len(),
            };
            let readout = linear_flops(linear, (width * classes) as f64, (train, test));
            Cost { flops: readout, steps: steps(linear, train), ..Cost::default() }
        }
        EvaluationKind::Pinv(_) => {
            let gram = 2.0 * train as f64 * features * features;
            // A symmetric eigendecomposition with its vectors.
            let inverse = 9.0 * features.powi(3);
            let scores = 2.0 * (train + test) as f64 * features * classes as f64;
            Cost { flops: extraction + gram + inverse + scores, ..Cost::default() }
        }
        EvaluationKind::Frechet(_) => {
            let moments = 2.0 * (train + test) as f64 * features * features;
            // Two eigendecompositions as above, the product of their factors and its singular values.
            let distance = (2.0 * 9.0 + 2.0 + 8.0 / 3.0) * features.powi(3);
            Cost { flops: extraction + moments + distance, ..Cost::default() }
        }
        EvaluationKind::FineTune(training) | EvaluationKind::Supervised(training) => {
            let network = encoder.with_classifier(classes);
            Cost {
                flops: end_to_end_flops(training, network.flops_per_row(), (train, test)),
                steps: (train / training.batch.max(1)) as u64 * training.epochs as u64,
                kept: 0,
                scratch: CHECKPOINTS * (2 * network.parameters_len() + network.statistics_len()) as u64 * BYTES,
            }
        }
    })
}

fn steps(linear: &Linear, train: usize) -> u64 {
    (train / linear.batch.max(1)) as u64 * linear.epochs as u64
}

fn linear_flops(linear: &Linear, products: f64, (train, test): (usize, usize)) -> f64 {
    let sets = if linear.validation { 2.0 } else { 1.0 };
    let classifiers = linear.rates.len() as f64;
    // Frozen features take no gradient: one product forward, one for the weights.
    let trained = sets * linear.epochs as f64 * train as f64 * 2.0;
    let measured = (linear.epochs + 1).saturating_sub(linear.measure_from) as f64 * test as f64;
    2.0 * products * classifiers * (trained + measured)
}

fn end_to_end_flops(training: &EndToEnd, per_row: f64, (train, test): (usize, usize)) -> f64 {
    let measured = (training.epochs + 1).saturating_sub(training.measure_from) as f64 * test as f64;
    per_row * (training.epochs as f64 * train as f64 * FORWARD_AND_BACKWARD + measured)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::experiment::{Experiment, Filter, Scale};
    use crate::recipe::Stem;

    fn covtype(method: &str) -> Settings {
        let filter: Filter = format!("dataset=covtype,imix=on,method={method}").parse().expect("a filter");
        let experiment = Experiment::load("table1").expect("embedded");
        experiment.cells(Scale::Paper, &filter).expect("cells").remove(0).settings
    }

    /// Multiply-adds of the published MLP, by hand: 10/4/40 inputs to 64 each, then 192-2048-2048-4096-4096-8192.
    const ENCODER: f64 = (54 * 64 + 192 * 2048 + 2048 * 2048 + 2048 * 4096 + 4096 * 4096 + 4096 * 8192) as f64;
    const HEAD: f64 = (2048 * 2048 + 2048 * 128) as f64;

    #[test]
    fn a_pretext_run_costs_what_its_layers_do() {
        let cost = of_pretext(&covtype("npair"), 15_120).expect("an MLP");
        assert_eq!(cost.steps, 29 * 500);
        let row = 6.0 * 2.0 * (ENCODER + HEAD) + 3.0 * 2.0 * 128.0 * 512.0;
        assert_eq!(cost.flops, 29.0 * 500.0 * 512.0 * row);

        let predictor = (128 * 2048 + 2048 * 128) as f64;
        let byol = of_pretext(&covtype("byol"), 15_120).expect("an MLP");
        assert_eq!(byol.flops, 29.0 * 500.0 * 512.0 * 2.0 * (4.0 * (ENCODER + HEAD) + 3.0 * predictor));

        let moco = of_pretext(&covtype("moco"), 15_120).expect("an MLP");
        let row = 4.0 * 2.0 * (ENCODER + HEAD) + 2.0 * 2.0 * 128.0 * (512.0 + 4096.0);
        assert_eq!(moco.flops, 29.0 * 500.0 * 512.0 * row);
        assert!(moco.scratch > byol.scratch / 2 && moco.kept == byol.kept);
    }

    #[test]
    fn a_linear_evaluation_trains_every_rate() {
        let settings = covtype("npair");
        let kind = settings.evaluation.kinds().remove(0);
        let cost = of_evaluation(&settings, &kind, (15_120, 565_892)).expect("an MLP");
        let extraction = 581_012.0 * 2.0 * ENCODER;
        let classifiers = 7.0 * 2.0 * 2048.0 * 7.0 * (2.0 * 100.0 * 15_120.0 * 2.0 + 20.0 * 565_892.0);
        assert_eq!(cost.flops, extraction + classifiers);
    }

    #[test]
    fn a_network_that_is_not_there_has_no_cost() {
        let mut settings = covtype("npair");
        settings.network = Network::Resnet { depth: 18, width: 8, stem: Stem::Cifar, input_channels: 3 };
        assert_eq!(of_pretext(&settings, 50_000), None, "a ResNet takes no rows of a table");
    }
}
