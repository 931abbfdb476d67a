//! Where the taps of a convolution reach.

use crate::kernels::{Convolution, FeatureMap};

/// Taps of one row of the window: they read neighbouring pixels, which lie together.
#[derive(Clone, Copy, Debug)]
pub(super) struct Run {
    /// Of the first tap, from the pixel that the window stands on.
    pub row: isize,
    pub column: isize,
    pub taps: usize,
}

/// A window that moves over pictures: what a pixel of the result is a sum of.
#[derive(Clone, Debug)]
pub(super) struct Window {
    /// The pictures that it reads.
    pub source: FeatureMap,
    /// Rows and columns of the result.
    pub height: usize,
    pub width: usize,
    /// Pixels that it moves at a time.
    pub stride: usize,
    pub runs: Vec<Run>,
}

impl Window {
    /// Of the forward pass: its taps in the order of the weights.
    pub(super) fn of(layer: &Convolution) -> Window {
        let start = -(layer.padding as isize);
        Window {
            source: layer.input,
            height: layer.output.height,
            width: layer.output.width,
            stride: layer.stride,
            runs: (0..layer.kernel as isize)
                .map(|row| Run { row: start + row, column: start, taps: layer.kernel })
                .collect(),
        }
    }

    /// Whether it reads each pixel once, in order.
    pub(super) fn is_identity(&self) -> bool {
        let one = matches!(self.runs[..], [Run { row: 0, column: 0, taps: 1 }]);
        one && self.stride == 1 && (self.height, self.width) == (self.source.height, self.source.width)
    }

    pub(super) fn taps(&self) -> usize {
        self.runs.iter().map(|run| run.taps).sum()
    }

    /// Copies what pixels `first..` of the result read to rows of `to`, `row` values from one to the next. Of each
    /// source pixel the `channels` are taken; zeros stand for the border.
    #[inline(always)]
    pub(super) fn gather(
        &self,
        source: &[f32],
        channels: std::ops::Range<usize>,
        first: usize,
        to: &mut [f32],
        row: usize,
    ) {
        let (depth, taken) = (self.source.channels, channels.len());
        let pixels = self.height * self.width;
        let (mut image, mut y, mut x) = (first / pixels, first % pixels / self.width, first % self.width);
        for to in to.chunks_mut(row) {
            let picture = &source[image * self.source.len()..][..self.source.len()];
            let mut rest = to;
            for run in &self.runs {
                let (here, after) = rest.split_at_mut(run.taps * taken);
                rest = after;
                let top = (y * self.stride) as isize + run.row;
                let left = (x * self.stride) as isize + run.column;
                let (before, inside) = overlap(left, run.taps, self.source.width);
                if !(0..self.source.height as isize).contains(&top) || inside == 0 {
                    here.fill(0.0);
                    continue;
                }
                here[..before * taken].fill(0.0);
                here[(before + inside) * taken..].fill(0.0);
                let here = &mut here[before * taken..][..inside * taken];
                let start = top as usize * self.source.width + (left + before as isize) as usize;
                let pixels = &picture[start * depth..][..inside * depth];
                if taken == depth {
                    copy(pixels, here);
                } else {
                    for (pixel, here) in pixels.chunks_exact(depth).zip(here.chunks_exact_mut(taken)) {
                        copy(&pixel[channels.clone()], here);
                    }
                }
            }
            x += 1;
            if x == self.width {
                (x, y) = (0, y + 1);
            }
            if y == self.height {
                (y, image) = (0, image + 1);
            }
        }
    }
}

/// How many of `taps` from `left` lie before the picture, and how many in it.
fn overlap(left: isize, taps: usize, width: usize) -> (usize, usize) {
    let before = (-left).clamp(0, taps as isize) as usize;
    let end = (width as isize - left).clamp(before as isize, taps as isize) as usize;
    (before, end - before)
}

/// As `copy_from_slice`, inlined: most copies are too short for a call.
#[inline(always)]
fn copy(from: &[f32], to: &mut [f32]) {
    to.iter_mut().zip(from).for_each(|(to, from)| *to = *from);
}
