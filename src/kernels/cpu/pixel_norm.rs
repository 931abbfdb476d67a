//! BatchNorm of pictures, with what is added to it and ReLU.
//!
//! Channels of a pixel lie together, so sums over pixels are sums of rows. Pieces of work are stretches of pixels that
//! fit the first-level cache and depend on the shape alone; what they find is put together in their order.

use super::pointwise::{passes, rectified};
use super::{Cpu, scratch};
use crate::kernels::{BatchNorm, EPSILON, RUNNING_SHARE};

/// Values of a piece of work.
const PIECE: usize = 1 << 13;
/// Channels that are summed at a time: their sums stay in registers.
const CHANNELS: usize = 64;

/// Pixels of a piece.
fn stretch(width: usize) -> usize {
    (PIECE / width).max(1)
}

#[allow(clippy::too_many_arguments)]
pub(super) fn forward(
    cpu: &Cpu,
    layer: &BatchNorm,
    pixels: usize,
    replicas: usize,
    parameters: &[f32],
    statistics: &mut [f32],
    x: &[f32],
    added: Option<&[f32]>,
    y: &mut [f32],
    saved: &mut [f32],
) {
    let (width, share) = (layer.width, pixels / replicas);
    let (scale, shift) = (&parameters[layer.scale.range()], &parameters[layer.shift.range()]);
    let piece = stretch(width) * width;
    let pieces = share.div_ceil(stretch(width));
    for replica in 0..replicas {
        let stretch_of = |buffer: &'_ [f32]| -> std::ops::Range<usize> {
            debug_assert!(buffer.len() >= pixels * width);
            replica * share * width..(replica + 1) * share * width
        };
        let x = &x[stretch_of(x)];
        let added = added.map(|added| &added[stretch_of(added)]);
        let y = &mut y[replica * share * width..][..share * width];
        let (means, inverses) = saved[replica * 2 * width..][..2 * width].split_at_mut(width);
        scratch::shared((2 * pieces).max(1) * width, |found| {
            cpu.each(
                found.chunks_exact_mut(2 * width).zip(x.chunks(piece)),
                #[inline(always)]
                |(found, x)| moments(x, width, found),
            );
            for channel in 0..width {
                let (mean, squares) = together(found, channel, width, share, stretch(width));
                means[channel] = mean as f32;
                inverses[channel] = 1.0 / ((squares / share as f64) as f32 + EPSILON).sqrt();
                if replica == 0 {
                    let of_mean = &mut statistics[layer.running_mean.start + channel];
                    *of_mean += RUNNING_SHARE * (mean as f32 - *of_mean);
                    let variance = (squares / (share - 1) as f64) as f32;
                    let of_variance = &mut statistics[layer.running_variance.start + channel];
                    *of_variance += RUNNING_SHARE * (variance - *of_variance);
                }
            }
            let factors = &mut found[..width];
            factors.iter_mut().zip(&*inverses).zip(scale).for_each(|((to, inverse), scale)| *to = inverse * scale);
            let line = Line { means, factors, shift, relu: layer.relu };
            cpu.each(
                y.chunks_mut(piece).enumerate(),
                #[inline(always)]
                |(at, y)| {
                    let here = at * piece..at * piece + y.len();
                    y.copy_from_slice(&x[here.clone()]);
                    line.apply(y, added.map(|added| &added[here]));
                },
            );
        });
    }
}

pub(super) fn running(
    cpu: &Cpu,
    layer: &BatchNorm,
    pixels: usize,
    parameters: &[f32],
    statistics: &[f32],
    added: Option<&[f32]>,
    x: &mut [f32],
) {
    let width = layer.width;
    let piece = stretch(width) * width;
    scratch::shared(width, |factors| {
        let variances = statistics[layer.running_variance.range()].iter();
        for ((to, variance), scale) in factors.iter_mut().zip(variances).zip(&parameters[layer.scale.range()]) {
            *to = 1.0 / (variance + EPSILON).sqrt() * scale;
        }
        let line = Line {
            means: &statistics[layer.running_mean.range()],
            factors,
            shift: &parameters[layer.shift.range()],
            relu: layer.relu,
        };
        cpu.each(
            x[..pixels * width].chunks_mut(piece).enumerate(),
            #[inline(always)]
            |(at, x)| {
                let here = at * piece..at * piece + x.len();
                line.apply(x, added.map(|added| &added[here]));
            },
        );
    });
}

/// What normalisation does to each channel: `(x - mean) * factor + shift`.
struct Line<'a> {
    means: &'a [f32],
    factors: &'a [f32],
    shift: &'a [f32],
    relu: bool,
}

impl Line<'_> {
    #[inline(always)]
    fn apply(&self, x: &mut [f32], added: Option<&[f32]>) {
        let width = self.means.len();
        match added {
            None => x.chunks_exact_mut(width).for_each(
                #[inline(always)]
                |x| self.apply_to_pixel(x, std::iter::repeat(&0.0)),
            ),
            Some(added) => x.chunks_exact_mut(width).zip(added.chunks_exact(width)).for_each(
                #[inline(always)]
                |(x, added)| self.apply_to_pixel(x, added.iter()),
            ),
        }
    }

    #[inline(always)]
    fn apply_to_pixel<'a>(&self, x: &mut [f32], added: impl Iterator<Item = &'a f32>) {
        let channels = self.means.iter().zip(self.factors).zip(self.shift);
        for ((x, ((mean, factor), shift)), added) in x.iter_mut().zip(channels).zip(added) {
            let value = (*x - mean) * factor + shift + added;
            *x = if self.relu { rectified(value) } else { value };
        }
    }
}

/// The mean of each channel of a stretch and the sum of the squares of what is left: `[2, width]`. Both by the
/// stretch's own mean, so that a large one costs no digits.
#[inline(always)]
fn moments(x: &[f32], width: usize, found: &mut [f32]) {
    let pixels = (x.len() / width) as f32;
    let (means, squares) = found.split_at_mut(width);
    for (group, (means, squares)) in means.chunks_mut(CHANNELS).zip(squares.chunks_mut(CHANNELS)).enumerate() {
        let first = group * CHANNELS;
        sums(
            x,
            width,
            first,
            means,
            #[inline(always)]
            |x, _| x,
        );
        means.iter_mut().for_each(|mean| *mean /= pixels);
        let mut held = [0f32; CHANNELS];
        held[..means.len()].copy_from_slice(means);
        sums(
            x,
            width,
            first,
            squares,
            #[inline(always)]
            |x, channel| (x - held[channel]) * (x - held[channel]),
        );
    }
}

/// Sums over pixels of `of(x, channel - first)` for the channels from `first` on, as many as `to` holds.
#[inline(always)]
fn sums(x: &[f32], width: usize, first: usize, to: &mut [f32], of: impl Fn(f32, usize) -> f32) {
    let count = to.len();
    let mut sums = [0f32; CHANNELS];
    if count == CHANNELS {
        for pixel in x.chunks_exact(width) {
            let pixel: &[f32; CHANNELS] = pixel[first..first + CHANNELS].try_into().expect("a whole group");
            for channel in 0..CHANNELS {
                sums[channel] += of(pixel[channel], channel);
            }
        }
    } else {
        for pixel in x.chunks_exact(width) {
            for (channel, x) in pixel[first..first + count].iter().enumerate() {
                sums[channel] += of(*x, channel);
            }
        }
    }
    to.copy_from_slice(&sums[..count]);
}

/// Mean of a channel and the sum of the squares of what is left, from those of stretches (Chan et al., 1979).
fn together(found: &[f32], channel: usize, width: usize, pixels: usize, stretch: usize) -> (f64, f64) {
    let (mut mean, mut squares) = (0f64, 0f64);
    for (at, found) in found.chunks_exact(2 * width).enumerate() {
        let before = (at * stretch) as f64;
        let here = stretch.min(pixels - at * stretch) as f64;
        let difference = f64::from(found[channel]) - mean;
        mean += difference * here / (before + here);
        squares += f64::from(found[width + channel]) + difference * difference * before * here / (before + here);
    }
    (mean, squares)
}

#[allow(clippy::too_many_arguments)]
pub(super) fn gradient(
    cpu: &Cpu,
    layer: &BatchNorm,
    pixels: usize,
    replicas: usize,
    parameters: &[f32],
    saved: &[f32],
    x: &[f32],
    y: &[f32],
    d: &mut [f32],
    dx: &mut [f32],
    gradient: &mut [f32],
) {
    let (width, share) = (layer.width, pixels / replicas);
    let scale = &parameters[layer.scale.range()];
    let piece = stretch(width) * width;
    let pieces = share.div_ceil(stretch(width));
    gradient[layer.scale.range()].fill(0.0);
    gradient[layer.shift.range()].fill(0.0);
    for replica in 0..replicas {
        let here = replica * share * width..(replica + 1) * share * width;
        let (x, y) = (&x[here.clone()], &y[here.clone()]);
        let (d, dx) = (&mut d[here.clone()], &mut dx[here]);
        let (means, inverses) = saved[replica * 2 * width..][..2 * width].split_at(width);
        scratch::shared((2 * pieces + 2) * width, |memory| {
            let (factors, found) = memory.split_at_mut(2 * width);
            let parts = d.chunks_mut(piece).zip(x.chunks(piece)).zip(y.chunks(piece));
            cpu.each(
                found.chunks_exact_mut(2 * width).zip(parts),
                #[inline(always)]
                |(found, ((d, x), y))| {
                    if layer.relu {
                        d.iter_mut().zip(y).for_each(|(d, y)| *d = if passes(*y) { *d } else { 0.0 });
                    }
                    gradient_sums(d, x, means, found);
                },
            );
            let (of_mean, of_normal) = factors.split_at_mut(width);
            for channel in 0..width {
                let (mut total, mut product) = (0f64, 0f64);
                for found in found.chunks_exact(2 * width) {
                    total += f64::from(found[channel]);
                    product += f64::from(found[width + channel]);
                }
                product *= f64::from(inverses[channel]);
                gradient[layer.shift.start + channel] += total as f32;
                gradient[layer.scale.start + channel] += product as f32;
                of_mean[channel] = (total / share as f64) as f32;
                of_normal[channel] = (product / share as f64) as f32 * inverses[channel];
            }
            let slopes = &mut found[..width];
            slopes.iter_mut().zip(scale).zip(inverses).for_each(|((to, scale), inverse)| *to = scale * inverse);
            let d = &*d;
            // From the last to the first: the last are what the caches still hold.
            cpu.each(
                dx.chunks_mut(piece).enumerate().rev(),
                #[inline(always)]
                |(at, dx)| {
                    let here = at * piece..at * piece + dx.len();
                    let pixels = d[here.clone()].chunks_exact(width).zip(x[here].chunks_exact(width));
                    for (dx, (d, x)) in dx.chunks_exact_mut(width).zip(pixels) {
                        let channels = means.iter().zip(&*of_mean).zip(&*of_normal).zip(&*slopes);
                        for (((dx, d), x), (((mean, of_mean), of_normal), slope)) in
                            dx.iter_mut().zip(d).zip(x).zip(channels)
                        {
                            *dx = slope * (d - of_mean - (x - mean) * of_normal);
                        }
                    }
                },
            );
        });
    }
}

/// The sums of `d` and of `d (x - mean)` over the pixels of a stretch: `[2, width]`.
#[inline(always)]
fn gradient_sums(d: &[f32], x: &[f32], means: &[f32], found: &mut [f32]) {
    let width = means.len();
    let (totals, products) = found.split_at_mut(width);
    for (group, (totals, products)) in totals.chunks_mut(CHANNELS).zip(products.chunks_mut(CHANNELS)).enumerate() {
        let first = group * CHANNELS;
        let count = totals.len();
        let (mut total, mut product, mut mean) = ([0f32; CHANNELS], [0f32; CHANNELS], [0f32; CHANNELS]);
        mean[..count].copy_from_slice(&means[first..first + count]);
        for (d, x) in d.chunks_exact(width).zip(x.chunks_exact(width)) {
            let (d, x) = (&d[first..first + count], &x[first..first + count]);
            let sums = total.iter_mut().zip(&mut product).zip(&mean);
            for ((d, x), ((total, product), mean)) in d.iter().zip(x).zip(sums) {
                *total += d;
                *product += d * (x - mean);
            }
        }
        totals.copy_from_slice(&total[..count]);
        products.copy_from_slice(&product[..count]);
    }
}
