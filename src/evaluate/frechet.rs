//! Fréchet embedding distance: how differently an encoder embeds training and test items.
//!
//! A Gaussian is fitted to the features of either, each scaled to length 1, and the distance is that of Fréchet (1957)
//! between the two: `|m1 - m2|^2 + tr(C1 + C2 - 2 (C1 C2)^(1/2))`. The lower it is, the more alike they are embedded.
//! The paper uses it in its analysis, as far as is remembered in units of about 1e-4; the official code has nothing of
//! it. That covariances are unbiased, and features those before the projection head, is our choice.

#[cfg(test)]
mod tests;

use faer::diag::Diag;
use faer::dyn_stack::{MemBuffer, MemStack};
use faer::linalg::matmul::matmul;
use faer::linalg::svd::{ComputeSvdVectors, svd, svd_scratch};
use faer::{Accum, Mat, Par};
use rayon::ThreadPool;
use serde_json::json;

use super::features::stream;
use super::moments::{Eigen, ROWS, SecondMoments};
use super::{EvaluateError, FeatureSource, Labels, OnProgress, Outcome, Progress, Split, Stage, pool, report};
use crate::recipe::{FRECHET, Unit};

/// Shortest length that a row is divided by, as in PyTorch's `normalize`.
const SHORTEST: f64 = 1e-12;

/// Compares the features of `source` for training rows, as they are, with those for test rows, on `threads` threads;
/// their number changes no bit of the outcome. Classes are not looked at.
///
/// # Errors
/// Fewer than 2 rows of either, features that are not finite, a failing source, or a stop asked for by `progress`.
pub fn evaluate(
    labels: &Labels,
    source: &mut dyn FeatureSource,
    threads: usize,
    progress: &mut OnProgress,
) -> Result<Outcome, EvaluateError> {
    let pool = pool(threads)?;
    let train = Gaussian::fit(source, Split::Train, labels.train.len(), &pool, progress)?;
    let test = Gaussian::fit(source, Split::Test, labels.test.len(), &pool, progress)?;
    let distance = pool.install(|| distance(&train, &test))?;
    let mut outcome = Outcome::default();
    outcome.readings.insert(FRECHET.to_owned(), distance);
    outcome.details.insert("features".to_owned(), json!(source.width()));
    for (name, gaussian) in [("training", &train), ("test", &test)] {
        outcome.details.insert(format!("{name} rows"), json!(gaussian.rows));
        outcome.details.insert(format!("{name} rank"), json!(gaussian.factor.ncols()));
    }
    outcome.lines.push(json!({ FRECHET: distance }));
    Ok(outcome)
}

/// A Gaussian fitted to rows.
struct Gaussian {
    rows: usize,
    mean: Vec<f64>,
    /// `F` of the covariance `F F'`: an eigenvector in each column, times the root of its eigenvalue. Eigenvalues that
    /// are 0 but for rounding have none: their roots would not be.
    factor: Mat<f64>,
}

impl Gaussian {
    fn fit(
        source: &mut dyn FeatureSource,
        split: Split,
        rows: usize,
        pool: &ThreadPool,
        progress: &mut OnProgress,
    ) -> Result<Gaussian, EvaluateError> {
        if rows < 2 {
            return Err(EvaluateError::unfit(&format!("{split} rows"), "at least 2", rows));
        }
        let width = source.width();
        // What is subtracted from every row: near the mean, so that few digits cancel in the covariance.
        let mut origin = vec![0f64; width];
        let mut sums = vec![0f64; width];
        let mut moments = SecondMoments::new(width);
        stream(source, split, rows, |first, features| {
            for (at, some) in features.chunks(ROWS * width).enumerate() {
                let mut unit = of_length_one(some, width);
                if first == 0 && at == 0 {
                    origin = mean_of(&unit, width);
                }
                for row in unit.chunks_exact_mut(width) {
                    row.iter_mut().zip(&origin).for_each(|(value, origin)| *value -= origin);
                    sums.iter_mut().zip(&*row).for_each(|(sum, value)| *sum += value);
                }
                pool.install(|| moments.add(&unit));
            }
            report(
                progress,
                Progress { stage: Stage::Solving, done: first + features.len() / width, of: rows, items: 1 },
            )
        })?;
        let second = moments.matrix();
        let covariance = Mat::from_fn(width, width, |row, column| match row < column {
            true => 0.0,
            false => (second[(row, column)] - sums[row] * sums[column] / rows as f64) / (rows - 1) as f64,
        });
        let mean = origin.iter().zip(&sums).map(|(origin, sum)| origin + sum / rows as f64).collect();
        let Eigen { values, vectors, cut_off } = pool.install(|| Eigen::of(covariance.as_ref()))?;
        let kept: Vec<usize> = (0..width).filter(|at| values[*at] > cut_off).collect();
        let factor =
            Mat::from_fn(width, kept.len(), |row, column| vectors[(row, kept[column])] * values[kept[column]].sqrt());
        Ok(Gaussian { rows, mean, factor })
    }

    /// Trace of the covariance.
    fn trace(&self) -> f64 {
        self.factor.col_iter().flat_map(|column| column.iter()).map(|value| value * value).sum()
    }
}

/// Rows of `width` features, each divided by its length.
fn of_length_one(features: &[f32], width: usize) -> Vec<f64> {
    let mut values: Vec<f64> = features.iter().map(|feature| f64::from(*feature)).collect();
    for row in values.chunks_exact_mut(width) {
        let length = row.iter().map(|value| value * value).sum::<f64>().sqrt().max(SHORTEST);
        row.iter_mut().for_each(|value| *value /= length);
    }
    values
}

fn mean_of(rows: &[f64], width: usize) -> Vec<f64> {
    let mut mean = vec![0f64; width];
    let share = 1.0 / (rows.len() / width) as f64;
    for row in rows.chunks_exact(width) {
        mean.iter_mut().zip(row).for_each(|(mean, value)| *mean += share * value);
    }
    mean
}

/// The roots of the eigenvalues of `C1 C2`, where `C1 = F F'` and `C2 = G G'`, are the singular values of `F'G`: found
/// so, they do not lose half their digits as roots of eigenvalues would.
fn distance(one: &Gaussian, other: &Gaussian) -> Result<f64, EvaluateError> {
    let means: f64 = one.mean.iter().zip(&other.mean).map(|(one, other)| (one - other).powi(2)).sum();
    let mut product = Mat::<f64>::zeros(one.factor.ncols(), other.factor.ncols());
    matmul(product.as_mut(), Accum::Replace, one.factor.transpose(), &other.factor, 1.0, Par::Seq);
    let common = singular_values(&product)?.iter().sum::<f64>();
    // Rounding may leave equal distributions a little below 0, and opposite ones a little above 4.
    let range = Unit::Distance.range();
    Ok((means + one.trace() + other.trace() - 2.0 * common).clamp(*range.start(), *range.end()))
}

/// On one thread, since their bits depend on how many there are.
fn singular_values(matrix: &Mat<f64>) -> Result<Vec<f64>, EvaluateError> {
    let (rows, columns) = matrix.shape();
    let mut values = Diag::<f64>::zeros(rows.min(columns));
    let none = ComputeSvdVectors::No;
    let scratch = svd_scratch::<f64>(rows, columns, none, none, Par::Seq, Default::default());
    let mut memory = MemBuffer::new(scratch);
    svd(matrix.as_ref(), values.as_mut(), None, None, Par::Seq, MemStack::new(&mut memory), Default::default())
        .map_err(|error| EvaluateError::SingularValues(format!("{error:?}")))?;
    Ok(values.column_vector().iter().copied().collect())
}
