//! Operations over embeddings: what stands between a network and its loss. Embeddings `[rows, width]` lie row by row,
//! f32 in whatever precision the network computes.

use thiserror::Error;

use super::{RowMix, Span, Storage};

/// Rows shorter than this are divided by this (default of PyTorch's `F.normalize`).
pub const SHORTEST: f64 = 1e-12;

/// The kernels of a device over embeddings.
pub trait EmbeddingKernels: Storage {
    /// Each row of the activations `x`, which lie feature by feature, divided by its Euclidean length, or by
    /// [`SHORTEST`] where it is shorter: the embeddings `y`.
    fn normalise(&self, rows: usize, width: usize, x: &Self::Buffer, y: &mut Self::Buffer);
    /// From the gradient `dy` of what [`EmbeddingKernels::normalise`] made of `x` to that of `x`.
    fn normalise_gradient(
        &self,
        rows: usize,
        width: usize,
        x: &Self::Buffer,
        y: &Self::Buffer,
        dy: &Self::Buffer,
        dx: &mut Self::Buffer,
    );
    /// Row `i` of `y` is row `order[i]` of `x`.
    fn select_rows(&self, order: &[u32], width: usize, x: &Self::Buffer, y: &mut Self::Buffer);
    /// Mixes rows of embeddings.
    fn mix_embeddings(&self, mix: &RowMix, width: usize, x: &Self::Buffer, y: &mut Self::Buffer);
    /// Copies the values of a span to the place `to` of the same buffer, where they do not overlap it.
    fn copy_within(&self, buffer: &mut Self::Buffer, from: Span, to: usize);

    /// Softmax cross-entropy of similarities against soft labels: `losses[share]` gets the mean over the queries of
    /// `sum over classes of label x -log softmax(query . key / temperature)`, and `gradient`, at the rows of the
    /// queries (and of the keys, where they learn), the gradient of that over the number of shares.
    fn cross_entropy(
        &self,
        operation: &CrossEntropy,
        queries: &Self::Buffer,
        keys: &Self::Buffer,
        gradient: &mut Self::Buffer,
        losses: &mut Self::Buffer,
    );
    /// `losses[0]` gets the mean over rows of `2 - 2 query . target`, and `gradient` its gradient to the queries.
    fn cosine_distance(
        &self,
        rows: usize,
        width: usize,
        queries: &Self::Buffer,
        targets: &Self::Buffer,
        gradient: &mut Self::Buffer,
        losses: &mut Self::Buffer,
    );
    /// Writes two values to place `2 * slot` of `observed`: the mean of the losses of the shares, and the population
    /// standard deviation (which divides by the number of rows, N) over the query rows of each column of `embeddings`,
    /// averaged over the columns.
    fn observe(
        &self,
        queries: &QueryRows,
        losses: &Self::Buffer,
        embeddings: &Self::Buffer,
        slot: usize,
        observed: &mut Self::Buffer,
    );
}

/// A cross-entropy over rows of embeddings.
#[derive(Clone, Debug, PartialEq)]
pub struct CrossEntropy {
    /// Values of an embedding.
    pub width: usize,
    /// A row for each query, a class for each key.
    pub labels: SoftLabels,
    pub left_out: LeftOut,
    /// Above 0.
    pub temperature: f64,
    /// Row of the first query, in its buffer and in that of the gradient.
    pub queries: usize,
    /// Row of the first key, in its buffer and, where keys learn, in that of the gradient.
    pub keys: usize,
    /// Where queries and keys are the same rows, they get the sum of both gradients; else the rows do not overlap.
    pub keys_learn: bool,
    /// Which of the losses that the step averages, and how many there are.
    pub share: usize,
    pub shares: usize,
}

impl CrossEntropy {
    /// Values of the queries, in their buffer.
    pub fn query_span(&self) -> Span {
        Span { start: self.queries * self.width, len: self.labels.rows() * self.width }
    }

    /// Values of the keys, in their buffer.
    pub fn key_span(&self) -> Span {
        Span { start: self.keys * self.width, len: self.labels.classes() * self.width }
    }

    /// What the gradient has for each key, and not yet for the queries.
    pub fn inverse_temperature(&self) -> f32 {
        (1.0 / self.temperature) as f32
    }
}

/// Which rows of embeddings are queries: of each share `rows`, `stride` rows from the first of one share to that of the
/// next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QueryRows {
    pub width: usize,
    pub shares: usize,
    pub rows: usize,
    pub stride: usize,
    /// How many losses are averaged.
    pub losses: usize,
}

impl QueryRows {
    pub fn all(&self) -> impl Iterator<Item = usize> + Clone + use<> {
        let QueryRows { shares, rows, stride, .. } = *self;
        (0..shares).flat_map(move |share| share * stride..share * stride + rows)
    }

    pub fn count(&self) -> usize {
        self.shares * self.rows
    }

    /// Values of the embeddings up to the last query.
    pub fn reach(&self) -> usize {
        (self.shares.saturating_sub(1) * self.stride + self.rows) * self.width
    }
}

/// Classes that the softmax of a row leaves out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LeftOut {
    Nothing,
    /// Row `i` leaves out class `i`: itself, where queries and keys are the same embeddings.
    Itself,
    /// Row `i` leaves out the first `of` classes, but for class `first + i`: the keys of others.
    Others {
        of: usize,
        first: usize,
    },
}

impl LeftOut {
    /// Whether the softmax of a row leaves a class out.
    pub fn leaves(self, row: usize, class: usize) -> bool {
        match self {
            LeftOut::Nothing => false,
            LeftOut::Itself => class == row,
            LeftOut::Others { of, first } => class < of && class != first + row,
        }
    }
}

/// A label outside its matrix.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("label of row {row} is class {class}, outside a matrix of {rows} rows and {classes} classes")]
pub struct LabelOutside {
    row: usize,
    class: usize,
    rows: usize,
    classes: usize,
}

/// A sparse matrix of label weights, one row for each query and one column for each class.
#[derive(Clone, Debug, PartialEq)]
pub struct SoftLabels {
    classes: usize,
    /// Entries of row `i` are `offsets[i]..offsets[i + 1]`.
    offsets: Vec<usize>,
    entries: Vec<(u32, f32)>,
}

impl SoftLabels {
    /// From `(row, class, weight)` in any order; entries of the same place add up.
    ///
    /// # Errors
    /// A row or a class outside the matrix.
    pub fn new(
        rows: usize,
        classes: usize,
        entries: impl IntoIterator<Item = (usize, usize, f32)>,
    ) -> Result<SoftLabels, LabelOutside> {
        let mut entries: Vec<_> = entries.into_iter().collect();
        if let Some(&(row, class, _)) = entries.iter().find(|(row, class, _)| *row >= rows || *class >= classes) {
            return Err(LabelOutside { row, class, rows, classes });
        }
        entries.sort_by_key(|(row, ..)| *row);
        let offsets = (0..=rows).map(|row| entries.partition_point(|(at, ..)| *at < row)).collect();
        let entries = entries.into_iter().map(|(_, class, weight)| (class as u32, weight)).collect();
        Ok(SoftLabels { classes, offsets, entries })
    }

    pub fn rows(&self) -> usize {
        self.offsets.len() - 1
    }

    pub fn classes(&self) -> usize {
        self.classes
    }

    /// Class and weight of each label of a row.
    pub fn row(&self, row: usize) -> &[(u32, f32)] {
        &self.entries[self.offsets[row]..self.offsets[row + 1]]
    }

    /// Where the entries of each row begin among [`SoftLabels::entries`], and where the last end.
    pub fn offsets(&self) -> &[usize] {
        &self.offsets
    }

    /// Class and weight, row after row.
    pub fn entries(&self) -> &[(u32, f32)] {
        &self.entries
    }
}

/// Each row of `width` values divided by its length, as [`EmbeddingKernels::normalise`] does it to activations.
pub fn normalise_rows(values: &mut [f32], width: usize) {
    for row in values.chunks_exact_mut(width.max(1)) {
        let divisor = divisor(length(row.iter().copied()));
        row.iter_mut().for_each(|value| *value = (f64::from(*value) / divisor) as f32);
    }
}

/// Unlike `f64::max`, leaves the length of a row with NaN what it is.
pub(super) fn divisor(length: f64) -> f64 {
    if length < SHORTEST { SHORTEST } else { length }
}

pub(super) fn length(row: impl Iterator<Item = f32>) -> f64 {
    row.map(|value| f64::from(value) * f64::from(value)).sum::<f64>().sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_divided_by_its_length_and_zeros_and_nan_stay_what_they_are() {
        let mut rows = [2.0, 3.0, 6.0, 0.0, 0.0, 0.0, f32::NAN, 1.0, 1.0];
        normalise_rows(&mut rows, 3);
        for (found, expected) in rows.iter().zip([2.0 / 7.0, 3.0 / 7.0, 6.0 / 7.0, 0.0, 0.0, 0.0]) {
            assert!((found - expected).abs() < 1e-7);
        }
        assert!(rows[6..].iter().all(|value| value.is_nan()));
    }

    #[test]
    fn classes_are_left_out_by_row() {
        let of = |left_out: LeftOut| -> Vec<usize> { (0..6).filter(|class| left_out.leaves(1, *class)).collect() };
        assert_eq!(of(LeftOut::Nothing), [0; 0]);
        assert_eq!(of(LeftOut::Itself), [1]);
        assert_eq!(of(LeftOut::Others { of: 4, first: 0 }), [0, 2, 3]);
        assert_eq!(of(LeftOut::Others { of: 4, first: 2 }), [0, 1, 2]);
    }

    #[test]
    fn query_rows_skip_the_keys_between_shares() {
        let queries = QueryRows { width: 3, shares: 2, rows: 2, stride: 4, losses: 1 };
        assert_eq!(queries.all().collect::<Vec<_>>(), [0, 1, 4, 5]);
        assert_eq!((queries.count(), queries.reach()), (4, 18));
    }
}
