//! Embeddings: rows of unit length, their distances, and how far they are spread.

use super::Cpu;
use crate::kernels::embeddings::{SHORTEST, divisor, length, normalise_rows};
use crate::kernels::{CrossEntropy, EmbeddingKernels, QueryRows, RowMix, Span};

use super::{cross_entropy, matrix, row_mix};

impl EmbeddingKernels for Cpu {
    fn normalise(&self, rows: usize, width: usize, x: &Vec<f32>, y: &mut Vec<f32>) {
        let y = &mut y[..rows * width];
        matrix::transpose(self, &x[..rows * width], rows, y);
        normalise_rows(y, width);
    }

    fn normalise_gradient(
        &self,
        rows: usize,
        width: usize,
        x: &Vec<f32>,
        y: &Vec<f32>,
        dy: &Vec<f32>,
        dx: &mut Vec<f32>,
    ) {
        for (row, (y, dy)) in y.chunks_exact(width).zip(dy.chunks_exact(width)).take(rows).enumerate() {
            let length = length((0..width).map(|feature| x[feature * rows + row]));
            // Below the shortest length the divisor is a constant, and so has no gradient.
            let along = if length < SHORTEST { 0.0 } else { dot(y, dy) };
            let divisor = divisor(length);
            for (feature, (y, dy)) in y.iter().zip(dy).enumerate() {
                dx[feature * rows + row] = ((f64::from(*dy) - along * f64::from(*y)) / divisor) as f32;
            }
        }
    }

    fn select_rows(&self, order: &[u32], width: usize, x: &Vec<f32>, y: &mut Vec<f32>) {
        for (row, y) in order.iter().zip(y.chunks_exact_mut(width)) {
            y.copy_from_slice(&x[*row as usize * width..][..width]);
        }
    }

    fn mix_embeddings(&self, mix: &RowMix, width: usize, x: &Vec<f32>, y: &mut Vec<f32>) {
        row_mix::pictures(self, mix, width, &x[..mix.rows() * width], &mut y[..mix.rows() * width]);
    }

    fn copy_within(&self, buffer: &mut Vec<f32>, from: Span, to: usize) {
        buffer.copy_within(from.range(), to);
    }

    fn cross_entropy(
        &self,
        operation: &CrossEntropy,
        queries: &Vec<f32>,
        keys: &Vec<f32>,
        gradient: &mut Vec<f32>,
        losses: &mut Vec<f32>,
    ) {
        let (queries, keys) = (&queries[operation.query_span().range()], &keys[operation.key_span().range()]);
        losses[operation.share] = cross_entropy::cross_entropy(self, operation, queries, keys, gradient);
    }

    fn cosine_distance(
        &self,
        rows: usize,
        width: usize,
        queries: &Vec<f32>,
        targets: &Vec<f32>,
        gradient: &mut Vec<f32>,
        losses: &mut Vec<f32>,
    ) {
        let len = rows * width;
        losses[0] = (2.0 - 2.0 * dot(&queries[..len], &targets[..len]) / rows as f64) as f32;
        let factor = -2.0 * (1.0 / rows as f32);
        gradient.iter_mut().zip(&targets[..len]).for_each(|(gradient, target)| *gradient = factor * target);
    }

    fn observe(
        &self,
        queries: &QueryRows,
        losses: &Vec<f32>,
        embeddings: &Vec<f32>,
        slot: usize,
        observed: &mut Vec<f32>,
    ) {
        let losses = &losses[..queries.losses];
        observed[2 * slot] = (losses.iter().map(|loss| f64::from(*loss)).sum::<f64>() / losses.len() as f64) as f32;
        observed[2 * slot + 1] = spread(queries, embeddings);
    }
}

fn spread(queries: &QueryRows, embeddings: &[f32]) -> f32 {
    let (width, count) = (queries.width, queries.count());
    let mean_of = |term: &dyn Fn(usize, f64) -> f64| {
        let mut means = vec![0f64; width];
        for row in queries.all() {
            let row = &embeddings[row * width..][..width];
            for (column, (mean, value)) in means.iter_mut().zip(row).enumerate() {
                *mean += term(column, f64::from(*value)) / count as f64;
            }
        }
        means
    };
    let means = mean_of(&|_, value| value);
    let variances = mean_of(&|column, value| (value - means[column]).powi(2));
    (variances.iter().map(|variance| variance.sqrt()).sum::<f64>() / width as f64) as f32
}

fn dot(a: &[f32], b: &[f32]) -> f64 {
    a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum()
}
