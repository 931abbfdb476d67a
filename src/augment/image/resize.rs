//! Pillow's bilinear resize of 8-bit pictures, bit for bit (`Image.resize` with `Resampling.BILINEAR`, which smooths
//! where it shrinks): along rows first, then along columns, each rounded to 8 bits.
//!
//! Pillow 13 begins with columns where the height shrinks and that is cheaper. A crop of a picture of the view's size never
//! shrinks, so such views are the same with every version; those of larger pictures are as Pillow 12 and older have them.

use std::ops::Range;

use super::canvas::Canvas;
use super::crop::Region;
use crate::data::CHANNELS;

/// Fractional bits of a weight: 32 without the 8 of a pixel and 2 of headroom.
const PRECISION: u32 = 32 - 8 - 2;

/// One half, which makes the shift round.
const HALF: i32 = 1 << (PRECISION - 1);

/// Resizes regions of pictures; keeps its buffers from one picture to the next.
pub(super) struct Resizer {
    horizontal: Filter,
    vertical: Filter,
    /// Planes of the region at its old height and its new width.
    narrowed: Vec<u8>,
    sums: Vec<i32>,
}

impl Resizer {
    pub fn new() -> Resizer {
        let (horizontal, vertical) = (Filter::default(), Filter::default());
        Resizer { horizontal, vertical, narrowed: Vec::new(), sums: Vec::new() }
    }

    /// Paints `region` of `pixels`, `[height, picture_width, channels]`, onto `canvas` at `height` by `width`.
    ///
    /// What lies outside the region plays no part, as if it had been cut out first.
    pub fn paint(
        &mut self,
        canvas: &mut Canvas,
        pixels: &[u8],
        picture_width: usize,
        region: Region,
        (height, width): (usize, usize),
    ) {
        let arch = canvas.arch;
        canvas.set_size(height, width);
        self.horizontal.set(region.width, width);
        self.vertical.set(region.height, height);
        self.narrowed.resize(CHANNELS * region.height * width, 0);
        self.sums.resize(width, 0);
        let lines = pixels
            .chunks_exact(CHANNELS * picture_width)
            .skip(region.top)
            .take(region.height)
            .map(|line| &line[CHANNELS * region.left..][..CHANNELS * region.width]);
        along_rows(&self.horizontal, lines, width, &mut self.narrowed);
        let planes = canvas.pixels_mut().chunks_exact_mut(height * width);
        let planes = planes.zip(self.narrowed.chunks_exact(region.height * width));
        arch.dispatch(
            #[inline(always)]
            || {
                for (plane, narrowed) in planes {
                    along_columns(&self.vertical, narrowed, plane, &mut self.sums);
                }
            },
        );
    }
}

/// Resizes `lines`, `[width, channels]` each, to `width`, into planes of as many lines.
fn along_rows<'a>(filter: &Filter, lines: impl ExactSizeIterator<Item = &'a [u8]>, width: usize, planes: &mut [u8]) {
    let (red, rest) = planes.split_at_mut(lines.len() * width);
    let (green, blue) = rest.split_at_mut(lines.len() * width);
    let rows = red.chunks_exact_mut(width).zip(green.chunks_exact_mut(width)).zip(blue.chunks_exact_mut(width));
    for (line, ((red, green), blue)) in lines.zip(rows) {
        for ((to, red), (green, blue)) in filter.targets.iter().zip(red).zip(green.iter_mut().zip(blue)) {
            let mut sums = [HALF; CHANNELS];
            let mut at = CHANNELS * to.first;
            for weight in &filter.weights[to.weights.clone()] {
                for (sum, value) in sums.iter_mut().zip(&line[at..at + CHANNELS]) {
                    *sum += i32::from(*value) * weight;
                }
                at += CHANNELS;
            }
            (*red, *green, *blue) = (rounded(sums[0]), rounded(sums[1]), rounded(sums[2]));
        }
    }
}

/// Resizes the columns of one plane into another of the same width.
#[inline(always)]
fn along_columns(filter: &Filter, from: &[u8], to: &mut [u8], sums: &mut [i32]) {
    let width = sums.len();
    for (target, to) in filter.targets.iter().zip(to.chunks_exact_mut(width)) {
        sums.fill(HALF);
        let lines = from[target.first * width..].chunks_exact(width);
        for (line, weight) in lines.zip(&filter.weights[target.weights.clone()]) {
            for (sum, value) in sums.iter_mut().zip(line) {
                *sum += i32::from(*value) * weight;
            }
        }
        for (to, sum) in to.iter_mut().zip(sums.iter()) {
            *to = rounded(*sum);
        }
    }
}

#[inline(always)]
fn rounded(sum: i32) -> u8 {
    (sum >> PRECISION).min(255) as u8
}

/// What each target pixel of a line is made of.
#[derive(Default)]
struct Filter {
    targets: Vec<Target>,
    /// Fixed point, [`PRECISION`] fractional bits.
    weights: Vec<i32>,
    exact: Vec<f64>,
}

/// One target pixel.
struct Target {
    /// First source pixel.
    first: usize,
    /// Weights of that pixel and those behind it, in the filter's.
    weights: Range<usize>,
}

impl Filter {
    /// A triangle of one target pixel's reach, or one source pixel's where that is more, around the target's centre.
    fn set(&mut self, sources: usize, targets: usize) {
        self.targets.clear();
        self.weights.clear();
        let step = sources as f64 / targets as f64;
        let reach = step.max(1.0);
        let shrink = 1.0 / reach;
        for target in 0..targets {
            let centre = (target as f64 + 0.5) * step;
            // Conversion to an integer stops at 0.
            let first = (centre - reach + 0.5) as usize;
            let end = ((centre + reach + 0.5) as usize).min(sources);
            self.exact.clear();
            self.exact.extend((first..end).map(|source| {
                let distance = ((source as f64 - centre + 0.5) * shrink).abs();
                (1.0 - distance).max(0.0)
            }));
            let total: f64 = self.exact.iter().sum();
            let begin = self.weights.len();
            let fixed = |weight: &f64| (0.5 + weight / total * f64::from(1 << PRECISION)) as i32;
            self.weights.extend(self.exact.iter().map(fixed));
            self.targets.push(Target { first, weights: begin..self.weights.len() });
        }
    }
}
