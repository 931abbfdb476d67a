//! Convolutions as matrix products: the pixels that a window reads side by side, times the weights.

use pulp::Simd;

use super::product::{Product, panel};
use super::window::{Run, Window};
use crate::kernels::cpu::pool::Work;
use crate::kernels::cpu::{Cpu, scratch};
use crate::kernels::{Convolution, FeatureMap};

/// Pixels of a piece of work: what they read stays in the second-level cache.
const PIXELS: usize = 48;

/// Room between rows: rows a power of two apart would share the same few places of a cache.
pub(super) fn apart(len: usize) -> usize {
    len.next_multiple_of(16) + 16
}

/// Rows wider than this are copied further apart before they are read.
const WIDE: usize = 512;

pub(super) fn forward(cpu: &Cpu, layer: &Convolution, weight: &[f32], x: &[f32], y: &mut [f32]) {
    let window = Window::of(layer);
    let outputs = layer.output.channels;
    let steps = window.taps() * layer.input.channels;
    let width = panel(cpu.lanes());
    scratch::shared(outputs.next_multiple_of(width) * steps, |panels| {
        cpu.each(
            panels.chunks_mut(steps * width).enumerate(),
            #[inline(always)]
            |(at, panel)| {
                for (row, weight) in panel.chunks_exact_mut(width).zip(weight.chunks_exact(outputs)) {
                    let weight = &weight[at * width..outputs.min((at + 1) * width)];
                    row[..weight.len()].copy_from_slice(weight);
                    row[weight.len()..].fill(0.0);
                }
            },
        );
        let moved = Moved { window: &window, source: x, panels, channels: outputs, add: false };
        cpu.work(y.chunks_mut(PIXELS * outputs).enumerate(), &Whole(moved));
    });
}

pub(super) fn input_gradient(cpu: &Cpu, layer: &Convolution, weight: &[f32], dy: &[f32], dx: &mut [f32], add: bool) {
    let Convolution { input, stride, .. } = *layer;
    let parts: Vec<Part> = (0..stride * stride).map(|at| Part::new(layer, at / stride, at % stride)).collect();
    let width = panel(cpu.lanes());
    let sizes = parts.iter().map(|part| input.channels.next_multiple_of(width) * part.steps(layer));
    scratch::shared(sizes.sum(), |panels| {
        let mut rest = &mut *panels;
        let mut moved = Vec::new();
        for part in &parts {
            let steps = part.steps(layer);
            let (panels, after) = rest.split_at_mut(input.channels.next_multiple_of(width) * steps);
            rest = after;
            if steps > 0 {
                part.prepare(cpu, layer, weight, panels);
            }
            let channels = input.channels;
            moved.push(Moved { window: &part.window, source: dy, panels, channels, add });
        }
        if stride == 1 {
            let moved = moved.pop().expect("a stride of one has one part");
            cpu.work(dx.chunks_mut(PIXELS * input.channels).enumerate(), &Whole(moved));
        } else {
            let images = (PIXELS * stride * stride).div_ceil(input.pixels());
            let scattered = Scattered { input, stride, images, parts: moved };
            cpu.work(dx.chunks_mut(images * input.len()).enumerate(), &scattered);
        }
    });
}

/// The input pixels whose row and column leave the same remainders by the stride: all are sums over the same taps.
struct Part {
    window: Window,
    /// Of each tap that the window reads, in its order: the place among the weights.
    taps: Vec<usize>,
}

impl Part {
    fn new(layer: &Convolution, row: usize, column: usize) -> Part {
        let Convolution { kernel, stride, padding, input, output, .. } = *layer;
        // Of the taps that meet such a pixel, from the last to the first: the output pixel they belong to, from the
        // pixel's own over the stride.
        let meeting = |remainder: usize| -> Vec<(isize, usize)> {
            (0..kernel)
                .rev()
                .filter(|tap| (remainder + padding + stride * kernel - tap).is_multiple_of(stride))
                .map(|tap| (((remainder + padding) as isize - tap as isize).div_euclid(stride as isize), tap))
                .collect()
        };
        let (rows, columns) = (meeting(row), meeting(column));
        let taps = rows.iter().flat_map(|(_, y)| columns.iter().map(move |(_, x)| y * kernel + x)).collect();
        let runs = match columns.first() {
            None => Vec::new(),
            Some((first, _)) => {
                rows.iter().map(|(row, _)| Run { row: *row, column: *first, taps: columns.len() }).collect()
            }
        };
        let covered = |side: usize, remainder: usize| side.saturating_sub(remainder).div_ceil(stride);
        Part {
            window: Window {
                source: output,
                height: covered(input.height, row),
                width: covered(input.width, column),
                stride: 1,
                runs,
            },
            taps,
        }
    }

    fn steps(&self, layer: &Convolution) -> usize {
        self.taps.len() * layer.output.channels
    }

    /// Lays the weights of the taps turned: a step is an output channel of a tap, a column an input channel.
    fn prepare(&self, cpu: &Cpu, layer: &Convolution, weight: &[f32], panels: &mut [f32]) {
        let (inputs, outputs) = (layer.input.channels, layer.output.channels);
        let width = panel(cpu.lanes());
        cpu.each(
            panels.chunks_mut(self.steps(layer) * width).enumerate(),
            #[inline(always)]
            |(at, panel)| {
                let columns = at * width..inputs.min((at + 1) * width);
                for (panel, tap) in panel.chunks_exact_mut(outputs * width).zip(&self.taps) {
                    let weight = &weight[tap * inputs * outputs..][..inputs * outputs];
                    let weight = &weight[columns.start * outputs..columns.end * outputs];
                    for (output, row) in panel.chunks_exact_mut(width).enumerate() {
                        for (value, weight) in row.iter_mut().zip(weight.chunks_exact(outputs)) {
                            *value = weight[output];
                        }
                        row[columns.len()..].fill(0.0);
                    }
                }
            },
        );
    }
}

/// A window over a source with the weights of its taps.
struct Moved<'a> {
    window: &'a Window,
    source: &'a [f32],
    panels: &'a [f32],
    /// Of the result.
    channels: usize,
    add: bool,
}

impl Moved<'_> {
    /// Values that `run` wants for `pixels`: none where the source can be read as it lies.
    #[inline(always)]
    fn room(&self, pixels: usize) -> usize {
        let depth = self.window.source.channels;
        if self.window.is_identity() && depth < WIDE { 0 } else { pixels * apart(self.window.taps() * depth) }
    }

    /// The pixels `first..` of the result.
    #[inline(always)]
    fn run<S: Simd>(&self, simd: S, first: usize, gathered: &mut [f32], to: &mut [f32], add: bool) {
        let depth = self.window.source.channels;
        let steps = self.window.taps() * depth;
        let (a, a_row) = if gathered.is_empty() {
            (&self.source[first * depth..], depth)
        } else {
            self.window.gather(self.source, 0..depth, first, gathered, apart(steps));
            (&*gathered, apart(steps))
        };
        simd.vectorize(Product {
            rows: to.len() / self.channels,
            steps,
            columns: self.channels,
            a,
            a_row,
            a_step: 1,
            b: self.panels,
            b_panel: steps * panel(S::F32_LANES),
            c: to,
            c_row: self.channels,
            add,
        });
    }
}

/// Pieces are stretches of the result.
struct Whole<'a>(Moved<'a>);

impl<'a> Work<(usize, &'a mut [f32])> for Whole<'_> {
    #[inline(always)]
    fn run<S: Simd>(&self, simd: S, (at, to): (usize, &'a mut [f32])) {
        let Whole(moved) = self;
        let room = moved.room(to.len() / moved.channels);
        scratch::own(room, |gathered| moved.run(simd, at * PIXELS, gathered, to, moved.add));
    }
}

/// Pieces are images, of which each part is every so many pixels.
struct Scattered<'a> {
    input: FeatureMap,
    stride: usize,
    /// Of a piece.
    images: usize,
    parts: Vec<Moved<'a>>,
}

impl<'a> Work<(usize, &'a mut [f32])> for Scattered<'_> {
    #[inline(always)]
    fn run<S: Simd>(&self, simd: S, (at, dx): (usize, &'a mut [f32])) {
        let images = dx.len() / self.input.len();
        for (part, moved) in self.parts.iter().enumerate() {
            let remainders = (part / self.stride, part % self.stride);
            let pixels = moved.window.height * moved.window.width;
            if moved.window.taps() == 0 {
                if !moved.add {
                    (0..images * pixels).for_each(|pixel| self.place(moved, remainders, pixel, dx).fill(0.0));
                }
                continue;
            }
            let first_image = at * self.images;
            for first in (0..images * pixels).step_by(PIXELS) {
                let count = PIXELS.min(images * pixels - first);
                let sums = count * moved.channels;
                scratch::own(sums + moved.room(count), |memory| {
                    let (sums, gathered) = memory.split_at_mut(sums);
                    moved.run(simd, first_image * pixels + first, gathered, sums, false);
                    for (pixel, sums) in sums.chunks_exact(moved.channels).enumerate() {
                        let dx = self.place(moved, remainders, first + pixel, dx);
                        if moved.add {
                            dx.iter_mut().zip(sums).for_each(|(dx, sum)| *dx += *sum);
                        } else {
                            dx.copy_from_slice(sums);
                        }
                    }
                });
            }
        }
    }
}

impl Scattered<'_> {
    /// Where a pixel of a part lies among the images of a piece.
    #[inline(always)]
    fn place<'a>(
        &self,
        moved: &Moved,
        (row, column): (usize, usize),
        pixel: usize,
        dx: &'a mut [f32],
    ) -> &'a mut [f32] {
        let Window { height, width, .. } = *moved.window;
        let (image, y, x) = (pixel / (height * width), pixel / width % height, pixel % width);
        let at = (y * self.stride + row) * self.input.width + x * self.stride + column;
        &mut dx[(image * self.input.pixels() + at) * moved.channels..][..moved.channels]
    }
}
