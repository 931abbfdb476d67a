//! BatchNorm with ReLU, over the rows of each replica's share.
//!
//! The rows of a feature lie together and fit the first-level cache, so that memory is read and written once however
//! often a kernel goes over them. Threads share out features.

use super::Cpu;
use super::pointwise::{passes, rectified};
use super::sums::{replace_and_sum, sum};
use crate::kernels::{BatchNorm, EPSILON, RUNNING_SHARE};

/// Features of a piece of work.
const FEATURES: usize = 16;

#[allow(clippy::too_many_arguments)]
pub(super) fn forward(
    cpu: &Cpu,
    layer: &BatchNorm,
    rows: usize,
    replicas: usize,
    parameters: &[f32],
    statistics: &mut [f32],
    x: &[f32],
    y: &mut [f32],
    saved: &mut [f32],
) {
    let (width, share) = (layer.width, rows / replicas);
    let [running_mean, running_variance] = statistics
        .get_disjoint_mut([layer.running_mean.range(), layer.running_variance.range()])
        .expect("a plan gives every statistic a place of its own");
    let outputs = y[..width * rows].chunks_mut(FEATURES * rows).zip(saved.chunks_mut(FEATURES * 2 * replicas));
    let running = running_mean.chunks_mut(FEATURES).zip(running_variance.chunks_mut(FEATURES));
    cpu.each(
        outputs.zip(running).enumerate(),
        #[inline(always)]
        |(piece, ((y, saved), (running_mean, running_variance)))| {
            let features = y.chunks_exact_mut(rows).zip(saved.chunks_exact_mut(2 * replicas));
            for (at, (y, saved)) in features.enumerate() {
                let feature = piece * FEATURES + at;
                let x = &x[feature * rows..][..rows];
                let (scale, shift) = of(layer, parameters, feature);
                let shares = y.chunks_exact_mut(share).zip(x.chunks_exact(share)).zip(saved.chunks_exact_mut(2));
                for (replica, ((y, x), saved)) in shares.enumerate() {
                    let mean = sum(x, |x| x) / share as f32;
                    let squares = sum(x, |x| (x - mean) * (x - mean));
                    let inverse = 1.0 / (squares / share as f32 + EPSILON).sqrt();
                    for (y, x) in y.iter_mut().zip(x) {
                        let value = (x - mean) * inverse * scale + shift;
                        *y = if layer.relu { rectified(value) } else { value };
                    }
                    saved.copy_from_slice(&[mean, inverse]);
                    if replica == 0 {
                        let mean = mean + bias(layer, parameters, feature);
                        let variance = squares / (share - 1) as f32;
                        running_mean[at] += RUNNING_SHARE * (mean - running_mean[at]);
                        running_variance[at] += RUNNING_SHARE * (variance - running_variance[at]);
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
    rows: usize,
    replicas: usize,
    parameters: &[f32],
    saved: &[f32],
    x: &[f32],
    d: &mut [f32],
    gradient: &mut [f32],
) {
    let (width, share) = (layer.width, rows / replicas);
    let [d_scale, d_shift] = gradient
        .get_disjoint_mut([layer.scale.range(), layer.shift.range()])
        .expect("a plan gives every parameter a place of its own");
    let pieces = d[..width * rows].chunks_mut(FEATURES * rows);
    let sums = d_scale.chunks_mut(FEATURES).zip(d_shift.chunks_mut(FEATURES));
    cpu.each(
        pieces.zip(sums).enumerate(),
        #[inline(always)]
        |(piece, (d, (d_scale, d_shift)))| {
            for (at, d) in d.chunks_exact_mut(rows).enumerate() {
                let feature = piece * FEATURES + at;
                let x = &x[feature * rows..][..rows];
                let saved = &saved[feature * 2 * replicas..][..2 * replicas];
                let (scale, shift) = of(layer, parameters, feature);
                (d_scale[at], d_shift[at]) = (0.0, 0.0);
                let shares = d.chunks_exact_mut(share).zip(x.chunks_exact(share)).zip(saved.chunks_exact(2));
                for ((d, x), saved) in shares {
                    let (mean, inverse) = (saved[0], saved[1]);
                    let (total, product) = replace_and_sum(
                        d,
                        x,
                        #[inline(always)]
                        |d, x| {
                            let normal = (x - mean) * inverse;
                            // What the forward pass let through, by the same arithmetic.
                            let passed = !layer.relu || passes(normal * scale + shift);
                            let d = if passed { d } else { 0.0 };
                            (d, d * normal)
                        },
                    );
                    d_shift[at] += total;
                    d_scale[at] += product;
                    let (mean_d, mean_product) = (total / share as f32, product / share as f32);
                    for (d, x) in d.iter_mut().zip(x) {
                        let normal = (x - mean) * inverse;
                        *d = scale * inverse * (*d - mean_d - normal * mean_product);
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
    let mean = &statistics[layer.running_mean.range()];
    let variance = &statistics[layer.running_variance.range()];
    cpu.each(
        x[..layer.width * rows].chunks_mut(FEATURES * rows).enumerate(),
        #[inline(always)]
        |(piece, x)| {
            for (at, x) in x.chunks_exact_mut(rows).enumerate() {
                let feature = piece * FEATURES + at;
                let (scale, shift) = of(layer, parameters, feature);
                let scale = scale / (variance[feature] + EPSILON).sqrt();
                let shift = shift + (bias(layer, parameters, feature) - mean[feature]) * scale;
                for x in x {
                    let value = *x * scale + shift;
                    *x = if layer.relu { rectified(value) } else { value };
                }
            }
        },
    );
}

/// Scale and shift of a feature.
#[inline(always)]
fn of(layer: &BatchNorm, parameters: &[f32], feature: usize) -> (f32, f32) {
    (parameters[layer.scale.start + feature], parameters[layer.shift.start + feature])
}

/// The bias of the layer before.
#[inline(always)]
fn bias(layer: &BatchNorm, parameters: &[f32], feature: usize) -> f32 {
    layer.bias.map_or(0.0, |bias| parameters[bias.start + feature])
}
