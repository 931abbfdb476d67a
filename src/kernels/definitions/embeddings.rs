//! Kernels over embeddings, which lie row by row. Sums are taken in f64.

use super::Definitions;
use crate::kernels::{CrossEntropy, EmbeddingKernels, Kernels, QueryRows, RowMix, SHORTEST, Span};

impl EmbeddingKernels for Definitions {
    fn normalise(&self, rows: usize, width: usize, x: &Vec<f32>, y: &mut Vec<f32>) {
        for row in 0..rows {
            let length = length(x, rows, width, row);
            for feature in 0..width {
                y[row * width + feature] = (f64::from(x[feature * rows + row]) / length) as f32;
            }
        }
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
        for row in 0..rows {
            let place = |feature: usize| row * width + feature;
            let length = length(x, rows, width, row);
            let along: f64 = (0..width).map(|feature| product(y[place(feature)], dy[place(feature)])).sum();
            // A divisor that is the shortest length has no gradient.
            let along = if length > SHORTEST { along } else { 0.0 };
            for feature in 0..width {
                let across = f64::from(dy[place(feature)]) - along * f64::from(y[place(feature)]);
                dx[feature * rows + row] = (across / length) as f32;
            }
        }
    }

    fn select_rows(&self, order: &[u32], width: usize, x: &Vec<f32>, y: &mut Vec<f32>) {
        for (at, row) in order.iter().enumerate() {
            (0..width).for_each(|feature| y[at * width + feature] = x[*row as usize * width + feature]);
        }
    }

    fn mix_embeddings(&self, mix: &RowMix, width: usize, x: &Vec<f32>, y: &mut Vec<f32>) {
        self.mix_pictures(mix, width, x, y);
    }

    fn copy_within(&self, buffer: &mut Vec<f32>, from: Span, to: usize) {
        (0..from.len).for_each(|at| buffer[to + at] = buffer[from.start + at]);
    }

    fn cross_entropy(
        &self,
        operation: &CrossEntropy,
        queries: &Vec<f32>,
        keys: &Vec<f32>,
        gradient: &mut Vec<f32>,
        losses: &mut Vec<f32>,
    ) {
        let CrossEntropy { width, ref labels, temperature, .. } = *operation;
        let query = |row: usize, feature: usize| queries[(operation.queries + row) * width + feature];
        let key = |class: usize, feature: usize| keys[(operation.keys + class) * width + feature];
        let (rows, classes) = (labels.rows(), labels.classes());
        let mut of_queries = vec![0f64; rows * width];
        let mut of_keys = vec![0f64; classes * width];
        let mut loss = 0.0;
        for row in 0..rows {
            let kept: Vec<usize> = (0..classes).filter(|class| !operation.left_out.leaves(row, *class)).collect();
            let logit = |class: &usize| {
                (0..width).map(|feature| product(query(row, feature), key(*class, feature))).sum::<f64>() / temperature
            };
            let logits: Vec<f64> = kept.iter().map(logit).collect();
            let largest = logits.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            let sum: f64 = logits.iter().map(|logit| (logit - largest).exp()).sum();
            for (class, logit) in kept.into_iter().zip(logits) {
                let of_class = labels.row(row).iter().filter(|(of, _)| *of as usize == class);
                let label: f64 = of_class.map(|(_, weight)| f64::from(*weight)).sum();
                let total: f64 = labels.row(row).iter().map(|(_, weight)| f64::from(*weight)).sum();
                loss += label * (largest + sum.ln() - logit) / rows as f64;
                let slope = total * (logit - largest).exp() / sum - label;
                let slope = slope / (temperature * (rows * operation.shares) as f64);
                for feature in 0..width {
                    of_queries[row * width + feature] += slope * f64::from(key(class, feature));
                    of_keys[class * width + feature] += slope * f64::from(query(row, feature));
                }
            }
        }
        losses[operation.share] = loss as f32;
        for (at, value) in of_queries.into_iter().enumerate() {
            gradient[operation.query_span().start + at] = value as f32;
        }
        if operation.keys_learn {
            let same = operation.query_span() == operation.key_span();
            for (at, value) in of_keys.into_iter().enumerate() {
                let to = &mut gradient[operation.key_span().start + at];
                *to = if same { *to + value as f32 } else { value as f32 };
            }
        }
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
        let cosines: f64 = (0..rows * width).map(|at| product(queries[at], targets[at])).sum();
        losses[0] = (2.0 - 2.0 * cosines / rows as f64) as f32;
        (0..rows * width).for_each(|at| gradient[at] = (-2.0 * f64::from(targets[at]) / rows as f64) as f32);
    }

    fn observe(
        &self,
        queries: &QueryRows,
        losses: &Vec<f32>,
        embeddings: &Vec<f32>,
        slot: usize,
        observed: &mut Vec<f32>,
    ) {
        let losses = losses[..queries.losses].iter().map(|loss| f64::from(*loss));
        observed[2 * slot] = (losses.sum::<f64>() / queries.losses as f64) as f32;
        let (width, count) = (queries.width, queries.count() as f64);
        let deviation = |feature: usize| {
            let values = queries.all().map(|row| f64::from(embeddings[row * width + feature]));
            let mean = values.clone().sum::<f64>() / count;
            (values.map(|value| (value - mean).powi(2)).sum::<f64>() / count).sqrt()
        };
        observed[2 * slot + 1] = ((0..width).map(deviation).sum::<f64>() / width as f64) as f32;
    }
}

fn product(a: f32, b: f32) -> f64 {
    f64::from(a) * f64::from(b)
}

/// Of a row of activations, or the shortest that is divided by.
fn length(x: &[f32], rows: usize, width: usize, row: usize) -> f64 {
    let squares = (0..width).map(|feature| product(x[feature * rows + row], x[feature * rows + row]));
    squares.sum::<f64>().sqrt().max(SHORTEST)
}
