//! Convolutions as matrix products over pixels.
//!
//! A block of output pixels becomes a matrix with a row of `[kernel row, kernel column, input channel]` for each, small
//! enough to stay in cache between its making and its product with the weights. A 1x1 convolution of stride 1 needs no
//! such matrix: the pictures are one.

use std::cell::RefCell;

use super::Cpu;
use super::matrix::{Matrix, multiply};
use crate::kernels::{Convolution, FeatureMap};

/// Values of a block's matrix: half the second-level cache of common CPUs.
const BLOCK_VALUES: usize = 1 << 17;
/// Pixels of a block, at least and at most: a product of fewer rows does not pay for reading the weights.
const BLOCK_PIXELS: (usize, usize) = (256, 1024);
/// Sums that the gradient of the weights is made of. Their number must not depend on the number of threads.
const PARTS: usize = 8;

thread_local! {
    /// The matrix of a block.
    static COLUMNS: RefCell<Vec<f32>> = const { RefCell::new(Vec::new()) };
    /// Parts of a gradient, or turned weights.
    static PARTIAL: RefCell<Vec<f32>> = const { RefCell::new(Vec::new()) };
}

/// A square window that moves over pictures.
#[derive(Clone, Copy)]
struct Window {
    kernel: usize,
    stride: usize,
    padding: usize,
    input: FeatureMap,
    output: FeatureMap,
}

impl Window {
    fn of(layer: &Convolution) -> Window {
        let Convolution { kernel, stride, padding, input, output, .. } = *layer;
        Window { kernel, stride, padding, input, output }
    }

    /// Values that an output pixel is made from.
    fn depth(&self) -> usize {
        self.kernel * self.kernel * self.input.channels
    }

    /// Whether every output pixel is made from the input pixel in its place.
    fn is_point(&self) -> bool {
        self.kernel == 1 && self.stride == 1 && self.padding == 0
    }

    fn block(&self) -> usize {
        (BLOCK_VALUES / self.depth()).clamp(BLOCK_PIXELS.0, BLOCK_PIXELS.1)
    }

    /// Stretches of an output pixel's values that lie together in the input: place in the row, place in `x` and length
    /// for each kernel row; `None` where the kernel row is outside the picture.
    #[inline(always)]
    fn stretches(&self, pixel: usize, mut visit: impl FnMut(usize, Option<usize>, usize)) {
        let Window { kernel, stride, padding, input, output } = *self;
        let channels = input.channels;
        let (image, place) = (pixel / output.pixels(), pixel % output.pixels());
        let (top, left) = (place / output.width * stride, place % output.width * stride);
        let before = padding.saturating_sub(left).min(kernel);
        let after = (left + kernel).saturating_sub(padding + input.width).min(kernel - before);
        for row in 0..kernel {
            let first = row * kernel * channels;
            let inside = (padding..padding + input.height).contains(&(top + row));
            let width = kernel - before - after;
            if !inside || width == 0 {
                visit(first, None, kernel * channels);
                continue;
            }
            visit(first, None, before * channels);
            let from = (image * input.height + top + row - padding) * input.width + left + before - padding;
            visit(first + before * channels, Some(from * channels), width * channels);
            visit(first + (before + width) * channels, None, after * channels);
        }
    }

    /// Fills the rows of `pixels` output pixels from `first` on.
    #[inline(always)]
    fn gather(&self, first: usize, x: &[f32], columns: &mut [f32]) {
        for (at, columns) in columns.chunks_exact_mut(self.depth()).enumerate() {
            self.stretches(
                first + at,
                #[inline(always)]
                |to, from, len| match from {
                    Some(from) => columns[to..to + len].copy_from_slice(&x[from..from + len]),
                    None => columns[to..to + len].fill(0.0),
                },
            );
        }
    }

    /// Adds the rows of output pixels from `first` on to the pixels they were gathered from; those before `origin`
    /// are not in `dx`.
    #[inline(always)]
    fn scatter(&self, first: usize, origin: usize, columns: &[f32], dx: &mut [f32]) {
        for (at, columns) in columns.chunks_exact(self.depth()).enumerate() {
            self.stretches(
                first + at,
                #[inline(always)]
                |to, from, len| {
                    if let Some(from) = from {
                        let dx = &mut dx[from - origin..][..len];
                        dx.iter_mut().zip(&columns[to..to + len]).for_each(|(dx, column)| *dx += column);
                    }
                },
            );
        }
    }
}

/// `work` with `len` values of this thread's memory, whatever is in them.
fn with<R>(
    memory: &'static std::thread::LocalKey<RefCell<Vec<f32>>>,
    len: usize,
    work: impl FnOnce(&mut [f32]) -> R,
) -> R {
    // Taken out while it is used: a thread that waits for others may be given more work of the same kind.
    let mut values = memory.take();
    if values.len() < len {
        values.resize(len, 0.0);
    }
    let result = work(&mut values[..len]);
    memory.set(values);
    result
}

pub(super) fn forward(cpu: &Cpu, layer: &Convolution, images: usize, parameters: &[f32], x: &[f32], y: &mut [f32]) {
    slide(cpu, Window::of(layer), images, &parameters[layer.weight.range()], x, y, false);
}

/// `y = x` under the window times `weight`, `[depth, output channels]`, or that added to `y`.
fn slide(cpu: &Cpu, window: Window, images: usize, weight: &[f32], x: &[f32], y: &mut [f32], add: bool) {
    let (depth, outputs, block) = (window.depth(), window.output.channels, window.block());
    let y = &mut y[..images * window.output.len()];
    cpu.each(
        y.chunks_mut(block * outputs).enumerate(),
        #[inline(always)]
        |(at, y)| {
            let (first, pixels) = (at * block, y.len() / outputs);
            let weight = Matrix::by_rows(weight, outputs);
            if window.is_point() {
                let x = &x[first * depth..][..pixels * depth];
                return multiply((pixels, depth, outputs), Matrix::by_rows(x, depth), weight, add, y);
            }
            with(&COLUMNS, pixels * depth, |columns| {
                window.gather(first, x, columns);
                multiply((pixels, depth, outputs), Matrix::by_rows(columns, depth), weight, add, y);
            });
        },
    );
}

pub(super) fn gradient(cpu: &Cpu, layer: &Convolution, images: usize, x: &[f32], dy: &[f32], gradient: &mut [f32]) {
    let window = Window::of(layer);
    let (depth, outputs, block) = (window.depth(), window.output.channels, window.block());
    let pixels = images * window.output.pixels();
    let part = pixels.div_ceil(PARTS).next_multiple_of(block.min(pixels));
    let parts = pixels.div_ceil(part);
    let gradient = &mut gradient[layer.weight.range()];
    let values = gradient.len();
    with(&PARTIAL, parts * values, |partial| {
        cpu.each(
            partial.chunks_exact_mut(values).enumerate(),
            #[inline(always)]
            |(at, partial)| {
                let end = pixels.min((at + 1) * part);
                for first in (at * part..end).step_by(block) {
                    let pixels = block.min(end - first);
                    let dy = Matrix::by_rows(&dy[first * outputs..][..pixels * outputs], outputs);
                    let add = first > at * part;
                    if window.is_point() {
                        let x = &x[first * depth..][..pixels * depth];
                        multiply((depth, pixels, outputs), Matrix::by_columns(x, depth), dy, add, partial);
                        continue;
                    }
                    with(&COLUMNS, pixels * depth, |columns| {
                        window.gather(first, x, columns);
                        multiply((depth, pixels, outputs), Matrix::by_columns(columns, depth), dy, add, partial);
                    });
                }
            },
        );
        let partial = &*partial;
        cpu.each(
            gradient.chunks_mut(SUMS).enumerate(),
            #[inline(always)]
            |(at, gradient)| {
                gradient.copy_from_slice(&partial[at * SUMS..][..gradient.len()]);
                for part in 1..parts {
                    let partial = &partial[part * values + at * SUMS..][..gradient.len()];
                    gradient.iter_mut().zip(partial).for_each(|(sum, part)| *sum += part);
                }
            },
        );
    });
}

/// Values of a gradient that a piece of work sums up.
const SUMS: usize = 1 << 13;

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
    if layer.stride == 1 && layer.padding < layer.kernel {
        let padding = layer.kernel - 1 - layer.padding;
        let (input, output) = (layer.output, layer.input);
        let window = Window { kernel: layer.kernel, stride: 1, padding, input, output };
        return with(&PARTIAL, weight.len(), |turned| {
            turn(layer, weight, turned);
            slide(cpu, window, images, turned, dy, dx, add);
        });
    }
    let window = Window::of(layer);
    let (depth, outputs, pixels) = (window.depth(), window.output.channels, window.output.pixels());
    let inputs = window.input.len();
    cpu.each(
        dx[..images * inputs].chunks_exact_mut(inputs).enumerate(),
        #[inline(always)]
        |(image, dx)| {
            if !add {
                dx.fill(0.0);
            }
            with(&COLUMNS, pixels * depth, |columns| {
                let dy = &dy[image * pixels * outputs..][..pixels * outputs];
                let (dy, weight) = (Matrix::by_rows(dy, outputs), Matrix::by_columns(weight, outputs));
                multiply((pixels, outputs, depth), dy, weight, false, columns);
                window.scatter(image * pixels, image * inputs, columns, dx);
            });
        },
    );
}

/// The weights of the convolution that takes gradients of the output to those of the input: taps in reverse,
/// `[kernel, kernel, output channel, input channel]`.
fn turn(layer: &Convolution, weight: &[f32], turned: &mut [f32]) {
    let (inputs, outputs) = (layer.input.channels, layer.output.channels);
    let taps = turned.chunks_exact_mut(inputs * outputs).rev();
    for (turned, weight) in taps.zip(weight.chunks_exact(inputs * outputs)) {
        for (output, turned) in turned.chunks_exact_mut(inputs).enumerate() {
            turned.iter_mut().zip(weight[output..].iter().step_by(outputs)).for_each(|(to, from)| *to = *from);
        }
    }
}
