//! Feature matrices in memory, and rows that pass by in chunks.

use super::{EvaluateError, FeatureSource, OnProgress, Progress, Split, Stage, report};

/// Encodes every row of a split and hands the chunks over in order, each with its first row.
///
/// # Errors
/// A feature that is not finite, by place; whatever `each` or the source reports.
pub fn stream(
    source: &mut dyn FeatureSource,
    split: Split,
    rows: usize,
    mut each: impl FnMut(usize, &[f32]) -> Result<(), EvaluateError>,
) -> Result<(), EvaluateError> {
    let width = source.width();
    let at_a_time = source.at_a_time().max(1);
    for first in (0..rows).step_by(at_a_time) {
        let count = at_a_time.min(rows - first);
        let values = source.features(split, first..first + count)?;
        if values.len() != count * width {
            return Err(EvaluateError::unfit(
                &format!("features of {count} {split} rows"),
                count * width,
                values.len(),
            ));
        }
        check_finite(&values, width, split, |at| first + at)?;
        each(first, &values)?;
    }
    Ok(())
}

/// Refuses a feature that is not finite; `row_of` numbers the rows of `values`.
fn check_finite(
    values: &[f32],
    width: usize,
    split: Split,
    row_of: impl Fn(usize) -> usize,
) -> Result<(), EvaluateError> {
    match values.iter().position(|value| !value.is_finite()) {
        None => Ok(()),
        Some(at) => {
            Err(EvaluateError::NotFinite { split, row: row_of(at / width), feature: at % width, found: values[at] })
        }
    }
}

/// [`stream`] over the test rows that reports how far it is after each chunk.
pub fn stream_test(
    source: &mut dyn FeatureSource,
    rows: usize,
    progress: &mut OnProgress,
    mut each: impl FnMut(usize, &[f32]),
) -> Result<(), EvaluateError> {
    let width = source.width();
    stream(source, Split::Test, rows, |first, values| {
        each(first, values);
        report(progress, Progress { stage: Stage::Testing, done: first + values.len() / width, of: rows, items: 1 })
    })
}

/// Rows of features, each padded with zeros to a multiple of [`Features::PANEL`].
#[derive(Clone, Debug)]
pub struct Features {
    values: Vec<f32>,
    width: usize,
    stride: usize,
}

impl Features {
    /// Features that are updated together: four cache lines.
    pub const PANEL: usize = 64;

    pub fn with_capacity(rows: usize, width: usize) -> Features {
        let stride = width.next_multiple_of(Features::PANEL);
        Features { values: Vec::with_capacity(rows * stride), width, stride }
    }

    /// Encodes every training row.
    pub fn of_training_rows(source: &mut dyn FeatureSource, rows: usize) -> Result<Features, EvaluateError> {
        let mut features = Features::with_capacity(rows, source.width());
        stream(source, Split::Train, rows, |_, values| {
            features.extend(values);
            Ok(())
        })?;
        Ok(features)
    }

    /// Encodes some training rows as they are in `epoch`.
    pub fn of_batch(source: &mut dyn FeatureSource, rows: &[u32], epoch: usize) -> Result<Features, EvaluateError> {
        let values = source.training(rows, epoch)?;
        check_finite(&values, source.width(), Split::Train, |at| rows[at] as usize)?;
        let mut features = Features::with_capacity(rows.len(), source.width());
        features.extend(&values);
        Ok(features)
    }

    /// Appends rows, row-major and unpadded.
    pub fn extend(&mut self, rows: &[f32]) {
        if self.width == self.stride {
            self.values.extend_from_slice(rows);
            return;
        }
        for row in rows.chunks_exact(self.width) {
            self.values.extend_from_slice(row);
            self.values.resize(self.values.len() + self.stride - self.width, 0.0);
        }
    }

    /// Features of a row, padding left out.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Features of a row, padding included.
    pub fn stride(&self) -> usize {
        self.stride
    }

    /// A row with its padding.
    pub fn row(&self, row: usize) -> &[f32] {
        &self.values[row * self.stride..][..self.stride]
    }

    /// Consecutive rows with their padding.
    pub fn rows(&self, rows: std::ops::Range<usize>) -> &[f32] {
        &self.values[rows.start * self.stride..rows.end * self.stride]
    }
}
