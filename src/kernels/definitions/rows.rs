//! Kernels over rows, which lie feature by feature.

use crate::kernels::{BatchNorm, EPSILON, Features, Linear, MaxOut, RUNNING_SHARE};

/// The place of a value of a layer's input or output.
fn at(rows: usize, features: Features, row: usize, feature: usize) -> usize {
    (features.start + feature) * rows + row
}

fn sum(values: impl Iterator<Item = f64>) -> f32 {
    values.sum::<f64>() as f32
}

pub fn linear(layer: &Linear, rows: usize, parameters: &[f32], x: &[f32], y: &mut [f32], with_bias: bool) {
    let inputs = layer.x.count;
    for output in 0..layer.y.count {
        let weight = &parameters[layer.weight.start + output * inputs..][..inputs];
        let bias = if with_bias { f64::from(parameters[layer.bias.start + output]) } else { 0.0 };
        for row in 0..rows {
            let products = (0..inputs).map(|input| product(weight[input], x[at(rows, layer.x, row, input)]));
            y[at(rows, layer.y, row, output)] = sum(products.chain([bias]));
        }
    }
}

pub fn linear_gradient(layer: &Linear, rows: usize, x: &[f32], dy: &[f32], gradient: &mut [f32], with_bias: bool) {
    let inputs = layer.x.count;
    for output in 0..layer.y.count {
        let d = |row: usize| dy[at(rows, layer.y, row, output)];
        for input in 0..inputs {
            let products = (0..rows).map(|row| product(d(row), x[at(rows, layer.x, row, input)]));
            gradient[layer.weight.start + output * inputs + input] = sum(products);
        }
        let total = sum((0..rows).map(|row| f64::from(d(row))));
        gradient[layer.bias.start + output] = if with_bias { total } else { 0.0 };
    }
}

pub fn linear_input_gradient(layer: &Linear, rows: usize, parameters: &[f32], dy: &[f32], dx: &mut [f32]) {
    let inputs = layer.x.count;
    for row in 0..rows {
        for input in 0..inputs {
            let weight = |output: usize| parameters[layer.weight.start + output * inputs + input];
            let products = (0..layer.y.count).map(|output| product(weight(output), dy[at(rows, layer.y, row, output)]));
            dx[at(rows, layer.x, row, input)] = sum(products);
        }
    }
}

fn product(a: f32, b: f32) -> f64 {
    f64::from(a) * f64::from(b)
}

#[allow(clippy::too_many_arguments)]
pub fn batch_norm(
    layer: &BatchNorm,
    rows: usize,
    replicas: usize,
    parameters: &[f32],
    statistics: &mut [f32],
    x: &[f32],
    y: &mut [f32],
    saved: &mut [f32],
) {
    let share = rows / replicas;
    for feature in 0..layer.width {
        let (scale, shift) = (parameters[layer.scale.start + feature], parameters[layer.shift.start + feature]);
        for replica in 0..replicas {
            let part = (feature * replicas + replica) * share;
            let x = &x[part..part + share];
            let mean = sum(x.iter().map(|x| f64::from(*x))) / share as f32;
            let squares = sum(x.iter().map(|x| f64::from(x - mean).powi(2)));
            let inverse = 1.0 / (squares / share as f32 + EPSILON).sqrt();
            for (y, x) in y[part..part + share].iter_mut().zip(x) {
                let value = (x - mean) * inverse * scale + shift;
                *y = if layer.relu && value < 0.0 { 0.0 } else { value };
            }
            saved[2 * (feature * replicas + replica)..][..2].copy_from_slice(&[mean, inverse]);
            if replica == 0 {
                let mean = mean + layer.bias.map_or(0.0, |bias| parameters[bias.start + feature]);
                let running = &mut statistics[layer.running_mean.start + feature];
                *running += RUNNING_SHARE * (mean - *running);
                let running = &mut statistics[layer.running_variance.start + feature];
                *running += RUNNING_SHARE * (squares / (share - 1) as f32 - *running);
            }
        }
    }
}

#[allow(clippy::too_many_arguments)]
pub fn batch_norm_gradient(
    layer: &BatchNorm,
    rows: usize,
    replicas: usize,
    parameters: &[f32],
    saved: &[f32],
    x: &[f32],
    d: &mut [f32],
    gradient: &mut [f32],
) {
    let share = rows / replicas;
    for feature in 0..layer.width {
        let (scale, shift) = (parameters[layer.scale.start + feature], parameters[layer.shift.start + feature]);
        let (mut of_scale, mut of_shift) = (0f32, 0f32);
        for replica in 0..replicas {
            let part = (feature * replicas + replica) * share;
            let saved = &saved[2 * (feature * replicas + replica)..];
            let (x, d) = (&x[part..part + share], &mut d[part..part + share]);
            let normal: Vec<f32> = x.iter().map(|x| (x - saved[0]) * saved[1]).collect();
            if layer.relu {
                d.iter_mut().zip(&normal).filter(|(_, n)| **n * scale + shift <= 0.0).for_each(|(d, _)| *d = 0.0);
            }
            let total = sum(d.iter().map(|d| f64::from(*d)));
            let along = sum(d.iter().zip(&normal).map(|(d, n)| product(*d, *n)));
            for (d, n) in d.iter_mut().zip(&normal) {
                *d = scale * saved[1] * (*d - total / share as f32 - n * along / share as f32);
            }
            of_scale += along;
            of_shift += total;
        }
        gradient[layer.scale.start + feature] = of_scale;
        gradient[layer.shift.start + feature] = of_shift;
    }
}

pub fn batch_norm_running(layer: &BatchNorm, rows: usize, parameters: &[f32], statistics: &[f32], x: &mut [f32]) {
    for (at, x) in x[..layer.width * rows].iter_mut().enumerate() {
        let feature = at / rows;
        let bias = layer.bias.map_or(0.0, |bias| parameters[bias.start + feature]);
        let inverse = 1.0 / (statistics[layer.running_variance.start + feature] + EPSILON).sqrt();
        let normal = (*x + bias - statistics[layer.running_mean.start + feature]) * inverse;
        let value = normal * parameters[layer.scale.start + feature] + parameters[layer.shift.start + feature];
        *x = if layer.relu && value < 0.0 { 0.0 } else { value };
    }
}

/// Which of the pieces of an output is the first largest of a row; what is not a number is larger than anything.
fn winner(layer: &MaxOut, rows: usize, x: &[f32], output: usize, row: usize) -> usize {
    let value = |piece: usize| x[(output * layer.pieces + piece) * rows + row];
    let larger = |a: usize, b: usize| if value(b) > value(a) || value(b).is_nan() { b } else { a };
    (0..layer.pieces).reduce(larger).map_or(0, |piece| (output * layer.pieces + piece) * rows + row)
}

pub fn max_out(layer: &MaxOut, rows: usize, x: &[f32], y: &mut [f32]) {
    for (at, y) in y[..layer.outputs * rows].iter_mut().enumerate() {
        *y = x[winner(layer, rows, x, at / rows, at % rows)];
    }
}

pub fn max_out_gradient(layer: &MaxOut, rows: usize, x: &[f32], dy: &[f32], dx: &mut [f32]) {
    dx[..layer.outputs * layer.pieces * rows].fill(0.0);
    for (at, dy) in dy[..layer.outputs * rows].iter().enumerate() {
        dx[winner(layer, rows, x, at / rows, at % rows)] = *dy;
    }
}
