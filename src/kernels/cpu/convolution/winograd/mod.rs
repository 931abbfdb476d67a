//! Convolutions of 3x3 taps and stride 1 by Winograd's F(4x4, 3x3): 36 multiplications for a tile of 16 results in
//! place of 144 (Lavin and Gray, 2016).
//!
//! What a tile reads, the weights and the products are transformed; between the transforms stand 36 matrix products over
//! channels. An infinite value becomes not a number in the whole of its tile.

mod gradient;
mod tiles;
mod transform;

use pulp::Simd;

use self::tiles::{Tiles, load, store};
use self::transform::{PRODUCTS, Products, READ, RESULT, Reading, TAPS, Weights, tile};
use super::direct::apart;
use super::product::{Product, panel};
use crate::kernels::Convolution;
use crate::kernels::cpu::pool::Work;
use crate::kernels::cpu::{Cpu, matrix, scratch};

pub(super) use gradient::gradient;

/// Tiles whose products are held at a time.
const TILES: usize = 32;

/// Whether it is faster: not where few channels are summed, nor where tiles reach far beyond a small picture.
pub(super) fn suits(layer: &Convolution) -> bool {
    let Convolution { kernel, stride, padding, input, output, .. } = *layer;
    let cut = |side: usize| side.div_ceil(RESULT);
    let worth = |map: crate::kernels::FeatureMap| {
        2 * PRODUCTS * cut(map.height) * cut(map.width) <= TAPS * TAPS * map.pixels() && map.channels >= 16
    };
    kernel == TAPS && stride == 1 && padding < TAPS && worth(input) && worth(output)
}

pub(super) fn forward(cpu: &Cpu, layer: &Convolution, weight: &[f32], x: &[f32], y: &mut [f32]) {
    let (inputs, outputs) = (layer.input.channels, layer.output.channels);
    scratch::shared(room(cpu, inputs, outputs), |prepared| {
        prepare(cpu, weight, inputs, outputs, prepared);
        let reading = Tiles::new(layer.input, layer.padding, layer.output);
        convolve(cpu, reading, Tiles::new(layer.output, 0, layer.output), prepared, x, y, false);
    });
}

pub(super) fn input_gradient(cpu: &Cpu, layer: &Convolution, weight: &[f32], dy: &[f32], dx: &mut [f32], add: bool) {
    let (inputs, outputs) = (layer.input.channels, layer.output.channels);
    scratch::shared(weight.len() + room(cpu, outputs, inputs), |memory| {
        let (turned, prepared) = memory.split_at_mut(weight.len());
        let taps = weight.chunks_exact(inputs * outputs).rev();
        for (weight, turned) in taps.zip(turned.chunks_exact_mut(inputs * outputs)) {
            matrix::transpose(cpu, weight, outputs, turned);
        }
        prepare(cpu, turned, outputs, inputs, prepared);
        let reading = Tiles::new(layer.output, TAPS - 1 - layer.padding, layer.input);
        convolve(cpu, reading, Tiles::new(layer.input, 0, layer.input), prepared, dy, dx, add);
    });
}

/// Values of transformed weights.
fn room(cpu: &Cpu, inputs: usize, outputs: usize) -> usize {
    PRODUCTS * inputs * outputs.next_multiple_of(panel(cpu.lanes()))
}

/// Transforms weights `[TAPS, TAPS, inputs, outputs]` into `[panel of outputs, PRODUCTS, inputs, output of the panel]`.
fn prepare(cpu: &Cpu, weight: &[f32], inputs: usize, outputs: usize, prepared: &mut [f32]) {
    let width = panel(cpu.lanes());
    cpu.work(prepared.chunks_mut(PRODUCTS * inputs * width).enumerate(), &Preparing { weight, inputs, outputs });
}

struct Preparing<'a> {
    weight: &'a [f32],
    inputs: usize,
    outputs: usize,
}

impl<'a> Work<(usize, &'a mut [f32])> for Preparing<'_> {
    #[inline(always)]
    fn run<S: Simd>(&self, simd: S, (at, to): (usize, &'a mut [f32])) {
        let Preparing { weight, inputs, outputs } = *self;
        let (lanes, width) = (S::F32_LANES, panel(S::F32_LANES));
        for input in 0..inputs {
            for lane in (0..width).step_by(lanes) {
                let first = at * width + lane;
                let count = lanes.min(outputs.saturating_sub(first));
                let mut x = [[simd.splat_f32s(0.0); TAPS]; TAPS];
                if count > 0 {
                    for (tap, x) in x.as_flattened_mut().iter_mut().enumerate() {
                        *x = load(simd, &weight[(tap * inputs + input) * outputs + first..], count);
                    }
                }
                let products = tile::<S, Weights, TAPS, READ>(simd, &x);
                for (product, value) in products.as_flattened().iter().enumerate() {
                    store(simd, &mut to[(product * inputs + input) * width + lane..], lanes, *value);
                }
            }
        }
    }
}

/// Convolves the pictures `from`, cut into the tiles `reading`, into `to`, cut into the tiles `result`.
fn convolve(cpu: &Cpu, reading: Tiles, result: Tiles, prepared: &[f32], from: &[f32], to: &mut [f32], add: bool) {
    // Enough pictures for a block of tiles.
    let pictures = TILES.div_ceil(reading.count());
    cpu.work(
        to.chunks_mut(pictures * result.map.len()).zip(from.chunks(pictures * reading.map.len())),
        &Convolving { reading, result, prepared, add },
    );
}

struct Convolving<'a> {
    reading: Tiles,
    result: Tiles,
    prepared: &'a [f32],
    add: bool,
}

impl<'a> Work<(&'a mut [f32], &'a [f32])> for Convolving<'_> {
    #[inline(always)]
    fn run<S: Simd>(&self, simd: S, (to, from): (&'a mut [f32], &'a [f32])) {
        let Convolving { reading, result, prepared, add } = *self;
        let (inputs, outputs) = (reading.map.channels, result.map.channels);
        let (read_row, result_row) = (apart(inputs), apart(outputs));
        let all = from.len() / reading.map.len() * reading.count();
        scratch::own(
            PRODUCTS * TILES * (read_row + result_row),
            #[inline(always)]
            |memory| {
                let (read, products) = memory.split_at_mut(PRODUCTS * TILES * read_row);
                for first in (0..all).step_by(TILES) {
                    let tiles = first..all.min(first + TILES);
                    reading.transform::<S, Reading, READ>(
                        simd,
                        from,
                        tiles.clone(),
                        0..inputs,
                        #[inline(always)]
                        |tile, channel, values| {
                            for (product, value) in values.as_flattened().iter().enumerate() {
                                let at = (product * TILES + tile) * read_row + channel;
                                store(simd, &mut read[at..], S::F32_LANES, *value);
                            }
                        },
                    );
                    for product in 0..PRODUCTS {
                        simd.vectorize(Product {
                            rows: tiles.len(),
                            steps: inputs,
                            columns: outputs,
                            a: &read[product * TILES * read_row..],
                            a_row: read_row,
                            a_step: 1,
                            b: &prepared[product * inputs * panel(S::F32_LANES)..],
                            b_panel: PRODUCTS * inputs * panel(S::F32_LANES),
                            c: &mut products[product * TILES * result_row..],
                            c_row: result_row,
                            add: false,
                        });
                    }
                    result.place_results::<S, Products>(simd, products, result_row, tiles, to, add);
                }
            },
        );
    }
}
