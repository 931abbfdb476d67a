//! Each kernel on inputs of a given shape.

use super::Arithmetic;
use super::embeddings::OfEmbeddings;
use super::inputs::{Inputs, Output, Results, put, put_activations};
use crate::kernels::{
    BatchNorm, Convolution, FeatureMap, Features, Kernels, Linear, MaxOut, MaxPool, Precision, SgdStep, Span,
};

/// A kernel and its gradients, with sides.
#[derive(Clone, Copy, Debug)]
pub(super) enum Operation {
    Transfer { rows: usize, width: usize },
    Linear { rows: usize, inputs: usize, outputs: usize },
    BatchNorm { rows: usize, width: usize, replicas: usize, relu: bool, bias: bool },
    Relu { len: usize },
    MaxOut { rows: usize, outputs: usize, pieces: usize },
    Convolution { images: usize, layer: Convolution },
    PixelNorm { pixels: usize, width: usize, replicas: usize, relu: bool, added: bool },
    MaxPool { images: usize, layer: MaxPool },
    AveragePool { images: usize, map: FeatureMap },
    MixRows { rows: usize, width: usize },
    MixPictures { pictures: usize, len: usize },
    Sgd { len: usize },
    MovingAverage { len: usize },
    Embeddings(OfEmbeddings),
}

/// Scale, shift and bias of a norm, not at the start of the parameters.
fn norm(width: usize, relu: bool, bias: bool) -> BatchNorm {
    let span = |at: usize| Span { start: 3 + at * width, len: width };
    BatchNorm {
        width,
        bias: bias.then(|| span(2)),
        scale: span(0),
        shift: span(1),
        running_mean: Span { start: 1, len: width },
        running_variance: Span { start: 1 + width, len: width },
        relu,
    }
}

impl Operation {
    pub fn name(&self) -> &'static str {
        match self {
            Operation::Transfer { .. } => "transfer",
            Operation::Linear { .. } => "linear",
            Operation::BatchNorm { .. } => "batch norm",
            Operation::Relu { .. } => "relu",
            Operation::MaxOut { .. } => "max-out",
            Operation::Convolution { .. } => "convolution",
            Operation::PixelNorm { .. } => "pixel norm",
            Operation::MaxPool { .. } => "max pool",
            Operation::AveragePool { .. } => "average pool",
            Operation::MixRows { .. } => "mix rows",
            Operation::MixPictures { .. } => "mix pictures",
            Operation::Sgd { .. } => "SGD",
            Operation::MovingAverage { .. } => "moving average",
            Operation::Embeddings(operation) => operation.name(),
        }
    }

    pub fn shape(&self) -> String {
        let map = |map: FeatureMap| format!("{} x {} x {}", map.height, map.width, map.channels);
        let norm = |replicas: usize, words: [(bool, &str); 2]| {
            let said: Vec<&str> = words.iter().filter(|(is, _)| *is).map(|(_, word)| *word).collect();
            format!("{replicas} replicas {}", said.join(" ")).trim_end().to_owned()
        };
        match *self {
            Operation::Transfer { rows, width } | Operation::MixRows { rows, width } => format!("{rows} x {width}"),
            Operation::Linear { rows, inputs, outputs } => format!("{rows} rows, {inputs} to {outputs}"),
            Operation::BatchNorm { rows, width, replicas, relu, bias } => {
                format!("{rows} x {width}, {}", norm(replicas, [(relu, "relu"), (bias, "bias")]))
            }
            Operation::MaxOut { rows, outputs, pieces } => format!("{rows} rows, {outputs} of {pieces}"),
            Operation::Convolution { images, layer } => format!(
                "{images} x {}, {} of {}/{}/{}",
                map(layer.input),
                layer.output.channels,
                layer.kernel,
                layer.stride,
                layer.padding
            ),
            Operation::PixelNorm { pixels, width, replicas, relu, added } => {
                format!("{pixels} x {width}, {}", norm(replicas, [(relu, "relu"), (added, "added")]))
            }
            Operation::MaxPool { images, layer } => {
                format!("{images} x {}, {}/{}/{}", map(layer.input), layer.kernel, layer.stride, layer.padding)
            }
            Operation::AveragePool { images, map: of } => format!("{images} x {}", map(of)),
            Operation::MixPictures { pictures, len } => format!("{pictures} x {len}"),
            Operation::Relu { len } | Operation::Sgd { len } | Operation::MovingAverage { len } => len.to_string(),
            Operation::Embeddings(operation) => operation.shape(),
        }
    }

    /// Computes every output, from the inputs of check `number`.
    pub fn run<K: Kernels>(&self, kernels: &K, number: usize, precision: Precision) -> Vec<Output> {
        let mut inputs = Inputs { number, drawn: 0, precision };
        let mut results = Results { kernels, outputs: Vec::new() };
        match *self {
            Operation::Transfer { rows, width } => {
                let values = inputs.factors(rows * width);
                let mut buffer = kernels.activations(rows * width);
                kernels.place_rows(kernels.stage(values.clone()), width, &mut buffer);
                results.take_rounded("by features", Arithmetic::Moved, &buffer);
                let mut placed = put_activations(kernels, &vec![0.5; rows * width + 1]);
                kernels.place(kernels.stage(values), &mut placed);
                results.take_rounded("as they are", Arithmetic::Moved, &placed);
                let values = kernels.download_rows(&buffer, rows, width);
                results.outputs.push(Output { name: "and back", arithmetic: Arithmetic::Moved, rounded: true, values });
            }
            Operation::Linear { rows, inputs: from, outputs: to } => {
                linear(&mut results, &mut inputs, rows, from, to);
            }
            Operation::BatchNorm { rows, width, replicas, relu, bias } => {
                batch_norm(&mut results, &mut inputs, &norm(width, relu, bias), rows, replicas);
            }
            Operation::Relu { len } => {
                let mut y = put_activations(kernels, &inputs.quarters(len));
                kernels.relu(len, &mut y);
                results.take_rounded("forward", Arithmetic::Moved, &y);
                let mut d = put_activations(kernels, &inputs.factors(len));
                kernels.relu_gradient(len, &y, &mut d);
                results.take_rounded("gradient", Arithmetic::Moved, &d);
            }
            Operation::MaxOut { rows, outputs, pieces } => {
                let layer = MaxOut { outputs, pieces };
                let x = put_activations(kernels, &inputs.quarters(rows * outputs * pieces));
                let mut y = kernels.activations(rows * outputs);
                kernels.max_out(&layer, rows, &x, &mut y);
                results.take_rounded("forward", Arithmetic::Moved, &y);
                let dy = put_activations(kernels, &inputs.factors(rows * outputs));
                let mut dx = kernels.activations(rows * outputs * pieces);
                kernels.max_out_gradient(&layer, rows, &x, &dy, &mut dx);
                results.take_rounded("gradient", Arithmetic::Moved, &dx);
            }
            Operation::Convolution { images, layer } => convolution(&mut results, &mut inputs, &layer, images),
            Operation::PixelNorm { pixels, width, replicas, relu, added } => {
                pixel_norm(&mut results, &mut inputs, &norm(width, relu, false), pixels, replicas, added);
            }
            Operation::MaxPool { images, layer } => {
                let x = put_activations(kernels, &inputs.quarters(images * layer.input.len()));
                let mut y = kernels.activations(images * layer.output.len());
                kernels.max_pool(&layer, images, &x, &mut y);
                results.take_rounded("forward", Arithmetic::Moved, &y);
                let dy = put_activations(kernels, &inputs.factors(images * layer.output.len()));
                let mut dx = kernels.activations(images * layer.input.len());
                kernels.max_pool_gradient(&layer, images, &x, &dy, &mut dx);
                results.take_rounded("gradient", Arithmetic::Pointwise, &dx);
            }
            Operation::AveragePool { images, map } => {
                let x = put_activations(kernels, &inputs.factors(images * map.len()));
                let mut y = kernels.activations(images * map.channels);
                kernels.average_pool(map, images, &x, &mut y);
                results.take_rounded("forward", Arithmetic::Normalised, &y);
                let dy = put_activations(kernels, &inputs.factors(images * map.channels));
                let mut dx = kernels.activations(images * map.len());
                kernels.average_pool_gradient(map, images, &dy, &mut dx);
                results.take_rounded("gradient", Arithmetic::Pointwise, &dx);
            }
            Operation::MixRows { rows, width } => {
                let mix = inputs.mix(rows);
                let x = put_activations(kernels, &inputs.factors(rows * width));
                for (name, mix) in [("forward", mix.clone()), ("gradient", mix.transposed())] {
                    let mut y = kernels.activations(rows * width);
                    kernels.mix_rows(&mix, width, &x, &mut y);
                    results.take_rounded(name, Arithmetic::Pointwise, &y);
                }
            }
            Operation::MixPictures { pictures, len } => {
                let mix = inputs.mix(pictures);
                let x = put_activations(kernels, &inputs.factors(pictures * len));
                for (name, mix) in [("forward", mix.clone()), ("gradient", mix.transposed())] {
                    let mut y = kernels.activations(pictures * len);
                    kernels.mix_pictures(&mix, len, &x, &mut y);
                    results.take_rounded(name, Arithmetic::Pointwise, &y);
                }
            }
            Operation::Sgd { len } => {
                let [gradient, mut momentum, mut parameters] = [0; 3].map(|_| put(kernels, &inputs.draw(len)));
                let settings = SgdStep { rate: 0.125, momentum: 0.9, weight_decay: 1e-3 };
                kernels.sgd(settings, &gradient, &mut momentum, &mut parameters);
                results.take("momentum", Arithmetic::Pointwise, &momentum);
                results.take("parameters", Arithmetic::Pointwise, &parameters);
            }
            Operation::MovingAverage { len } => {
                // Neither buffer ends where the average does.
                let [source, mut target] = [2, 1].map(|more| put(kernels, &inputs.draw(len + more)));
                kernels.moving_average(len, 0.99, &source, &mut target);
                results.take("target", Arithmetic::Pointwise, &target);
            }
            Operation::Embeddings(operation) => operation.run(&mut results, &mut inputs),
        }
        results.outputs
    }
}

/// Not the first features of either matrix, nor the first parameters.
fn linear<K: Kernels>(results: &mut Results<K>, inputs: &mut Inputs, rows: usize, from: usize, to: usize) {
    let kernels = results.kernels;
    let weight = Span { start: 3, len: from * to };
    let layer = Linear {
        weight,
        bias: Span { start: weight.start + weight.len, len: to },
        x: Features { start: 2, count: from },
        y: Features { start: 1, count: to },
    };
    let count = 3 + from * to + to;
    let parameters = put(kernels, &inputs.factors(count));
    let x = put_activations(kernels, &inputs.factors(rows * (from + 2)));
    let dy = put_activations(kernels, &inputs.factors(rows * (to + 1)));
    for (with_bias, [forward, gradient]) in
        [(false, ["forward", "weight gradient"]), (true, ["forward with bias", "weight and bias gradient"])]
    {
        let mut y = kernels.activations(rows * (to + 1));
        kernels.linear(&layer, rows, &parameters, &x, &mut y, with_bias);
        results.take_rounded(forward, Arithmetic::Product, &y);
        let mut scratch = kernels.activations(rows * from);
        // What is not overwritten shows.
        let mut d = put(kernels, &vec![0.5; count]);
        kernels.linear_gradient(&layer, rows, &x, &dy, &mut scratch, &mut d, with_bias);
        results.take(gradient, Arithmetic::Product, &d);
    }
    let mut dx = kernels.activations(rows * (from + 2));
    kernels.linear_input_gradient(&layer, rows, &parameters, &dy, &mut dx);
    results.take_rounded("input gradient", Arithmetic::Product, &dx);
}

/// Parameters and statistics of a norm; variances are positive.
fn norm_state(inputs: &mut Inputs, width: usize) -> (Vec<f32>, Vec<f32>) {
    let statistics = inputs.draw(1 + 2 * width).iter().map(|value| value.abs() + 0.25).collect();
    (inputs.draw(3 + 3 * width), statistics)
}

fn batch_norm<K: Kernels>(
    results: &mut Results<K>,
    inputs: &mut Inputs,
    layer: &BatchNorm,
    rows: usize,
    replicas: usize,
) {
    let (kernels, len) = (results.kernels, rows * layer.width);
    let (parameters, statistics) = norm_state(inputs, layer.width);
    let (parameters, mut statistics) = (put(kernels, &parameters), put(kernels, &statistics));
    let x = put_activations(kernels, &inputs.factors(len));
    let (mut y, mut saved) = (kernels.activations(len), kernels.zeros(2 * replicas * layer.width));
    kernels.batch_norm(layer, rows, replicas, &parameters, &mut statistics, &x, &mut y, &mut saved);
    results.take_rounded("forward", Arithmetic::Normalised, &y);
    results.take("running statistics", Arithmetic::Normalised, &statistics);
    let mut d = put_activations(kernels, &inputs.factors(len));
    let mut gradient = put(kernels, &vec![0.5; 3 + 3 * layer.width]);
    kernels.batch_norm_gradient(layer, rows, replicas, &parameters, &saved, &x, &mut d, &mut gradient);
    results.take_rounded("input gradient", Arithmetic::Normalised, &d);
    results.take("scale and shift gradient", Arithmetic::Normalised, &gradient);
    let mut x = x;
    kernels.batch_norm_running(layer, rows, &parameters, &statistics, &mut x);
    results.take_rounded("by running statistics", Arithmetic::Normalised, &x);
}

fn pixel_norm<K: Kernels>(
    results: &mut Results<K>,
    inputs: &mut Inputs,
    layer: &BatchNorm,
    pixels: usize,
    replicas: usize,
    with_added: bool,
) {
    let (kernels, len) = (results.kernels, pixels * layer.width);
    let (parameters, statistics) = norm_state(inputs, layer.width);
    let (parameters, mut statistics) = (put(kernels, &parameters), put(kernels, &statistics));
    let [mut x, more, mut d] = [0; 3].map(|_| put_activations(kernels, &inputs.factors(len)));
    let added = with_added.then_some(&more);
    let (mut y, mut saved) = (kernels.activations(len), kernels.zeros(2 * replicas * layer.width));
    kernels.pixel_norm(layer, pixels, replicas, &parameters, &mut statistics, &x, added, &mut y, &mut saved);
    results.take_rounded("forward", Arithmetic::Normalised, &y);
    results.take("running statistics", Arithmetic::Normalised, &statistics);
    let (mut dx, mut gradient) = (kernels.activations(len), put(kernels, &vec![0.5; 3 + 3 * layer.width]));
    kernels.pixel_norm_gradient(layer, pixels, replicas, &parameters, &saved, &x, &y, &mut d, &mut dx, &mut gradient);
    results.take_rounded("gradient of what is added", Arithmetic::Normalised, &d);
    results.take_rounded("input gradient", Arithmetic::Normalised, &dx);
    results.take("scale and shift gradient", Arithmetic::Normalised, &gradient);
    kernels.pixel_norm_running(layer, pixels, &parameters, &statistics, added, &mut x);
    results.take_rounded("by running statistics", Arithmetic::Normalised, &x);
}

fn convolution<K: Kernels>(results: &mut Results<K>, inputs: &mut Inputs, layer: &Convolution, images: usize) {
    let kernels = results.kernels;
    let count = layer.weight.start + layer.weight.len + 2;
    let parameters = put(kernels, &inputs.factors(count));
    let x = put_activations(kernels, &inputs.factors(images * layer.input.len()));
    let dy = put_activations(kernels, &inputs.factors(images * layer.output.len()));
    let mut y = kernels.activations(images * layer.output.len());
    kernels.convolution(layer, images, &parameters, &x, &mut y);
    results.take_rounded("forward", Arithmetic::Product, &y);
    let mut gradient = put(kernels, &vec![0.5; count]);
    kernels.convolution_gradient(layer, images, &x, &dy, &mut gradient);
    // Libraries write it as they write activations.
    results.take_rounded("weight gradient", Arithmetic::Product, &gradient);
    for (add, name) in [(false, "input gradient"), (true, "input gradient added")] {
        let mut dx = put_activations(kernels, &inputs.factors(images * layer.input.len()));
        kernels.convolution_input_gradient(layer, images, &parameters, &dy, &mut dx, add);
        results.take_rounded(name, Arithmetic::Product, &dx);
    }
}
