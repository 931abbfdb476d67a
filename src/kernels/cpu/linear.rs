//! Linear layers. Activations lie by features, so that `[rows, features]` is a matrix that lies by columns.

use super::Cpu;
use super::matrix::{Matrix, product, transpose};
use super::sums::sum;
use crate::kernels::{Features, Linear};

/// The part of a feature-major buffer that holds some features.
fn part(rows: usize, features: Features) -> std::ops::Range<usize> {
    features.start * rows..(features.start + features.count) * rows
}

pub(super) fn forward(
    cpu: &Cpu,
    layer: &Linear,
    rows: usize,
    parameters: &[f32],
    x: &[f32],
    y: &mut [f32],
    with_bias: bool,
) {
    let inputs = layer.x.count;
    product(
        cpu,
        (rows, inputs),
        Matrix::by_columns(&x[part(rows, layer.x)], rows),
        Matrix::by_columns(&parameters[layer.weight.range()], inputs),
        with_bias.then(|| &parameters[layer.bias.range()]),
        &mut y[part(rows, layer.y)],
    );
}

pub(super) fn input_gradient(cpu: &Cpu, layer: &Linear, rows: usize, parameters: &[f32], dy: &[f32], dx: &mut [f32]) {
    let (inputs, outputs) = (layer.x.count, layer.y.count);
    product(
        cpu,
        (rows, outputs),
        Matrix::by_columns(&dy[part(rows, layer.y)], rows),
        Matrix::by_rows(&parameters[layer.weight.range()], inputs),
        None,
        &mut dx[part(rows, layer.x)],
    );
}

#[allow(clippy::too_many_arguments)]
pub(super) fn gradient(
    cpu: &Cpu,
    layer: &Linear,
    rows: usize,
    x: &[f32],
    dy: &[f32],
    scratch: &mut [f32],
    gradient: &mut [f32],
    with_bias: bool,
) {
    let inputs = layer.x.count;
    let dy = &dy[part(rows, layer.y)];
    // The product wants neighbouring inputs together: turned once here, not again for every piece of it.
    let turned = &mut scratch[..rows * inputs];
    transpose(cpu, &x[part(rows, layer.x)], rows, turned);
    product(
        cpu,
        (inputs, rows),
        Matrix::by_columns(turned, inputs),
        Matrix::by_columns(dy, rows),
        None,
        &mut gradient[layer.weight.range()],
    );
    let bias = &mut gradient[layer.bias.range()];
    if with_bias {
        cpu.each(
            bias.chunks_mut(FEATURES).zip(dy.chunks(FEATURES * rows)),
            #[inline(always)]
            |(bias, dy)| bias.iter_mut().zip(dy.chunks_exact(rows)).for_each(|(bias, dy)| *bias = sum(dy, |d| d)),
        );
    } else {
        bias.fill(0.0);
    }
}

/// Features of a piece of work that is not a product.
const FEATURES: usize = 64;
