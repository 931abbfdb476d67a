//! The gradient of the weights: what each tile reads times the gradient of its results, both transformed, summed over
//! tiles, and transformed back.

use std::ops::Range;

use pulp::Simd;

use super::tiles::{Tiles, load, store};
use super::transform::{PRODUCTS, ProductsBack, READ, RESULT, Reading, TAPS, WeightsBack, tile};
use crate::kernels::Convolution;
use crate::kernels::cpu::convolution::direct::apart;
use crate::kernels::cpu::convolution::product::{Product, panel};
use crate::kernels::cpu::pool::Work;
use crate::kernels::cpu::{Cpu, scratch};

/// Input and output channels of a piece of work: their sums stay in the second-level cache.
const CHANNELS: usize = 64;
/// Tiles that are transformed before the next sums.
const TILES: usize = 32;
/// Pieces of work below which the tiles are shared out too, as long as each gets many.
const PIECES: usize = 16;
const TILES_OF_PIECE: usize = 256;

pub(in crate::kernels::cpu::convolution) fn gradient(
    cpu: &Cpu,
    layer: &Convolution,
    images: usize,
    x: &[f32],
    dy: &[f32],
    dw: &mut [f32],
) {
    let (inputs, outputs) = (layer.input.channels, layer.output.channels);
    let reading = Tiles::new(layer.input, layer.padding, layer.output);
    let result = Tiles::new(layer.output, 0, layer.output);
    let tiles = images * result.count();
    let blocks = inputs.div_ceil(CHANNELS) * outputs.div_ceil(CHANNELS);
    let shares = (PIECES / blocks).clamp(1, tiles.div_ceil(TILES_OF_PIECE).max(1));
    let share = tiles.div_ceil(shares).next_multiple_of(TILES);
    let len = dw.len();
    // Gradients lie as `[share, block of inputs, block of outputs, tap, input, output]`, so that each piece of work has
    // a stretch of its own.
    scratch::shared(len * shares, |parts| {
        let mut rest = &mut *parts;
        let mut pieces = Vec::new();
        for at in 0..shares {
            for input in (0..inputs).step_by(CHANNELS) {
                for output in (0..outputs).step_by(CHANNELS) {
                    let inputs = input..inputs.min(input + CHANNELS);
                    let outputs = output..outputs.min(output + CHANNELS);
                    let (part, after) = rest.split_at_mut(TAPS * TAPS * inputs.len() * outputs.len());
                    rest = after;
                    let tiles = (at * share).min(tiles)..tiles.min((at + 1) * share);
                    pieces.push(Piece { tiles, inputs, outputs, part });
                }
            }
        }
        cpu.work(pieces.into_iter(), &Gradient { reading, result, x, dy });
        let parts = &*parts;
        cpu.each(
            dw.chunks_mut(outputs).enumerate(),
            #[inline(always)]
            |(row, dw)| {
                let (tap, input) = (row / inputs, row % inputs);
                let block = input / CHANNELS * CHANNELS;
                let height = CHANNELS.min(inputs - block);
                for (at, dw) in dw.chunks_mut(CHANNELS).enumerate() {
                    let start = TAPS * TAPS * (block * outputs + height * at * CHANNELS);
                    let start = start + (tap * height + input - block) * dw.len();
                    dw.copy_from_slice(&parts[start..][..dw.len()]);
                    for share in 1..shares {
                        dw.iter_mut().zip(&parts[share * len + start..]).for_each(|(dw, part)| *dw += part);
                    }
                }
            },
        );
    });
}

struct Piece<'a> {
    tiles: Range<usize>,
    inputs: Range<usize>,
    outputs: Range<usize>,
    /// `[tap, input, output]`.
    part: &'a mut [f32],
}

struct Gradient<'a> {
    reading: Tiles,
    result: Tiles,
    x: &'a [f32],
    dy: &'a [f32],
}

impl<'a> Work<Piece<'a>> for Gradient<'_> {
    #[inline(always)]
    fn run<S: Simd>(&self, simd: S, piece: Piece<'a>) {
        let Piece { tiles, inputs, outputs, part } = piece;
        let (lanes, width) = (S::F32_LANES, panel(S::F32_LANES));
        let (rows, columns) = (inputs.len(), outputs.len());
        // Sums have whole vectors, so that none is cut when they are transformed back.
        let (read_row, sums_row) = (apart(rows), columns.next_multiple_of(width));
        let panels = sums_row / width;
        let sizes = [TILES * read_row, panels * TILES * width, rows * sums_row].map(|size| PRODUCTS * size);
        scratch::own(
            sizes.iter().sum(),
            #[inline(always)]
            |memory| {
                let (read, rest) = memory.split_at_mut(sizes[0]);
                let (results, sums) = rest.split_at_mut(sizes[1]);
                // What lies beyond the columns is transformed back, if not kept.
                results.fill(0.0);
                sums.fill(0.0);
                for first in tiles.clone().step_by(TILES) {
                    let tiles = first..tiles.end.min(first + TILES);
                    self.reading.transform::<S, Reading, READ>(
                        simd,
                        self.x,
                        tiles.clone(),
                        inputs.clone(),
                        #[inline(always)]
                        |tile, channel, values| {
                            for (product, value) in values.as_flattened().iter().enumerate() {
                                store(simd, &mut read[(product * TILES + tile) * read_row + channel..], lanes, *value);
                            }
                        },
                    );
                    self.result.transform::<S, ProductsBack, RESULT>(
                        simd,
                        self.dy,
                        tiles.clone(),
                        outputs.clone(),
                        #[inline(always)]
                        |tile, channel, values| {
                            for (product, value) in values.as_flattened().iter().enumerate() {
                                let at =
                                    ((product * panels + channel / width) * TILES + tile) * width + channel % width;
                                store(simd, &mut results[at..], lanes, *value);
                            }
                        },
                    );
                    for product in 0..PRODUCTS {
                        simd.vectorize(Product {
                            rows,
                            steps: tiles.len(),
                            columns,
                            a: &read[product * TILES * read_row..],
                            a_row: 1,
                            a_step: read_row,
                            b: &results[product * panels * TILES * width..],
                            b_panel: TILES * width,
                            c: &mut sums[product * rows * sums_row..],
                            c_row: sums_row,
                            add: true,
                        });
                    }
                }
                for input in 0..rows {
                    for first in (0..columns).step_by(lanes) {
                        let mut x = [[simd.splat_f32s(0.0); READ]; READ];
                        for (product, x) in x.as_flattened_mut().iter_mut().enumerate() {
                            *x = load(simd, &sums[(product * rows + input) * sums_row + first..], lanes);
                        }
                        let taps = tile::<S, WeightsBack, READ, TAPS>(simd, &x);
                        for (tap, value) in taps.as_flattened().iter().enumerate() {
                            let to = &mut part[(tap * rows + input) * columns + first..];
                            store(simd, to, lanes.min(columns - first), *value);
                        }
                    }
                }
            },
        );
    }
}
