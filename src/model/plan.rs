//! What a network is made of, before it has any values.

use crate::kernels::{BatchNorm, Features, Linear, MaxOut, Span};
use crate::recipe::Head;

use super::block::{After, Block};

/// Units that each block of inputs is embedded in first, whatever the width (official `models/mlp.py`).
const FIRST: usize = 64;
/// Max-out takes the largest of this many units.
const PIECES: usize = 4;

/// Stages of a network, in their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Section {
    /// Up to the features that evaluations read.
    Encoder,
    /// Projection head, or the linear classifier of training with labels.
    Head,
    /// BYOL's prediction head.
    Predictor,
}

/// A named place in the flat buffer of parameters.
#[derive(Clone, Debug, PartialEq)]
pub struct Parameter {
    /// As the official code names it.
    pub name: String,
    /// As PyTorch has it. The weights of a convolution, `[out, in, height, width]`, lie in memory as
    /// `[height, width, in, out]`.
    pub shape: Vec<usize>,
    pub span: Span,
    pub section: Section,
    pub(super) initial: Initial,
}

impl Parameter {
    /// Values in PyTorch's order, from values as they lie in memory.
    pub fn to_pytorch(&self, values: &[f32]) -> Vec<f32> {
        let mut ordered = values.to_vec();
        self.moves().for_each(|(theirs, ours)| ordered[theirs] = values[ours]);
        ordered
    }

    /// The inverse of [`Parameter::to_pytorch`].
    pub fn from_pytorch(&self, values: &[f32]) -> Vec<f32> {
        let mut ordered = values.to_vec();
        self.moves().for_each(|(theirs, ours)| ordered[ours] = values[theirs]);
        ordered
    }

    /// Where each value is in PyTorch's order and in memory; none where the two are the same.
    fn moves(&self) -> impl Iterator<Item = (usize, usize)> {
        let [outputs, inputs, taps] = match self.shape[..] {
            [outputs, inputs, height, width] => [outputs, inputs, height * width],
            _ => [0; 3],
        };
        (0..outputs * inputs * taps).map(move |theirs| {
            let (filter, tap) = (theirs / taps, theirs % taps);
            let (output, input) = (filter / inputs, filter % inputs);
            (theirs, (tap * inputs + input) * outputs + output)
        })
    }
}

/// How a parameter starts.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Initial {
    /// Uniform in +-1 / sqrt(inputs): PyTorch's default for linear layers, weight and bias.
    Uniform {
        inputs: usize,
    },
    Normal {
        deviation: f64,
    },
    Constant(f32),
}

/// A named place in the flat buffer of running statistics.
#[derive(Clone, Debug, PartialEq)]
pub struct Statistic {
    pub name: String,
    pub span: Span,
    pub section: Section,
    /// 0 for means, 1 for variances.
    pub initial: f32,
}

/// The blocks of a network and the layout of its buffers.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    blocks: Vec<(Section, Block)>,
    parameters: Vec<Parameter>,
    statistics: Vec<Statistic>,
    /// Blocks in front of each hidden layer's end.
    layers: Vec<usize>,
    inputs: usize,
    features: usize,
}

impl Plan {
    /// The 5-layer MLP: each block of `inputs` columns to 64 units, then `32w, 32w, 64w, 64w` with BatchNorm and ReLU,
    /// then linear to `128w` and max-out over 4, which gives `32w` features. A single block of inputs has BatchNorm and
    /// ReLU after its first layer; several have neither (official `models/mlp.py`).
    pub fn mlp(inputs: &[usize], width: usize) -> Plan {
        let mut plan = Plan::empty(inputs.iter().sum(), 32 * width);
        let section = Section::Encoder;
        if let [single] = inputs {
            plan.dense(section, "fc1.0", Some(("fc1.1", true)), *single, FIRST);
        } else {
            let mut parts = Vec::new();
            let mut start = 0;
            for (index, &block) in inputs.iter().enumerate() {
                let x = Features { start, count: block };
                let y = Features { start: index * FIRST, count: FIRST };
                parts.push(plan.linear(section, &format!("fc{}", index + 1), x, y));
                start += block;
            }
            plan.blocks.push((section, Block::Split(parts)));
        }
        plan.end_layer();
        for (index, multiple) in [32, 32, 64, 64].into_iter().enumerate() {
            let linear = format!("body.{index}.0");
            let norm = format!("body.{index}.1");
            plan.dense(section, &linear, Some((&norm, true)), plan.outputs(), multiple * width);
            plan.end_layer();
        }
        plan.dense(section, "last_fc", None, plan.outputs(), 128 * width);
        plan.blocks.push((section, Block::MaxOut(MaxOut { outputs: plan.features, pieces: PIECES })));
        plan
    }

    /// No blocks yet, for rows of `inputs` values and an encoder of `features`.
    pub(super) fn empty(inputs: usize, features: usize) -> Plan {
        Plan {
            blocks: Vec::new(),
            parameters: Vec::new(),
            statistics: Vec::new(),
            layers: Vec::new(),
            inputs,
            features,
        }
    }

    pub(super) fn push(&mut self, section: Section, block: Block) {
        self.blocks.push((section, block));
    }

    /// Ends a hidden layer after the last block.
    pub(super) fn end_layer(&mut self) {
        self.layers.push(self.blocks.len());
    }

    /// Hidden layers, which are numbered from 1. Of an MLP: the embedding of its inputs, then each layer with BatchNorm.
    /// Of a ResNet: the stem, then each stage (official `models/resnet.py`, `forward_partial`; its MLP has none).
    pub fn layers(&self) -> usize {
        self.layers.len()
    }

    /// Blocks up to the end of a layer, 0 being the input; none for a layer that is not there.
    pub(super) fn blocks_up_to(&self, layer: usize) -> Option<usize> {
        layer.checked_sub(1).map_or(Some(0), |at| self.layers.get(at).copied())
    }

    /// With a projection head to `embedding` values, its hidden layer as wide as the features.
    pub fn with_head(mut self, head: Head, embedding: usize) -> Plan {
        self.two_layers(Section::Head, "fc", head, embedding);
        self
    }

    /// With a prediction head after the projection head, its hidden layer as wide as the features.
    pub fn with_predictor(mut self, head: Head) -> Plan {
        self.two_layers(Section::Predictor, "pred", head, self.outputs());
        self
    }

    /// With a linear classifier in the head's place: weights N(0, 0.01), biases 0 (official `main_lincls.py`).
    pub fn with_classifier(mut self, classes: usize) -> Plan {
        let first = self.parameters.len();
        self.dense(Section::Head, "fc", None, self.outputs(), classes);
        self.parameters[first].initial = Initial::Normal { deviation: 0.01 };
        self.parameters[first + 1].initial = Initial::Constant(0.0);
        self
    }

    fn two_layers(&mut self, section: Section, name: &str, head: Head, outputs: usize) {
        let (inputs, hidden) = (self.outputs(), self.features);
        let first_norm = format!("{name}.1");
        let last_norm = format!("{name}.4");
        let (first, last, last_index) = match head {
            Head::Mlp => (None, None, 2),
            Head::Mlpbn => (Some((first_norm.as_str(), true)), Some((last_norm.as_str(), false)), 3),
            Head::Mlpbn1 => (Some((first_norm.as_str(), true)), None, 3),
        };
        self.dense(section, &format!("{name}.0"), first, inputs, hidden);
        if head == Head::Mlp
            && let Some((_, Block::Dense { after, .. })) = self.blocks.last_mut()
        {
            *after = After::Relu;
        }
        self.dense(section, &format!("{name}.{last_index}"), last, hidden, outputs);
    }

    /// A linear layer over all columns, with BatchNorm of the given name and with or without ReLU.
    fn dense(&mut self, section: Section, name: &str, norm: Option<(&str, bool)>, inputs: usize, outputs: usize) {
        let linear = self.linear(section, name, Features::first(inputs), Features::first(outputs));
        let after = match norm {
            Some((norm, relu)) => After::Norm(self.norm(section, norm, outputs, relu, Some(linear.bias))),
            None => After::Nothing,
        };
        self.blocks.push((section, Block::Dense { linear, after }));
    }

    fn linear(&mut self, section: Section, name: &str, x: Features, y: Features) -> Linear {
        let initial = Initial::Uniform { inputs: x.count };
        let weight = self.parameter(section, format!("{name}.weight"), vec![y.count, x.count], initial);
        let bias = self.parameter(section, format!("{name}.bias"), vec![y.count], initial);
        Linear { weight, bias, x, y }
    }

    pub(super) fn norm(
        &mut self,
        section: Section,
        name: &str,
        width: usize,
        relu: bool,
        bias: Option<Span>,
    ) -> BatchNorm {
        BatchNorm {
            width,
            bias,
            scale: self.parameter(section, format!("{name}.weight"), vec![width], Initial::Constant(1.0)),
            shift: self.parameter(section, format!("{name}.bias"), vec![width], Initial::Constant(0.0)),
            running_mean: self.statistic(section, format!("{name}.running_mean"), width, 0.0),
            running_variance: self.statistic(section, format!("{name}.running_var"), width, 1.0),
            relu,
        }
    }

    pub(super) fn parameter(&mut self, section: Section, name: String, shape: Vec<usize>, initial: Initial) -> Span {
        let span = Span { start: self.parameters_len(), len: shape.iter().product() };
        self.parameters.push(Parameter { name, shape, span, section, initial });
        span
    }

    fn statistic(&mut self, section: Section, name: String, len: usize, initial: f32) -> Span {
        let span = Span { start: self.statistics_len(), len };
        self.statistics.push(Statistic { name, span, section, initial });
        span
    }

    pub fn blocks(&self) -> impl ExactSizeIterator<Item = &Block> {
        self.blocks.iter().map(|(_, block)| block)
    }

    /// Blocks of the encoder, which come first.
    pub fn encoder_blocks(&self) -> usize {
        self.blocks.iter().take_while(|(section, _)| *section == Section::Encoder).count()
    }

    pub fn parameters(&self) -> &[Parameter] {
        &self.parameters
    }

    pub fn statistics(&self) -> &[Statistic] {
        &self.statistics
    }

    /// Values of an input row.
    pub fn inputs(&self) -> usize {
        self.inputs
    }

    /// Values of a row of features.
    pub fn features(&self) -> usize {
        self.features
    }

    /// Whether an input row is a picture, `[height, width, channels]`.
    pub fn reads_pictures(&self) -> bool {
        self.blocks().next().is_some_and(Block::reads_pictures)
    }

    /// Values of a row of the largest activation between two blocks.
    pub(super) fn widest(&self) -> usize {
        self.blocks().map(Block::outputs).max().unwrap_or(0).max(self.inputs)
    }

    /// Values of a row of the largest activation inside a block.
    pub(super) fn inside(&self) -> usize {
        self.blocks().map(Block::inside).max().unwrap_or(0)
    }

    /// Values of an output row.
    pub fn outputs(&self) -> usize {
        self.blocks.last().map_or(self.inputs, |(_, block)| block.outputs())
    }

    pub fn parameters_len(&self) -> usize {
        self.parameters.last().map_or(0, |last| last.span.start + last.span.len)
    }

    pub fn statistics_len(&self) -> usize {
        self.statistics.last().map_or(0, |last| last.span.start + last.span.len)
    }

    /// Floating-point operations of one row's forward pass, two for each multiply-add.
    pub fn flops_per_row(&self) -> f64 {
        2.0 * self.blocks().map(Block::multiply_adds).sum::<usize>() as f64
    }
}
