//! Pooling of pictures. Threads share out images.

use super::Cpu;
use crate::kernels::{FeatureMap, MaxPool};

/// Output pixels of an image, each with the input pixels of its window in order, row by row.
fn windows(layer: &MaxPool) -> impl Iterator<Item = (usize, impl Iterator<Item = usize>)> {
    let MaxPool { kernel, stride, padding, input, output } = *layer;
    (0..output.pixels()).map(move |to| {
        let (top, left) = (to / output.width * stride, to % output.width * stride);
        let inside = move |first: usize, side: usize| first.max(padding)..(first + kernel).min(padding + side);
        let rows = inside(top, input.height);
        let from = rows.flat_map(move |row| {
            let row = (row - padding) * input.width;
            inside(left, input.width).map(move |column| row + column - padding)
        });
        (to, from)
    })
}

pub(super) fn max_pool(cpu: &Cpu, layer: &MaxPool, images: usize, x: &[f32], y: &mut [f32]) {
    let channels = layer.input.channels;
    let y = y[..images * layer.output.len()].chunks_exact_mut(layer.output.len());
    cpu.each(
        y.zip(x.chunks_exact(layer.input.len())),
        #[inline(always)]
        |(y, x)| {
            y.fill(f32::NEG_INFINITY);
            for (to, window) in windows(layer) {
                let y = &mut y[to * channels..][..channels];
                for from in window {
                    for (y, x) in y.iter_mut().zip(&x[from * channels..][..channels]) {
                        *y = if *x > *y || x.is_nan() { *x } else { *y };
                    }
                }
            }
        },
    );
}

pub(super) fn max_pool_gradient(cpu: &Cpu, layer: &MaxPool, images: usize, x: &[f32], dy: &[f32], dx: &mut [f32]) {
    let channels = layer.input.channels;
    let dx = dx[..images * layer.input.len()].chunks_exact_mut(layer.input.len());
    cpu.each(
        dx.zip(x.chunks_exact(layer.input.len())).zip(dy.chunks_exact(layer.output.len())),
        #[inline(always)]
        |((dx, x), dy)| {
            dx.fill(0.0);
            let mut largest = vec![(f32::NEG_INFINITY, 0); channels];
            for (to, window) in windows(layer) {
                for (at, from) in window.enumerate() {
                    for (channel, (largest, place)) in largest.iter_mut().enumerate() {
                        let x = x[from * channels + channel];
                        if at == 0 || x > *largest || x.is_nan() {
                            (*largest, *place) = (x, from);
                        }
                    }
                }
                for (channel, (_, place)) in largest.iter().enumerate() {
                    dx[place * channels + channel] += dy[to * channels + channel];
                }
            }
        },
    );
}

pub(super) fn average_pool(map: FeatureMap, images: usize, x: &[f32], y: &mut [f32]) {
    let mut sums = vec![0f32; map.channels];
    for (image, x) in x[..images * map.len()].chunks_exact(map.len()).enumerate() {
        sums.fill(0.0);
        for pixel in x.chunks_exact(map.channels) {
            sums.iter_mut().zip(pixel).for_each(|(sum, x)| *sum += x);
        }
        for (channel, sum) in sums.iter().enumerate() {
            y[channel * images + image] = sum / map.pixels() as f32;
        }
    }
}

pub(super) fn average_pool_gradient(map: FeatureMap, images: usize, dy: &[f32], dx: &mut [f32]) {
    let mut shares = vec![0f32; map.channels];
    for (image, dx) in dx[..images * map.len()].chunks_exact_mut(map.len()).enumerate() {
        for (channel, share) in shares.iter_mut().enumerate() {
            *share = dy[channel * images + image] / map.pixels() as f32;
        }
        dx.chunks_exact_mut(map.channels).for_each(|pixel| pixel.copy_from_slice(&shares));
    }
}
