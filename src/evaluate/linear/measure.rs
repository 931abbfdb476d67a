//! Accuracy of many classifiers over one pass of the rows.

use std::sync::atomic::{AtomicUsize, Ordering};

use faer::linalg::matmul::matmul;
use faer::{Accum, MatMut, MatRef, Par};
use rayon::prelude::*;

use super::percent;
use super::train::Snapshot;

/// Rows that one task takes through every classifier.
const ROWS: usize = 256;

/// Counts right answers.
pub struct Measure {
    classes: usize,
    width: usize,
    weights: Vec<f32>,
    bias: Vec<f32>,
    /// Of each snapshot's classifiers, one snapshot after the other.
    correct: Vec<AtomicUsize>,
    rows: usize,
}

impl Measure {
    /// Over the classifiers of all `snapshots`, which are alike in shape.
    pub fn new(snapshots: &[Snapshot], classes: usize, width: usize) -> Measure {
        let weights: Vec<f32> = snapshots.iter().flat_map(|snapshot| &snapshot.weights).copied().collect();
        let bias: Vec<f32> = snapshots.iter().flat_map(|snapshot| &snapshot.bias).copied().collect();
        let correct = (0..bias.len() / classes).map(|_| AtomicUsize::new(0)).collect();
        Measure { classes, width, weights, bias, correct, rows: 0 }
    }

    /// Takes in rows that lie `stride` apart, on the current rayon pool. The largest logit wins, the first of equals.
    pub fn add(&mut self, features: &[f32], stride: usize, labels: &[u32]) {
        self.rows += labels.len();
        let columns = self.bias.len();
        let chunks = features.par_chunks(ROWS * stride).zip(labels.par_chunks(ROWS));
        chunks.for_each_init(Vec::new, |logits: &mut Vec<f32>, (features, labels)| {
            let rows = labels.len();
            logits.resize(columns * rows, 0.0);
            // A row of logits for each output, so that comparing outputs runs along rows.
            matmul(
                MatMut::from_row_major_slice_mut(&mut *logits, columns, rows),
                Accum::Replace,
                MatRef::from_row_major_slice(&self.weights, columns, self.width),
                MatRef::from_row_major_slice_with_stride(features, rows, self.width, stride).transpose(),
                1.0,
                Par::Seq,
            );
            self.count(logits, labels);
        });
    }

    fn count(&self, logits: &[f32], labels: &[u32]) {
        let rows = labels.len();
        let mut best = vec![0f32; rows];
        let mut answer = vec![0u32; rows];
        let classifiers = logits.chunks_exact(self.classes * rows).zip(self.bias.chunks_exact(self.classes));
        for ((logits, bias), correct) in classifiers.zip(&self.correct) {
            best.fill(f32::NEG_INFINITY);
            for (class, (logits, bias)) in logits.chunks_exact(rows).zip(bias).enumerate() {
                for ((best, answer), logit) in best.iter_mut().zip(&mut answer).zip(logits) {
                    let logit = logit + bias;
                    *answer = if logit > *best { class as u32 } else { *answer };
                    *best = best.max(logit);
                }
            }
            let right = answer.iter().zip(labels).filter(|(answer, label)| answer == label).count();
            correct.fetch_add(right, Ordering::Relaxed);
        }
    }

    /// Accuracy in percent, `[snapshot][classifier]`.
    pub fn accuracies(&self, snapshots: usize) -> Vec<Vec<f64>> {
        let all: Vec<f64> =
            self.correct.iter().map(|correct| percent(correct.load(Ordering::Relaxed), self.rows)).collect();
        all.chunks_exact(all.len() / snapshots).map(<[f64]>::to_vec).collect()
    }
}
