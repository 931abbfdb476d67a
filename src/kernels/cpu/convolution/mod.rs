//! Convolutions of pictures that lie pixel by pixel.

mod direct;
mod direct_gradient;
mod product;
mod window;

use super::Cpu;
use crate::kernels::Convolution;

pub(super) fn forward(cpu: &Cpu, layer: &Convolution, images: usize, parameters: &[f32], x: &[f32], y: &mut [f32]) {
    let weight = &parameters[layer.weight.range()];
    let (x, y) = (&x[..images * layer.input.len()], &mut y[..images * layer.output.len()]);
    direct::forward(cpu, layer, weight, x, y);
}

pub(super) fn gradient(cpu: &Cpu, layer: &Convolution, images: usize, x: &[f32], dy: &[f32], gradient: &mut [f32]) {
    let (x, dy) = (&x[..images * layer.input.len()], &dy[..images * layer.output.len()]);
    direct_gradient::gradient(cpu, layer, images, x, dy, &mut gradient[layer.weight.range()]);
}

pub(super) fn input_gradient(
    cpu: &Cpu,
    layer: &Convolution,
    images: usize,
    parameters: &[f32],
    dy: &[f32],
    dx: &mut [f32],
    add: bool,
) {
    let weight = &parameters[layer.weight.range()];
    let (dy, dx) = (&dy[..images * layer.output.len()], &mut dx[..images * layer.input.len()]);
    direct::input_gradient(cpu, layer, weight, dy, dx, add);
}
