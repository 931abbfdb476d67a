//! BatchNorm of pictures, with what is added after it and ReLU.
//!
//! Channels lie together, so that sums over pixels run beside each other in vectors. Pixels are taken in blocks that
//! stay in cache for the two times that they are looked at; sums of blocks are put together in f64.

use super::Cpu;
use super::pointwise::{passes, rectified};
use crate::kernels::{BatchNorm, EPSILON, RUNNING_SHARE};

/// Values of a block of pixels.
const BLOCK: usize = 1 << 15;

/// Pixels of a block, and blocks of a share.
fn blocks(width: usize, share: usize) -> (usize, usize) {
    let pixels = (BLOCK / width).clamp(1, share);
    (pixels, share.div_ceil(pixels))
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
    let (block, count) = blocks(width, share);
    let (scale, shift) = (&parameters[layer.scale.range()], &parameters[layer.shift.range()]);
    // Mean and sum of squared differences from it, of each channel of each block.
    let mut moments = vec![0f32; 2 * width * count];
    for replica in 0..replicas {
        let x = &x[replica * share * width..][..share * width];
        cpu.each(
            moments.chunks_exact_mut(2 * width).zip(x.chunks(block * width)),
            #[inline(always)]
            |(moments, x)| {
                let (mean, squares) = moments.split_at_mut(width);
                mean.fill(0.0);
                squares.fill(0.0);
                for x in x.chunks_exact(width) {
                    mean.iter_mut().zip(x).for_each(|(sum, x)| *sum += x);
                }
                let share = 1.0 / (x.len() / width) as f32;
                mean.iter_mut().for_each(|sum| *sum *= share);
                for x in x.chunks_exact(width) {
                    for ((squares, mean), x) in squares.iter_mut().zip(&*mean).zip(x) {
                        *squares += (x - mean) * (x - mean);
                    }
                }
            },
        );
        let saved = &mut saved[replica * 2 * width..][..2 * width];
        for channel in 0..width {
            let (mean, squares) = together(&moments, width, channel, (block, share));
            saved[channel] = mean as f32;
            saved[width + channel] = 1.0 / ((squares / share as f64) as f32 + EPSILON).sqrt();
            if replica == 0 {
                let variance = (squares / (share - 1) as f64) as f32;
                let running = &mut statistics[layer.running_mean.start + channel];
                *running += RUNNING_SHARE * (mean as f32 - *running);
                let running = &mut statistics[layer.running_variance.start + channel];
                *running += RUNNING_SHARE * (variance - *running);
            }
        }
        let (mean, inverse) = saved.split_at(width);
        let factor: Vec<f32> = inverse.iter().zip(scale).map(|(inverse, scale)| inverse * scale).collect();
        let y = &mut y[replica * share * width..][..share * width];
        let added = added.map(|added| &added[replica * share * width..][..share * width]);
        cpu.each(
            y.chunks_mut(block * width).zip(x.chunks(block * width)).enumerate(),
            #[inline(always)]
            |(at, (y, x))| {
                for (pixel, (y, x)) in y.chunks_exact_mut(width).zip(x.chunks_exact(width)).enumerate() {
                    let normal = y.iter_mut().zip(x).zip(mean).zip(&factor).zip(shift);
                    normal.for_each(|((((y, x), mean), factor), shift)| *y = (x - mean) * factor + shift);
                    if let Some(added) = added {
                        let added = &added[(at * block + pixel) * width..][..width];
                        y.iter_mut().zip(added).for_each(|(y, added)| *y += added);
                    }
                    if layer.relu {
                        y.iter_mut().for_each(|y| *y = rectified(*y));
                    }
                }
            },
        );
    }
}

/// Mean and sum of squared differences of a channel over a share, from those of its blocks (Chan et al., 1979).
fn together(moments: &[f32], width: usize, channel: usize, (block, share): (usize, usize)) -> (f64, f64) {
    let (mut seen, mut mean, mut squares) = (0.0, 0.0, 0.0);
    for (at, moments) in moments.chunks_exact(2 * width).enumerate() {
        let pixels = block.min(share - at * block) as f64;
        let difference = f64::from(moments[channel]) - mean;
        squares += f64::from(moments[width + channel]) + difference * difference * seen * pixels / (seen + pixels);
        seen += pixels;
        mean += difference * pixels / seen;
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
    let (block, count) = blocks(width, share);
    let scale = &parameters[layer.scale.range()];
    let mut sums = vec![0f32; 2 * width * count];
    let mut of_scale = vec![0f64; width];
    let mut of_shift = vec![0f64; width];
    for replica in 0..replicas {
        let part = replica * share * width..(replica + 1) * share * width;
        let (x, y, d, dx) = (&x[part.clone()], &y[part.clone()], &mut d[part.clone()], &mut dx[part]);
        let (mean, inverse) = saved[replica * 2 * width..][..2 * width].split_at(width);
        let blocks = x.chunks(block * width).zip(y.chunks(block * width)).zip(d.chunks_mut(block * width));
        cpu.each(
            sums.chunks_exact_mut(2 * width).zip(blocks),
            #[inline(always)]
            |(sums, ((x, y), d))| {
                if layer.relu {
                    d.iter_mut().zip(y).for_each(|(d, y)| *d = if passes(*y) { *d } else { 0.0 });
                }
                let (totals, products) = sums.split_at_mut(width);
                totals.fill(0.0);
                products.fill(0.0);
                for (x, d) in x.chunks_exact(width).zip(d.chunks_exact(width)) {
                    let pixel = totals.iter_mut().zip(&mut *products).zip(x).zip(d).zip(mean);
                    for ((((total, product), x), d), mean) in pixel {
                        *total += d;
                        *product += d * (x - mean);
                    }
                }
            },
        );
        // What the mean and the deviation take away from each pixel's gradient.
        let mut constant = vec![0f32; width];
        let mut slope = vec![0f32; width];
        let mut factor = vec![0f32; width];
        for channel in 0..width {
            let sum = |offset: usize| -> f64 {
                sums.chunks_exact(2 * width).map(|sums| f64::from(sums[offset + channel])).sum()
            };
            let inverse = f64::from(inverse[channel]);
            let (total, product) = (sum(0), sum(width) * inverse);
            of_shift[channel] += total;
            of_scale[channel] += product;
            let outer = f64::from(scale[channel]) * inverse;
            factor[channel] = outer as f32;
            constant[channel] = (outer * total / share as f64) as f32;
            slope[channel] = (outer * inverse * product / share as f64) as f32;
        }
        let pieces = dx.chunks_mut(block * width).zip(x.chunks(block * width)).zip(d.chunks(block * width));
        cpu.each(
            pieces,
            #[inline(always)]
            |((dx, x), d)| {
                for ((dx, x), d) in dx.chunks_exact_mut(width).zip(x.chunks_exact(width)).zip(d.chunks_exact(width)) {
                    let pixel = dx.iter_mut().zip(x).zip(d).zip(mean).zip(&factor).zip(&constant).zip(&slope);
                    for ((((((dx, x), d), mean), factor), constant), slope) in pixel {
                        *dx = d * factor - constant - (x - mean) * slope;
                    }
                }
            },
        );
    }
    for channel in 0..width {
        gradient[layer.scale.start + channel] = of_scale[channel] as f32;
        gradient[layer.shift.start + channel] = of_shift[channel] as f32;
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
    let mean = &statistics[layer.running_mean.range()];
    let variance = &statistics[layer.running_variance.range()];
    let (scale, shift) = (&parameters[layer.scale.range()], &parameters[layer.shift.range()]);
    let factor: Vec<f32> = scale.iter().zip(variance).map(|(scale, v)| scale / (v + EPSILON).sqrt()).collect();
    let (block, _) = blocks(width, pixels.max(1));
    cpu.each(
        x[..pixels * width].chunks_mut(block * width).enumerate(),
        #[inline(always)]
        |(at, x)| {
            for (pixel, x) in x.chunks_exact_mut(width).enumerate() {
                let normal = x.iter_mut().zip(mean).zip(&factor).zip(shift);
                normal.for_each(|(((x, mean), factor), shift)| *x = (*x - mean) * factor + shift);
                if let Some(added) = added {
                    let added = &added[(at * block + pixel) * width..][..width];
                    x.iter_mut().zip(added).for_each(|(x, added)| *x += added);
                }
                if layer.relu {
                    x.iter_mut().for_each(|x| *x = rectified(*x));
                }
            }
        },
    );
}
