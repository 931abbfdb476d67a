//! Least squares on one-hot labels in closed form: `W = Y'X pinv(X'X)`, without bias or regulariser, in f64.
//!
//! The official code does this in f32, where the second moments of 2048 features are too ill-conditioned to invert.

#[cfg(test)]
mod tests;

use faer::linalg::matmul::matmul;
use faer::{Accum, Mat, MatRef, Par};
use rayon::prelude::*;
use serde_json::json;

use super::features::{stream, stream_test};
use super::moments::{Eigen, ROWS, SecondMoments};
use super::{
    EvaluateError, FeatureSource, Labels, OnProgress, Outcome, Progress, ShuffledSet, Split, Stage, percent, pool,
    report,
};
use crate::random::{Key, Purpose, permutation};
use crate::recipe::PseudoInverse;

/// Test rows that one task classifies.
const TEST_ROWS: usize = 256;

/// Solves on `labels.train` and tests on `labels.test` with the features of `source`, on `threads` threads; their
/// number changes no bit of the outcome.
///
/// # Errors
/// Features that are not finite, settings that do not fit the data, a failing source, or a stop asked for by
/// `progress`.
pub fn evaluate(
    settings: &PseudoInverse,
    seed: u64,
    labels: &Labels,
    source: &mut dyn FeatureSource,
    threads: usize,
    progress: &mut OnProgress,
) -> Result<Outcome, EvaluateError> {
    labels.check()?;
    let rows = labels.train.len();
    let used = rows.checked_div(settings.batch).unwrap_or(0) * settings.batch;
    if used == 0 {
        let expected = format!("1 to {rows} rows");
        return Err(EvaluateError::unfit("batch of the pseudo-inverse", expected, settings.batch));
    }
    let pool = pool(threads)?;
    let width = source.width();
    let key = Key::new(seed, Purpose::EvaluationShuffle).view(ShuffledSet::PseudoInverse as usize);
    let order = permutation(rows, key);
    let mut dropped = vec![false; rows];
    order[used..].iter().for_each(|row| dropped[*row as usize] = true);
    let mut moments = Moments::new(width, labels.classes);
    // Rows pass by in their own order, so that features of a large set need never be in memory together.
    stream(source, Split::Train, rows, |first, features| {
        let kept: Vec<usize> = (0..features.len() / width).filter(|row| !dropped[first + row]).collect();
        for kept in kept.chunks(ROWS) {
            pool.install(|| moments.add(features, kept, &labels.train[first..]));
        }
        report(progress, Progress { stage: Stage::Solving, done: first + features.len() / width, of: rows, items: 1 })
    })?;
    let Solution { weights, rank } = pool.install(|| moments.solve())?;

    let mut correct = 0;
    stream_test(source, labels.test.len(), progress, |first, features| {
        let labels = &labels.test[first..first + features.len() / width];
        correct += pool.install(|| count_correct(&weights, features, labels));
    })?;
    let mut outcome = Outcome::default();
    outcome.readings.insert("pinv".to_owned(), percent(correct, labels.test.len()));
    outcome.details.insert("features".to_owned(), json!(width));
    outcome.details.insert("rank".to_owned(), json!(rank));
    outcome.details.insert("training rows".to_owned(), json!(used));
    outcome.details.insert("test rows".to_owned(), json!(labels.test.len()));
    outcome.lines.push(json!({ "rank": rank, "test": outcome.readings["pinv"] }));
    Ok(outcome)
}

/// `X'X` and `Y'X`.
struct Moments {
    second: SecondMoments,
    /// `[class][feature]`: sum of the features of each class.
    by_class: Vec<f64>,
}

struct Solution {
    /// `classes` x `features`.
    weights: Mat<f64>,
    /// Eigenvalues of `X'X` that were not cut off.
    rank: usize,
}

impl Moments {
    fn new(width: usize, classes: usize) -> Moments {
        Moments { second: SecondMoments::new(width), by_class: vec![0.0; classes * width] }
    }

    /// Takes in some rows of `features`, row-major.
    fn add(&mut self, features: &[f32], rows: &[usize], labels: &[u32]) {
        let width = self.second.width();
        let mut values = vec![0f64; rows.len() * width];
        for (values, row) in values.chunks_exact_mut(width).zip(rows) {
            let sums = &mut self.by_class[labels[*row] as usize * width..][..width];
            for ((value, sum), feature) in values.iter_mut().zip(sums).zip(&features[row * width..]) {
                *value = f64::from(*feature);
                *sum += *value;
            }
        }
        self.second.add(&values);
    }

    fn solve(self) -> Result<Solution, EvaluateError> {
        let width = self.second.width();
        let Eigen { values, vectors, cut_off } = Eigen::of(self.second.matrix())?;

        let classes = self.by_class.len() / width;
        let by_class = MatRef::from_row_major_slice(&self.by_class, classes, width);
        let mut rotated = Mat::<f64>::zeros(classes, width);
        matmul(rotated.as_mut(), Accum::Replace, by_class, &vectors, 1.0, Par::Seq);
        let mut rank = 0;
        for (column, value) in values.iter().enumerate() {
            let factor = if *value > cut_off { value.recip() } else { 0.0 };
            rank += usize::from(factor > 0.0);
            rotated.col_mut(column).iter_mut().for_each(|entry| *entry *= factor);
        }
        let mut weights = Mat::<f64>::zeros(classes, width);
        matmul(weights.as_mut(), Accum::Replace, &rotated, vectors.transpose(), 1.0, Par::Seq);
        Ok(Solution { weights, rank })
    }
}

/// Rows whose largest output is their label's; the first of equals wins.
fn count_correct(weights: &Mat<f64>, features: &[f32], labels: &[u32]) -> usize {
    let (classes, width) = (weights.nrows(), weights.ncols());
    let chunks = features.par_chunks(TEST_ROWS * width).zip(labels.par_chunks(TEST_ROWS));
    let correct = chunks.map_init(Vec::new, |values: &mut Vec<f64>, (features, labels)| {
        values.clear();
        values.extend(features.iter().map(|feature| f64::from(*feature)));
        let rows = MatRef::from_row_major_slice(values, labels.len(), width);
        let mut outputs = Mat::<f64>::zeros(classes, labels.len());
        matmul(outputs.as_mut(), Accum::Replace, weights, rows.transpose(), 1.0, Par::Seq);
        let answers = (0..labels.len()).map(|row| {
            (0..classes).reduce(|best, class| if outputs[(class, row)] > outputs[(best, row)] { class } else { best })
        });
        answers.zip(labels).filter(|(answer, label)| *answer == Some(**label as usize)).count()
    });
    correct.sum()
}
