//! The gradient of a convolution's weights as matrix products: what the window reads, turned, times the gradients of
//! the pixels it stands on.

use std::ops::Range;

use pulp::Simd;

use super::direct::apart;
use super::product::{Product, panel};
use super::window::{Run, Window};
use crate::kernels::Convolution;
use crate::kernels::cpu::pool::Work;
use crate::kernels::cpu::{Cpu, scratch};

/// Pixels that are read before the next sums: they stay in the second-level cache.
const PIXELS: usize = 256;
/// Values of a pixel's window that a piece of work takes at most, and enough to be worth its reading of `dy`.
const DEPTH: usize = 256;
/// Output channels of a piece of work.
const OUTPUTS: usize = 128;
/// Pieces of work below which the pixels are shared out too, as long as each gets many.
const PIECES: usize = 16;
const PIXELS_OF_PIECE: usize = 2048;

pub(super) fn gradient(cpu: &Cpu, layer: &Convolution, images: usize, x: &[f32], dy: &[f32], dw: &mut [f32]) {
    let outputs = layer.output.channels;
    let bands = bands(layer);
    let pixels = images * layer.output.pixels();
    let products = bands.len() * outputs.div_ceil(OUTPUTS);
    let shares = (PIECES / products).clamp(1, pixels.div_ceil(PIXELS_OF_PIECE).max(1));
    let share = pixels.div_ceil(shares).next_multiple_of(PIXELS);
    let len = dw.len();
    // Sums of products lie as `[share, band, block of outputs]`, so that each piece of work has a stretch of its own.
    scratch::shared(len * shares, |sums| {
        let mut rest = &mut *sums;
        let mut pieces = Vec::new();
        for at in 0..shares {
            for band in &bands {
                for first in (0..outputs).step_by(OUTPUTS) {
                    let outputs = first..outputs.min(first + OUTPUTS);
                    let (sums, after) = rest.split_at_mut(band.depth() * outputs.len());
                    rest = after;
                    pieces.push(Piece { pixels: at * share..pixels.min((at + 1) * share), band, outputs, sums });
                }
            }
        }
        cpu.work(pieces.into_iter(), &Gradient { layer, x, dy });
        let sums = &*sums;
        cpu.each(
            dw.chunks_mut(outputs).enumerate(),
            #[inline(always)]
            |(row, dw)| {
                let (start, height, at) = band_of(&bands, row);
                for (block, dw) in dw.chunks_mut(OUTPUTS).enumerate() {
                    let width = dw.len();
                    let at = start * outputs + block * OUTPUTS * height + at * width;
                    dw.copy_from_slice(&sums[at..][..width]);
                    for share in 1..shares {
                        dw.iter_mut().zip(&sums[share * len + at..][..width]).for_each(|(dw, sum)| *dw += sum);
                    }
                }
            },
        );
    });
}

/// Neighbouring rows of the weights as a matrix `[taps * inputs, outputs]`.
struct Band {
    /// The taps that it covers.
    window: Window,
    /// The input channels of each.
    channels: Range<usize>,
}

impl Band {
    fn depth(&self) -> usize {
        self.window.taps() * self.channels.len()
    }
}

fn bands(layer: &Convolution) -> Vec<Band> {
    let window = Window::of(layer);
    let inputs = layer.input.channels;
    let mut bands = Vec::new();
    for run in &window.runs {
        let together = (DEPTH / inputs).clamp(1, run.taps);
        for tap in (0..run.taps).step_by(together) {
            let run = Run { column: run.column + tap as isize, taps: together.min(run.taps - tap), row: run.row };
            for first in (0..inputs).step_by(DEPTH) {
                let channels = first..inputs.min(first + DEPTH);
                bands.push(Band { window: Window { runs: vec![run], ..window.clone() }, channels });
            }
        }
    }
    bands
}

/// First row and height of the band that holds a row of the weights, and the row's place in it.
fn band_of(bands: &[Band], row: usize) -> (usize, usize, usize) {
    let mut start = 0;
    for band in bands {
        if row < start + band.depth() {
            return (start, band.depth(), row - start);
        }
        start += band.depth();
    }
    unreachable!("bands cover the weights")
}

struct Piece<'a> {
    pixels: Range<usize>,
    band: &'a Band,
    outputs: Range<usize>,
    /// `[depth, outputs]`.
    sums: &'a mut [f32],
}

struct Gradient<'a> {
    layer: &'a Convolution,
    x: &'a [f32],
    dy: &'a [f32],
}

impl<'a> Work<Piece<'a>> for Gradient<'_> {
    #[inline(always)]
    fn run<S: Simd>(&self, simd: S, piece: Piece<'a>) {
        let Piece { pixels, band, outputs, sums } = piece;
        let width = panel(S::F32_LANES);
        let depth = band.depth();
        let row = apart(depth);
        let all = self.layer.output.channels;
        scratch::own(PIXELS * (row + outputs.len().next_multiple_of(width)), |memory| {
            let (gathered, panels) = memory.split_at_mut(PIXELS * row);
            for first in pixels.clone().step_by(PIXELS) {
                let count = PIXELS.min(pixels.end - first);
                band.window.gather(self.x, band.channels.clone(), first, &mut gathered[..count * row], row);
                for (at, panel) in panels.chunks_exact_mut(PIXELS * width).enumerate() {
                    let columns = outputs.start + at * width..outputs.end.min(outputs.start + (at + 1) * width);
                    let dy = self.dy[first * all..].chunks(all);
                    for (row, dy) in panel.chunks_exact_mut(width).take(count).zip(dy) {
                        let dy = &dy[columns.clone()];
                        row[..dy.len()].copy_from_slice(dy);
                        row[dy.len()..].fill(0.0);
                    }
                }
                simd.vectorize(Product {
                    rows: depth,
                    steps: count,
                    columns: outputs.len(),
                    a: gathered,
                    a_row: 1,
                    a_step: row,
                    b: panels,
                    b_panel: PIXELS * width,
                    c: sums,
                    c_row: outputs.len(),
                    add: first > pixels.start,
                });
            }
            if pixels.is_empty() {
                sums.fill(0.0);
            }
        });
    }
}
