//! Training of the classifiers.

use rayon::prelude::*;

use super::kernel::{Logits, Scratch, TILE, Update};
use crate::evaluate::features::Features;
use crate::evaluate::softmax::Softmax;
use crate::store::Checkpoint;

/// Rows whose logits one task computes.
const ROWS: usize = 32;

const PANEL: usize = Features::PANEL;

/// Linear classifiers that share features and batches and differ in their learning rate.
pub struct Classifiers {
    count: usize,
    classes: usize,
    width: usize,
    /// `count` x `classes`, rounded up to whole tiles.
    outputs: usize,
    /// `[stride / PANEL][outputs][PANEL]`.
    weights: Vec<f32>,
    weight_velocity: Vec<f32>,
    bias: Vec<f32>,
    bias_velocity: Vec<f32>,
    /// Gradient of the batch's logits, `[batch][outputs]`.
    errors: Vec<f32>,
    /// Cross-entropies of the batch, `[batch][count]`.
    losses: Vec<f32>,
}

/// A step of SGD.
#[derive(Clone, Copy, Debug)]
pub struct Sgd<'a> {
    /// Learning rate of each classifier.
    pub rates: &'a [f64],
    pub momentum: f64,
    pub weight_decay: f64,
}

/// Rows that a step is taken on.
#[derive(Clone, Copy)]
pub struct Batch<'a> {
    pub features: &'a Features,
    pub rows: &'a [u32],
    /// Class of every row of `features`.
    pub labels: &'a [u32],
}

impl Classifiers {
    /// `count` classifiers of `width` features with the same `classes` x `width` weights and no bias.
    pub fn new(count: usize, classes: usize, width: usize, weights: &[f32]) -> Classifiers {
        let stride = width.next_multiple_of(PANEL);
        let outputs = (count * classes).next_multiple_of(TILE);
        let mut classifiers = Classifiers {
            count,
            classes,
            width,
            outputs,
            weights: vec![0.0; outputs * stride],
            weight_velocity: vec![0.0; outputs * stride],
            bias: vec![0.0; outputs],
            bias_velocity: vec![0.0; outputs],
            errors: Vec::new(),
            losses: Vec::new(),
        };
        for output in 0..count * classes {
            for (panel, values) in weights[output % classes * width..][..width].chunks(PANEL).enumerate() {
                classifiers.weights[(panel * outputs + output) * PANEL..][..values.len()].copy_from_slice(values);
            }
        }
        classifiers
    }

    /// Everything that steps change, by name.
    pub(super) fn state(&self) -> [(&'static str, &[f32]); 4] {
        [
            ("classifiers.weights", &self.weights),
            ("classifiers.weight-velocity", &self.weight_velocity),
            ("classifiers.bias", &self.bias),
            ("classifiers.bias-velocity", &self.bias_velocity),
        ]
    }

    /// Sets what [`Classifiers::state`] gave.
    pub(super) fn restore(&mut self, checkpoint: &mut Checkpoint) -> Result<(), String> {
        let lengths = self.state().map(|(name, values)| (name, values.len()));
        let mut values = Vec::with_capacity(lengths.len());
        for (name, length) in lengths {
            values.push(checkpoint.take(name, length)?);
        }
        let all = [&mut self.weights, &mut self.weight_velocity, &mut self.bias, &mut self.bias_velocity];
        all.into_iter().zip(values).for_each(|(own, values)| *own = values);
        Ok(())
    }

    /// One step on one batch; adds the sum of its cross-entropies to `losses`, a number for each classifier. Runs on
    /// the current rayon pool and gives the same bits on any.
    pub fn step(&mut self, batch: Batch, sgd: Sgd, losses: &mut [f64]) {
        let arch = pulp::Arch::new();
        let (outputs, count) = (self.outputs, self.count);
        let rows = batch.rows.len();
        let labels: Vec<u32> = batch.rows.iter().map(|row| batch.labels[*row as usize]).collect();
        self.errors.resize(rows * outputs, 0.0);
        self.losses.resize(rows * count, 0.0);

        let blocks = self.errors.par_chunks_mut(ROWS * outputs).zip(self.losses.par_chunks_mut(ROWS * count));
        let blocks = blocks.zip(batch.rows.par_chunks(ROWS)).zip(labels.par_chunks(ROWS));
        blocks.for_each(|(((logits, losses), rows), labels)| {
            arch.dispatch(Logits { features: batch.features, rows, weights: &self.weights, logits: &mut *logits });
            let scale = 1.0 / batch.rows.len() as f32;
            arch.dispatch(Softmax { logits, labels, classes: self.classes, bias: &self.bias, scale, losses });
        });
        for row in self.losses.chunks_exact(count) {
            for (sum, loss) in losses.iter_mut().zip(row) {
                *sum += f64::from(*loss);
            }
        }

        let (momentum, weight_decay) = (sgd.momentum as f32, sgd.weight_decay as f32);
        let rates: Vec<f32> =
            (0..outputs).map(|output| sgd.rates.get(output / self.classes).map_or(0.0, |rate| *rate as f32)).collect();
        let panels = self.weights.par_chunks_mut(outputs * PANEL);
        let panels = panels.zip(self.weight_velocity.par_chunks_mut(outputs * PANEL)).enumerate();
        panels.for_each_init(Scratch::default, |scratch, (panel, (weights, velocity))| {
            arch.dispatch(Update {
                features: batch.features,
                rows: batch.rows,
                errors: &self.errors,
                panel,
                rates: &rates,
                momentum,
                weight_decay,
                weights,
                velocity,
                scratch,
            });
        });
        let mut gradient = vec![0f32; outputs];
        for row in self.errors.chunks_exact(outputs) {
            for (sum, error) in gradient.iter_mut().zip(row) {
                *sum += error;
            }
        }
        let biases = self.bias.iter_mut().zip(&mut self.bias_velocity);
        for ((bias, velocity), (gradient, rate)) in biases.zip(gradient.iter().zip(&rates)) {
            *velocity = momentum * *velocity + (gradient + weight_decay * *bias);
            *bias -= rate * *velocity;
        }
    }

    /// The classifiers as they are now.
    pub fn snapshot(&self) -> Snapshot {
        let columns = self.count * self.classes;
        let mut weights = vec![0f32; columns * self.width];
        for (output, row) in weights.chunks_exact_mut(self.width).enumerate() {
            for (panel, values) in row.chunks_mut(PANEL).enumerate() {
                values.copy_from_slice(&self.weights[(panel * self.outputs + output) * PANEL..][..values.len()]);
            }
        }
        Snapshot { classes: self.classes, weights, bias: self.bias[..columns].to_vec() }
    }

    /// The first classifier that holds a number that is not finite.
    pub fn diverged(&self) -> Option<usize> {
        let infinite = |value: &f32| !value.is_finite();
        let of_weights = self.weights.chunks_exact(PANEL).enumerate();
        let of_weights = of_weights.filter(|(_, row)| row.iter().any(infinite)).map(|(row, _)| row % self.outputs);
        let of_bias = self.bias.iter().enumerate().filter(|(_, bias)| infinite(bias)).map(|(output, _)| output);
        of_weights.chain(of_bias).map(|output| output / self.classes).min()
    }
}

/// Classifiers at the end of an epoch.
#[derive(Clone, Debug, PartialEq)]
pub struct Snapshot {
    pub classes: usize,
    /// `[classifier x class][feature]`.
    pub weights: Vec<f32>,
    /// `[classifier x class]`.
    pub bias: Vec<f32>,
}
