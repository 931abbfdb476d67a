//! Pooling of pictures. Threads share out images, or channels where the result lies by channels.

use super::Cpu;
use crate::kernels::{FeatureMap, MaxPool};

/// Channels that are compared or summed at a time.
const CHANNELS: usize = 32;

pub(super) fn max(cpu: &Cpu, layer: &MaxPool, x: &[f32], y: &mut [f32]) {
    cpu.each(
        y.chunks_mut(layer.output.len()).zip(x.chunks(layer.input.len())),
        #[inline(always)]
        |(y, x)| {
            windows(layer, x, |place, first, largest, _| {
                y[place * layer.output.channels + first..][..largest.len()].copy_from_slice(largest);
            });
        },
    );
}

pub(super) fn max_gradient(cpu: &Cpu, layer: &MaxPool, x: &[f32], dy: &[f32], dx: &mut [f32]) {
    let channels = layer.output.channels;
    let images = x.chunks(layer.input.len()).zip(dy.chunks(layer.output.len()));
    cpu.each(
        dx.chunks_mut(layer.input.len()).zip(images),
        #[inline(always)]
        |(dx, (x, dy))| {
            dx.fill(0.0);
            windows(layer, x, |place, first, _, pixels| {
                let dy = &dy[place * channels + first..];
                for (channel, (pixel, dy)) in pixels.iter().zip(dy).enumerate() {
                    dx[*pixel as usize * channels + first + channel] += dy;
                }
            });
        },
    );
}

/// Calls `visit(output pixel, first channel, largest values, the pixels that hold them)` for every window of an image
/// and some of its channels.
#[inline(always)]
fn windows(layer: &MaxPool, x: &[f32], mut visit: impl FnMut(usize, usize, &[f32], &[u32])) {
    let MaxPool { kernel, stride, padding, input, output } = *layer;
    for place in 0..output.pixels() {
        let reach = |at: usize, side: usize| {
            let start = at * stride;
            start.saturating_sub(padding)..(start + kernel).saturating_sub(padding).min(side)
        };
        let (rows, columns) = (reach(place / output.width, input.height), reach(place % output.width, input.width));
        for first in (0..input.channels).step_by(CHANNELS) {
            let count = CHANNELS.min(input.channels - first);
            let (mut largest, mut pixels) = ([f32::NEG_INFINITY; CHANNELS], [0u32; CHANNELS]);
            // What nothing exceeds is the window's first pixel.
            pixels.fill((rows.start * input.width + columns.start) as u32);
            for row in rows.clone() {
                for column in columns.clone() {
                    let pixel = row * input.width + column;
                    let x = &x[pixel * input.channels + first..][..count];
                    for (x, (largest, at)) in x.iter().zip(largest.iter_mut().zip(&mut pixels)) {
                        let exceeds = *x > *largest || x.is_nan();
                        *at = if exceeds { pixel as u32 } else { *at };
                        *largest = if exceeds { *x } else { *largest };
                    }
                }
            }
            visit(place, first, &largest[..count], &pixels[..count]);
        }
    }
}

pub(super) fn average(cpu: &Cpu, map: FeatureMap, images: usize, x: &[f32], y: &mut [f32]) {
    cpu.each(
        y.chunks_mut(CHANNELS * images).enumerate(),
        #[inline(always)]
        |(at, y)| {
            for (image, x) in x.chunks_exact(map.len()).enumerate() {
                let mut sums = [0f32; CHANNELS];
                for pixel in x.chunks_exact(map.channels) {
                    sums.iter_mut().zip(&pixel[at * CHANNELS..]).for_each(|(sum, x)| *sum += x);
                }
                for (y, sum) in y.chunks_exact_mut(images).zip(sums) {
                    y[image] = sum / map.pixels() as f32;
                }
            }
        },
    );
}

pub(super) fn average_gradient(cpu: &Cpu, map: FeatureMap, images: usize, dy: &[f32], dx: &mut [f32]) {
    cpu.each(
        dx.chunks_exact_mut(map.len()).enumerate(),
        #[inline(always)]
        |(image, dx)| {
            let (first, rest) = dx.split_at_mut(map.channels);
            for (dx, dy) in first.iter_mut().zip(dy.chunks_exact(images)) {
                *dx = dy[image] / map.pixels() as f32;
            }
            rest.chunks_exact_mut(map.channels).for_each(|pixel| pixel.copy_from_slice(first));
        },
    );
}
