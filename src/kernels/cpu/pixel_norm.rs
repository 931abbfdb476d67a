//! BatchNorm of pictures, with what is added to it and ReLU.
//!
//! Channels of a pixel lie together, so sums over pixels are sums of rows. Pieces of work are stretches of pixels that
//! fit the first-level cache and depend on the shape alone; what they find is put together in their order.

use super::pointwise::{passes, rectified};
use super::{Cpu, scratch};
use crate::kernels::{BatchNorm, EPSILON, RUNNING_SHARE};

/// Values of a piece of work.
const PIECE: usize = 1 << 13;
/// Values that are taken at a time: sums of so many stay in registers.
const GROUP: usize = 64;

/// Values after which the channels repeat: those of several pixels where one has few, so that vectors are filled.
fn period(width: usize) -> usize {
    width * (GROUP / width).max(1)
}

/// Pixels of a piece: whole periods.
fn stretch(width: usize) -> usize {
    (PIECE / period(width)).max(1) * period(width) / width
}

/// What each channel has, for every value of a period.
fn repeated(channels: &[f32]) -> Vec<f32> {
    channels.repeat(period(channels.len()) / channels.len())
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
            let line = Line::new(means, factors, shift, layer.relu);
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
        let (means, shift) = (&statistics[layer.running_mean.range()], &parameters[layer.shift.range()]);
        let line = Line::new(means, factors, shift, layer.relu);
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

/// What normalisation does to each value of a period: `(x - mean) * factor + shift`.
struct Line {
    means: Vec<f32>,
    factors: Vec<f32>,
    shift: Vec<f32>,
    relu: bool,
}

impl Line {
    fn new(means: &[f32], factors: &[f32], shift: &[f32], relu: bool) -> Line {
        Line { means: repeated(means), factors: repeated(factors), shift: repeated(shift), relu }
    }

    #[inline(always)]
    fn apply(&self, x: &mut [f32], added: Option<&[f32]>) {
        let period = self.means.len();
        match added {
            None => x.chunks_mut(period).for_each(
                #[inline(always)]
                |x| self.apply_to_period(x, std::iter::repeat(&0.0)),
            ),
            Some(added) => x.chunks_mut(period).zip(added.chunks(period)).for_each(
                #[inline(always)]
                |(x, added)| self.apply_to_period(x, added.iter()),
            ),
        }
    }

    #[inline(always)]
    fn apply_to_period<'a>(&self, x: &mut [f32], added: impl Iterator<Item = &'a f32>) {
        let channels = self.means.iter().zip(&self.factors).zip(&self.shift);
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
    let none = [0f32; GROUP];
    for group in groups(width) {
        let (means, squares) = (&mut means[group.channels()], &mut squares[group.channels()]);
        let [total] = group.sums(
            x,
            x,
            &none,
            #[inline(always)]
            |_, x, _| [x],
        );
        group.fold(&total, means);
        means.iter_mut().for_each(|mean| *mean /= pixels);
        let [total] = group.sums(
            x,
            x,
            &group.spread(means),
            #[inline(always)]
            |_, x, mean| [(x - mean) * (x - mean)],
        );
        group.fold(&total, squares);
    }
}

/// Values of every period that are summed at a time.
#[derive(Clone, Copy)]
struct Group {
    width: usize,
    first: usize,
    len: usize,
}

fn groups(width: usize) -> impl Iterator<Item = Group> {
    let period = period(width);
    (0..period).step_by(GROUP).map(move |first| Group { width, first, len: GROUP.min(period - first) })
}

impl Group {
    fn channels(self) -> std::ops::Range<usize> {
        self.first..self.first + self.len.min(self.width)
    }

    /// What each of its `channels` has, for every value.
    #[inline(always)]
    fn spread(self, channels: &[f32]) -> [f32; GROUP] {
        let mut spread = [0f32; GROUP];
        spread[..self.len].chunks_mut(channels.len()).for_each(|pixel| pixel.copy_from_slice(channels));
        spread
    }

    /// The sums of its `channels`, from those of every value.
    #[inline(always)]
    fn fold(self, sums: &[f32; GROUP], channels: &mut [f32]) {
        channels.fill(0.0);
        for pixel in sums[..self.len].chunks(channels.len()) {
            channels.iter_mut().zip(pixel).for_each(|(channel, sum)| *channel += sum);
        }
    }

    /// Sums over the periods of two stretches `of(d, x, held)`.
    #[inline(always)]
    fn sums<const N: usize>(
        self,
        d: &[f32],
        x: &[f32],
        held: &[f32; GROUP],
        of: impl Fn(f32, f32, f32) -> [f32; N],
    ) -> [[f32; GROUP]; N] {
        let period = period(self.width);
        let here = self.first..self.first + self.len;
        let mut sums = [[0f32; GROUP]; N];
        let mut periods = d.chunks_exact(period).zip(x.chunks_exact(period));
        if self.len == GROUP {
            for (d, x) in periods.by_ref() {
                let d: &[f32; GROUP] = d[here.clone()].try_into().expect("a whole group");
                let x: &[f32; GROUP] = x[here.clone()].try_into().expect("a whole group");
                for at in 0..GROUP {
                    let values = of(d[at], x[at], held[at]);
                    for (sums, value) in sums.iter_mut().zip(values) {
                        sums[at] += value;
                    }
                }
            }
        }
        let rest = if self.len == GROUP { x.len() / period * period } else { 0 };
        // The last pixels, fewer than a period has; or all of them, where channels do not fill a group.
        for (d, x) in d[rest..].chunks(period).zip(x[rest..].chunks(period)) {
            let values = d.iter().zip(x).skip(self.first).zip(&held[..self.len]);
            for (at, ((d, x), held)) in values.enumerate() {
                for (sums, value) in sums.iter_mut().zip(of(*d, *x, *held)) {
                    sums[at] += value;
                }
            }
        }
        sums
    }
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
            let (means, slopes) = (repeated(means), repeated(slopes));
            let (of_mean, of_normal) = (repeated(of_mean), repeated(of_normal));
            let (d, period) = (&*d, period(width));
            // From the last to the first: the last are what the caches still hold.
            cpu.each(
                dx.chunks_mut(piece).enumerate().rev(),
                #[inline(always)]
                |(at, dx)| {
                    let here = at * piece..at * piece + dx.len();
                    let periods = d[here.clone()].chunks(period).zip(x[here].chunks(period));
                    for (dx, (d, x)) in dx.chunks_mut(period).zip(periods) {
                        let channels = means.iter().zip(&of_mean).zip(&of_normal).zip(&slopes);
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
    for group in groups(width) {
        let channels = group.channels();
        let [total, product] = group.sums(
            d,
            x,
            &group.spread(&means[channels.clone()]),
            #[inline(always)]
            |d, x, mean| [d, d * (x - mean)],
        );
        group.fold(&total, &mut totals[channels.clone()]);
        group.fold(&product, &mut products[channels]);
    }
}
