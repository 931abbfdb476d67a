//! Kernels over pictures.

use crate::kernels::{BatchNorm, Convolution, EPSILON, FeatureMap, MaxPool, RUNNING_SHARE};

/// Every pair of an output pixel and an input pixel that a window joins: `(image, output pixel, input pixel, tap)`.
fn joined(
    images: usize,
    (kernel, stride, padding): (usize, usize, usize),
    input: FeatureMap,
    output: FeatureMap,
    mut visit: impl FnMut(usize, usize, usize, usize),
) {
    for image in 0..images {
        for place in 0..output.pixels() {
            let (top, left) = (place / output.width * stride, place % output.width * stride);
            for tap in 0..kernel * kernel {
                let (row, column) = (top + tap / kernel, left + tap % kernel);
                let inside = |at: usize, side: usize| (padding..padding + side).contains(&at);
                if inside(row, input.height) && inside(column, input.width) {
                    let from = (row - padding) * input.width + column - padding;
                    visit(image, image * output.pixels() + place, image * input.pixels() + from, tap);
                }
            }
        }
    }
}

fn window(layer: &Convolution) -> (usize, usize, usize) {
    (layer.kernel, layer.stride, layer.padding)
}

pub fn convolution(layer: &Convolution, images: usize, parameters: &[f32], x: &[f32], y: &mut [f32]) {
    let (inputs, outputs) = (layer.input.channels, layer.output.channels);
    let weight = &parameters[layer.weight.range()];
    y[..images * layer.output.len()].fill(0.0);
    joined(images, window(layer), layer.input, layer.output, |_, to, from, tap| {
        let y = &mut y[to * outputs..][..outputs];
        for (x, weight) in x[from * inputs..][..inputs].iter().zip(weight[tap * inputs * outputs..].chunks(outputs)) {
            y.iter_mut().zip(weight).for_each(|(y, weight)| *y += x * weight);
        }
    });
}

pub fn convolution_gradient(layer: &Convolution, images: usize, x: &[f32], dy: &[f32], gradient: &mut [f32]) {
    let (inputs, outputs) = (layer.input.channels, layer.output.channels);
    let gradient = &mut gradient[layer.weight.range()];
    gradient.fill(0.0);
    joined(images, window(layer), layer.input, layer.output, |_, to, from, tap| {
        let dy = &dy[to * outputs..][..outputs];
        let gradient = gradient[tap * inputs * outputs..].chunks_mut(outputs);
        for (x, gradient) in x[from * inputs..][..inputs].iter().zip(gradient) {
            gradient.iter_mut().zip(dy).for_each(|(gradient, dy)| *gradient += x * dy);
        }
    });
}

pub fn convolution_input_gradient(
    layer: &Convolution,
    images: usize,
    parameters: &[f32],
    dy: &[f32],
    dx: &mut [f32],
    add: bool,
) {
    let (inputs, outputs) = (layer.input.channels, layer.output.channels);
    let weight = &parameters[layer.weight.range()];
    if !add {
        dx[..images * layer.input.len()].fill(0.0);
    }
    joined(images, window(layer), layer.input, layer.output, |_, to, from, tap| {
        let dy = &dy[to * outputs..][..outputs];
        let weight = weight[tap * inputs * outputs..].chunks(outputs);
        for (dx, weight) in dx[from * inputs..][..inputs].iter_mut().zip(weight) {
            *dx += dy.iter().zip(weight).map(|(dy, weight)| dy * weight).sum::<f32>();
        }
    });
}

#[allow(clippy::too_many_arguments)]
pub fn norm(
    layer: &BatchNorm,
    pixels: usize,
    replicas: usize,
    parameters: &[f32],
    statistics: &mut [f32],
    x: &[f32],
    added: Option<&[f32]>,
    y: &mut [f32],
    saved: &mut [f32],
) {
    let (width, share) = (layer.width, pixels / replicas);
    for channel in 0..width {
        let (scale, shift) = (parameters[layer.scale.start + channel], parameters[layer.shift.start + channel]);
        for replica in 0..replicas {
            let places = || (replica * share..(replica + 1) * share).map(|pixel| pixel * width + channel);
            let mean = places().map(|at| f64::from(x[at])).sum::<f64>() / share as f64;
            let squares: f64 = places().map(|at| (f64::from(x[at]) - mean).powi(2)).sum();
            let inverse = 1.0 / (squares as f32 / share as f32 + EPSILON).sqrt();
            for at in places() {
                let value = (x[at] - mean as f32) * inverse * scale + shift + added.map_or(0.0, |added| added[at]);
                y[at] = if layer.relu && value < 0.0 { 0.0 } else { value };
            }
            saved[(replica * width + channel) * 2..][..2].copy_from_slice(&[mean as f32, inverse]);
            if replica == 0 {
                let variance = (squares / (share - 1) as f64) as f32;
                let (at_mean, at_variance) =
                    (layer.running_mean.start + channel, layer.running_variance.start + channel);
                statistics[at_mean] += RUNNING_SHARE * (mean as f32 - statistics[at_mean]);
                statistics[at_variance] += RUNNING_SHARE * (variance - statistics[at_variance]);
            }
        }
    }
}

#[allow(clippy::too_many_arguments)]
pub fn norm_gradient(
    layer: &BatchNorm,
    pixels: usize,
    replicas: usize,
    parameters: &[f32],
    saved: &[f32],
    x: &[f32],
    y: &[f32],
    d: &mut [f32],
    dx: &mut [f32],
    gradient: &mut [f32],
) {
    let (width, share) = (layer.width, pixels / replicas);
    if layer.relu {
        d[..pixels * width].iter_mut().zip(y).filter(|(_, y)| **y <= 0.0).for_each(|(d, _)| *d = 0.0);
    }
    for channel in 0..width {
        let scale = parameters[layer.scale.start + channel];
        let (mut of_scale, mut of_shift) = (0f32, 0f32);
        for replica in 0..replicas {
            let places = || (replica * share..(replica + 1) * share).map(|pixel| pixel * width + channel);
            let (mean, inverse) = (saved[(replica * width + channel) * 2], saved[(replica * width + channel) * 2 + 1]);
            let normal = |at: usize| (x[at] - mean) * inverse;
            let total = places().map(|at| f64::from(d[at])).sum::<f64>() as f32;
            let product = places().map(|at| f64::from(d[at] * normal(at))).sum::<f64>() as f32;
            for at in places() {
                dx[at] = scale * inverse * (d[at] - total / share as f32 - normal(at) * product / share as f32);
            }
            of_scale += product;
            of_shift += total;
        }
        gradient[layer.scale.start + channel] = of_scale;
        gradient[layer.shift.start + channel] = of_shift;
    }
}

pub fn norm_running(
    layer: &BatchNorm,
    pixels: usize,
    parameters: &[f32],
    statistics: &[f32],
    added: Option<&[f32]>,
    x: &mut [f32],
) {
    for (at, x) in x[..pixels * layer.width].iter_mut().enumerate() {
        let channel = at % layer.width;
        let inverse = 1.0 / (statistics[layer.running_variance.start + channel] + EPSILON).sqrt();
        let normal = (*x - statistics[layer.running_mean.start + channel]) * inverse;
        let (scale, shift) = (parameters[layer.scale.start + channel], parameters[layer.shift.start + channel]);
        let value = normal * scale + shift + added.map_or(0.0, |added| added[at]);
        *x = if layer.relu && value < 0.0 { 0.0 } else { value };
    }
}

pub fn max_pool(layer: &MaxPool, images: usize, x: &[f32], y: &mut [f32]) {
    let channels = layer.input.channels;
    y[..images * layer.output.len()].fill(f32::NEG_INFINITY);
    let window = (layer.kernel, layer.stride, layer.padding);
    joined(images, window, layer.input, layer.output, |_, to, from, _| {
        let y = &mut y[to * channels..][..channels];
        for (y, x) in y.iter_mut().zip(&x[from * channels..][..channels]) {
            if *x > *y || x.is_nan() {
                *y = *x;
            }
        }
    });
}

pub fn max_pool_gradient(layer: &MaxPool, images: usize, x: &[f32], dy: &[f32], dx: &mut [f32]) {
    let channels = layer.input.channels;
    let mut largest = vec![(f32::NEG_INFINITY, usize::MAX); images * layer.output.len()];
    let window = (layer.kernel, layer.stride, layer.padding);
    joined(images, window, layer.input, layer.output, |_, to, from, _| {
        for channel in 0..channels {
            let (largest, at) = &mut largest[to * channels + channel];
            let x = x[from * channels + channel];
            if x > *largest || x.is_nan() || *at == usize::MAX {
                (*largest, *at) = (x, from * channels + channel);
            }
        }
    });
    dx[..images * layer.input.len()].fill(0.0);
    for ((_, at), dy) in largest.iter().zip(dy) {
        dx[*at] += dy;
    }
}

pub fn average_pool(map: FeatureMap, images: usize, x: &[f32], y: &mut [f32]) {
    for image in 0..images {
        for channel in 0..map.channels {
            let values = x[image * map.len()..][..map.len()].iter().skip(channel).step_by(map.channels);
            y[channel * images + image] = values.sum::<f32>() / map.pixels() as f32;
        }
    }
}

pub fn average_pool_gradient(map: FeatureMap, images: usize, dy: &[f32], dx: &mut [f32]) {
    for (at, dx) in dx[..images * map.len()].iter_mut().enumerate() {
        *dx = dy[at % map.channels * images + at / map.len()] / map.pixels() as f32;
    }
}
