//! BatchNorm with ReLU, over the rows of each replica's share.
//!
//! Threads share out columns, in strips of [`STRIP`], and every sum runs over its rows in order.

use super::Cpu;
use super::pool::Shared;
use crate::kernels::{BatchNorm, EPSILON, RUNNING_SHARE};

/// Columns of a piece of work.
const STRIP: usize = 64;

/// Runs `work(first column, columns)` for each strip, with the CPU's widest vectors.
fn strips(cpu: &Cpu, width: usize, work: impl Fn(usize, usize) + Send + Sync) {
    let arch = cpu.arch;
    cpu.each(width.div_ceil(STRIP), |strip| {
        let start = strip * STRIP;
        arch.dispatch(
            #[inline(always)]
            || work(start, STRIP.min(width - start)),
        );
    });
}

/// A value for each column of a strip.
type Strip<T> = [T; STRIP];

#[allow(clippy::too_many_arguments)]
pub(super) fn forward(
    cpu: &Cpu,
    layer: &BatchNorm,
    share: usize,
    replicas: usize,
    parameters: &[f32],
    statistics: &mut [f32],
    x: &[f32],
    y: &mut [f32],
    saved: &mut [f32],
) {
    let width = layer.width;
    let (scale, shift) = (&parameters[layer.scale.range()], &parameters[layer.shift.range()]);
    let bias = &parameters[layer.bias.range()];
    let (y, saved, statistics) = (Shared::new(y), Shared::new(saved), Shared::new(statistics));
    strips(
        cpu,
        width,
        #[inline(always)]
        |start, columns| {
            for replica in 0..replicas {
                let first = replica * share;
                let row = |row: usize| &x[(first + row) * width + start..][..columns];
                let mut sums: Strip<f64> = [0.0; STRIP];
                for at in 0..share {
                    sums.iter_mut().zip(row(at)).for_each(|(sum, x)| *sum += f64::from(*x));
                }
                let mut mean: Strip<f32> = [0.0; STRIP];
                mean.iter_mut().zip(sums).for_each(|(mean, sum)| *mean = (sum / share as f64) as f32);
                let mut squares: Strip<f64> = [0.0; STRIP];
                for at in 0..share {
                    for ((square, x), mean) in squares.iter_mut().zip(row(at)).zip(mean) {
                        let off = f64::from(*x - mean);
                        *square += off * off;
                    }
                }
                let mut inverse: Strip<f32> = [0.0; STRIP];
                for (inverse, square) in inverse.iter_mut().zip(squares) {
                    *inverse = 1.0 / ((square / share as f64) as f32 + EPSILON).sqrt();
                }
                // SAFETY: each strip and replica has places of its own.
                unsafe {
                    saved.slice(replica * 2 * width + start, columns).copy_from_slice(&mean[..columns]);
                    saved.slice((replica * 2 + 1) * width + start, columns).copy_from_slice(&inverse[..columns]);
                }
                if replica == 0 {
                    // SAFETY: as above.
                    let (running_mean, running_variance) = unsafe {
                        (
                            statistics.slice(layer.running_mean.start + start, columns),
                            statistics.slice(layer.running_variance.start + start, columns),
                        )
                    };
                    for at in 0..columns {
                        let variance = (squares[at] / (share.max(2) - 1) as f64) as f32;
                        running_mean[at] += RUNNING_SHARE * (mean[at] + bias[start + at] - running_mean[at]);
                        running_variance[at] += RUNNING_SHARE * (variance - running_variance[at]);
                    }
                }
                for at in 0..share {
                    // SAFETY: as above.
                    let y = unsafe { y.slice((first + at) * width + start, columns) };
                    let x = row(at);
                    for at in 0..columns {
                        let normal = (x[at] - mean[at]) * inverse[at];
                        let value = normal * scale[start + at] + shift[start + at];
                        y[at] = if layer.relu { value.max(0.0) } else { value };
                    }
                }
            }
        },
    );
}

#[allow(clippy::too_many_arguments)]
pub(super) fn gradient(
    cpu: &Cpu,
    layer: &BatchNorm,
    share: usize,
    replicas: usize,
    parameters: &[f32],
    saved: &[f32],
    x: &[f32],
    d: &mut [f32],
    gradient: &mut [f32],
) {
    let width = layer.width;
    let (scale, shift) = (&parameters[layer.scale.range()], &parameters[layer.shift.range()]);
    let (d, gradient) = (Shared::new(d), Shared::new(gradient));
    strips(
        cpu,
        width,
        #[inline(always)]
        |start, columns| {
            // SAFETY: each strip has places of its own.
            let (d_scale, d_shift) = unsafe {
                (gradient.slice(layer.scale.start + start, columns), gradient.slice(layer.shift.start + start, columns))
            };
            d_scale.fill(0.0);
            d_shift.fill(0.0);
            let (scale, shift) = (&scale[start..start + columns], &shift[start..start + columns]);
            for replica in 0..replicas {
                let first = replica * share;
                let mean = &saved[replica * 2 * width + start..][..columns];
                let inverse = &saved[(replica * 2 + 1) * width + start..][..columns];
                let mut sums: Strip<f64> = [0.0; STRIP];
                let mut products: Strip<f64> = [0.0; STRIP];
                for at in 0..share {
                    // SAFETY: as above.
                    let d = unsafe { d.slice((first + at) * width + start, columns) };
                    let x = &x[(first + at) * width + start..][..columns];
                    for at in 0..columns {
                        let normal = (x[at] - mean[at]) * inverse[at];
                        // ReLU passes what the forward pass let through, by the same arithmetic.
                        let passed = !layer.relu || normal * scale[at] + shift[at] > 0.0;
                        d[at] = if passed { d[at] } else { 0.0 };
                        sums[at] += f64::from(d[at]);
                        products[at] += f64::from(d[at]) * f64::from(normal);
                    }
                }
                let mut mean_d: Strip<f32> = [0.0; STRIP];
                let mut mean_product: Strip<f32> = [0.0; STRIP];
                let mut factor: Strip<f32> = [0.0; STRIP];
                for at in 0..columns {
                    d_shift[at] += sums[at] as f32;
                    d_scale[at] += products[at] as f32;
                    mean_d[at] = (sums[at] / share as f64) as f32;
                    mean_product[at] = (products[at] / share as f64) as f32;
                    factor[at] = scale[at] * inverse[at];
                }
                for at in 0..share {
                    // SAFETY: as above.
                    let d = unsafe { d.slice((first + at) * width + start, columns) };
                    let x = &x[(first + at) * width + start..][..columns];
                    for at in 0..columns {
                        let normal = (x[at] - mean[at]) * inverse[at];
                        d[at] = factor[at] * (d[at] - mean_d[at] - normal * mean_product[at]);
                    }
                }
            }
        },
    );
}

pub(super) fn running(
    cpu: &Cpu,
    layer: &BatchNorm,
    rows: usize,
    parameters: &[f32],
    statistics: &[f32],
    x: &mut [f32],
) {
    let width = layer.width;
    let scale: Vec<f32> = (parameters[layer.scale.range()].iter())
        .zip(&statistics[layer.running_variance.range()])
        .map(|(scale, variance)| scale / (variance + EPSILON).sqrt())
        .collect();
    let shift: Vec<f32> = (parameters[layer.shift.range()].iter())
        .zip(&parameters[layer.bias.range()])
        .zip(&statistics[layer.running_mean.range()])
        .zip(&scale)
        .map(|(((shift, bias), mean), scale)| shift + (bias - mean) * scale)
        .collect();
    let x = Shared::new(x);
    let arch = cpu.arch;
    cpu.each(rows, |row| {
        // SAFETY: rows are disjoint.
        let x = unsafe { x.slice(row * width, width) };
        arch.dispatch(
            #[inline(always)]
            || {
                for ((x, scale), shift) in x.iter_mut().zip(&scale).zip(&shift) {
                    let value = *x * scale + shift;
                    *x = if layer.relu { value.max(0.0) } else { value };
                }
            },
        );
    });
}
