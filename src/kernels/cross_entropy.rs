//! Softmax cross-entropy of query-key similarities against soft labels, as one differentiable operation.
//!
//! The logits of a MoCo step are 512 x 4608. As tensors they would be written, read and copied a dozen times; here a
//! block of rows is multiplied, exponentiated and multiplied back while it stays in the cache, and only the gradients
//! of queries and keys are kept.

use std::sync::OnceLock;

use candle_core::{CpuStorage, CustomOp2, Error, Layout, Result, Shape, Tensor, bail};
use gemm::Parallelism;
use rayon::prelude::*;

/// Query rows taken at a time. Part of the result: it fixes the order in which products are summed.
const BLOCK: usize = 128;

/// Independent partial sums of a row. Fixed, so that a row's sum does not depend on the width of the machine's vectors.
const LANES: usize = 16;

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
    pub fn new(rows: usize, classes: usize, entries: impl IntoIterator<Item = (usize, usize, f32)>) -> Result<Self> {
        let mut entries: Vec<_> = entries.into_iter().collect();
        if let Some((row, class, _)) = entries.iter().find(|(row, class, _)| *row >= rows || *class >= classes) {
            bail!("label of row {row} is class {class}, outside a matrix of {rows} rows and {classes} classes");
        }
        entries.sort_by_key(|(row, ..)| *row);
        let offsets = (0..=rows).map(|row| entries.partition_point(|(at, ..)| *at < row)).collect();
        let entries = entries.into_iter().map(|(_, class, weight)| (class as u32, weight)).collect();
        Ok(SoftLabels { classes, offsets, entries })
    }

    fn rows(&self) -> usize {
        self.offsets.len() - 1
    }

    fn row(&self, row: usize) -> &[(u32, f32)] {
        &self.entries[self.offsets[row]..self.offsets[row + 1]]
    }
}

/// Classes that the softmax of a row leaves out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LeftOut {
    Nothing,
    /// Row `i` leaves out class `i`: itself, where queries and keys are the same embeddings.
    Itself,
    /// Row `i` leaves out the first classes, as many as there are rows, except class `i`: the keys of others.
    OtherRows,
}

/// Mean over queries of `sum over classes of label x -log softmax(query . key / temperature)`, a scalar.
///
/// `queries` is `[N, C]`, `keys` `[M, C]`, `labels` N x M; both are f32. Gradients reach the queries, and the keys
/// unless they are detached. Bit-identical whatever the number of threads.
///
/// # Errors
/// Shapes that do not fit each other or the labels; another type than f32; a device without this operation.
pub fn cross_entropy(
    queries: &Tensor,
    keys: &Tensor,
    labels: SoftLabels,
    left_out: LeftOut,
    temperature: f64,
) -> Result<Tensor> {
    let (rows, width) = queries.dims2()?;
    let (classes, key_width) = keys.dims2()?;
    if (rows, classes) != (labels.rows(), labels.classes) || width != key_width || rows == 0 {
        bail!(
            "queries {:?} and keys {:?} do not fit {} x {} labels",
            queries.dims(),
            keys.dims(),
            labels.rows(),
            labels.classes
        );
    }
    let operation = CrossEntropy {
        labels,
        left_out,
        inverse_temperature: (1.0 / temperature) as f32,
        keys_need_gradient: keys.track_op(),
        gradients: OnceLock::new(),
    };
    queries.contiguous()?.apply_op2(&keys.contiguous()?, operation)
}

struct CrossEntropy {
    labels: SoftLabels,
    left_out: LeftOut,
    inverse_temperature: f32,
    keys_need_gradient: bool,
    /// Of queries and keys; the forward pass has everything at hand to compute them.
    gradients: OnceLock<(Vec<f32>, Option<Vec<f32>>)>,
}

impl CustomOp2 for CrossEntropy {
    fn name(&self) -> &'static str {
        "cross-entropy"
    }

    fn cpu_fwd(
        &self,
        queries: &CpuStorage,
        query_layout: &Layout,
        keys: &CpuStorage,
        key_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let (loss, query_gradient, key_gradient) =
            self.evaluate(contiguous(queries, query_layout)?, contiguous(keys, key_layout)?);
        if self.gradients.set((query_gradient, key_gradient)).is_err() {
            bail!("cross-entropy was evaluated twice");
        }
        Ok((CpuStorage::F32(vec![loss]), Shape::from(())))
    }

    fn bwd(
        &self,
        queries: &Tensor,
        keys: &Tensor,
        _loss: &Tensor,
        gradient: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        let Some((query_gradient, key_gradient)) = self.gradients.get() else {
            bail!("cross-entropy was differentiated before it was evaluated");
        };
        let factor = f64::from(gradient.to_scalar::<f32>()?);
        let scaled = |values: &[f32], of: &Tensor| Tensor::from_slice(values, of.shape(), of.device())? * factor;
        let key_gradient = key_gradient.as_deref().map(|values| scaled(values, keys)).transpose()?;
        Ok((Some(scaled(query_gradient, queries)?), key_gradient))
    }
}

impl CrossEntropy {
    /// The loss and the gradients of queries and, where needed, keys.
    fn evaluate(&self, queries: &[f32], keys: &[f32]) -> (f32, Vec<f32>, Option<Vec<f32>>) {
        let (rows, classes) = (self.labels.rows(), self.labels.classes);
        let width = queries.len() / rows;
        let keys_by_row = Matrix::new(keys, classes, width);
        let mut query_gradient = vec![0f32; queries.len()];
        let mut row_losses = vec![0f64; rows];
        let block = |first: usize, logits: &mut [f32], losses: &mut [f64], gradient: &mut [f32]| {
            let count = losses.len();
            let queries = Matrix::new(&queries[first * width..(first + count) * width], count, width);
            multiply(logits, queries, keys_by_row.transposed(), self.inverse_temperature);
            for (offset, (row, loss)) in logits.chunks_exact_mut(classes).zip(losses).enumerate() {
                *loss = self.softmax_gradient(first + offset, row);
            }
            multiply(gradient, Matrix::new(logits, count, classes), keys_by_row, self.inverse_temperature);
        };
        let blocks = row_losses.par_chunks_mut(BLOCK).zip(query_gradient.par_chunks_mut(BLOCK * width)).enumerate();
        let key_gradient = if self.keys_need_gradient {
            let mut logits = vec![0f32; rows * classes];
            blocks.zip(logits.par_chunks_mut(BLOCK * classes)).for_each(|((index, (losses, gradient)), logits)| {
                block(index * BLOCK, logits, losses, gradient);
            });
            Some(self.key_gradient(queries, &logits))
        } else {
            blocks.for_each_init(Vec::new, |logits, (index, (losses, gradient))| {
                logits.resize(losses.len() * classes, 0f32);
                block(index * BLOCK, logits, losses, gradient);
            });
            None
        };
        let loss = row_losses.iter().sum::<f64>() / rows as f64;
        (loss as f32, query_gradient, key_gradient)
    }

    /// Turns the logits of a row into their gradient under the mean over rows and gives the row's own loss.
    fn softmax_gradient(&self, row: usize, logits: &mut [f32]) -> f64 {
        let rows = self.labels.rows();
        match self.left_out {
            LeftOut::Nothing => {}
            LeftOut::Itself => logits[row] = f32::NEG_INFINITY,
            LeftOut::OtherRows => {
                logits[..row].fill(f32::NEG_INFINITY);
                logits[row + 1..rows].fill(f32::NEG_INFINITY);
            }
        }
        let labels = self.labels.row(row);
        let weight: f64 = labels.iter().map(|(_, weight)| f64::from(*weight)).sum();
        let at_labels: f64 =
            labels.iter().map(|(class, weight)| f64::from(*weight) * f64::from(logits[*class as usize])).sum();
        let log_sum = pulp::Arch::new().dispatch(Softmax { logits: &mut *logits, total: weight / rows as f64 });
        for (class, weight) in labels {
            logits[*class as usize] -= weight / rows as f32;
        }
        weight * log_sum - at_labels
    }

    fn key_gradient(&self, queries: &[f32], logit_gradient: &[f32]) -> Vec<f32> {
        let (rows, classes) = (self.labels.rows(), self.labels.classes);
        let width = queries.len() / rows;
        let queries = Matrix::new(queries, rows, width);
        let logit_gradient = Matrix::new(logit_gradient, rows, classes);
        let mut gradient = vec![0f32; classes * width];
        gradient.par_chunks_mut(BLOCK * width).enumerate().for_each(|(index, gradient)| {
            let columns = logit_gradient.columns(index * BLOCK, gradient.len() / width);
            multiply(gradient, columns.transposed(), queries, self.inverse_temperature);
        });
        gradient
    }
}

/// The values of a tensor that is laid out without gaps.
pub(super) fn contiguous<'a>(storage: &'a CpuStorage, layout: &Layout) -> Result<&'a [f32]> {
    let (start, end) =
        layout.contiguous_offsets().ok_or(Error::RequiresContiguous { op: "a custom operation" }.bt())?;
    Ok(&storage.as_slice::<f32>()?[start..end])
}

/// Turns logits into probabilities times `total`, and gives the logarithm of their sum of exponentials. Not a closure:
/// that would be compiled on its own, without the machine's wide vectors.
struct Softmax<'a> {
    logits: &'a mut [f32],
    total: f64,
}

impl pulp::NullaryFnOnce for Softmax<'_> {
    type Output = f64;

    #[inline(always)]
    fn call(self) -> f64 {
        let maximum = maximum(self.logits);
        let sum = exponentials(self.logits, maximum);
        let scale = (self.total / sum) as f32;
        for value in self.logits {
            *value *= scale;
        }
        f64::from(maximum) + sum.ln()
    }
}

#[inline(always)]
fn maximum(row: &[f32]) -> f32 {
    let larger = |a: f32, b: f32| if a > b { a } else { b };
    let mut lanes = [f32::NEG_INFINITY; LANES];
    let (chunks, rest) = row.as_chunks::<LANES>();
    for chunk in chunks {
        for (lane, value) in lanes.iter_mut().zip(chunk) {
            *lane = larger(*value, *lane);
        }
    }
    lanes.iter().chain(rest).fold(f32::NEG_INFINITY, |a, b| larger(*b, a))
}

/// Replaces each value by `exp(value - maximum)` and gives their sum.
#[inline(always)]
fn exponentials(row: &mut [f32], maximum: f32) -> f64 {
    let mut lanes = [0f64; LANES];
    let (chunks, rest) = row.as_chunks_mut::<LANES>();
    for chunk in chunks {
        for (lane, value) in lanes.iter_mut().zip(chunk) {
            *value = exp(*value - maximum);
            *lane += f64::from(*value);
        }
    }
    let mut sum: f64 = lanes.iter().sum();
    for value in rest {
        *value = exp(*value - maximum);
        sum += f64::from(*value);
    }
    sum
}

/// `e^x` for `x <= 0` to about one unit in the last place; 0 where that is subnormal, NaN where `x` is. The standard
/// library's is a call that no loop vectorises. Polynomial of Cephes' `expf`.
#[inline(always)]
fn exp(x: f32) -> f32 {
    const LOWEST: f32 = -87.3;
    /// Adding 1.5 x 2^23 rounds to an integer and leaves it in the lowest bits.
    const ROUNDER: f32 = 12_582_912.0;
    const LN_2_HIGH: f32 = 0.693_359_4;
    const LN_2_LOW: f32 = -2.121_944_4e-4;
    let rounded = x * std::f32::consts::LOG2_E + ROUNDER;
    let power = rounded - ROUNDER;
    let r = x - power * LN_2_HIGH - power * LN_2_LOW;
    let mut series = 1.987_569_1e-4f32;
    for coefficient in [1.398_199_9e-3, 8.333_452e-3, 4.166_579_6e-2, 1.666_666_5e-1, 0.5] {
        series = series * r + coefficient;
    }
    let scale = f32::from_bits((rounded.to_bits() << 23).wrapping_add(127 << 23));
    let value = (series * r * r + r + 1.0) * scale;
    if x < LOWEST { 0.0 } else { value }
}

/// A view of a matrix: element `(i, j)` is `values[i * row_stride + j * column_stride]`.
#[derive(Clone, Copy)]
struct Matrix<'a> {
    values: &'a [f32],
    rows: usize,
    columns: usize,
    row_stride: usize,
    column_stride: usize,
}

impl<'a> Matrix<'a> {
    fn new(values: &'a [f32], rows: usize, columns: usize) -> Self {
        assert_eq!(values.len(), rows * columns, "a {rows} x {columns} matrix");
        Matrix { values, rows, columns, row_stride: columns, column_stride: 1 }
    }

    fn transposed(self) -> Self {
        Matrix {
            rows: self.columns,
            columns: self.rows,
            row_stride: self.column_stride,
            column_stride: self.row_stride,
            ..self
        }
    }

    fn columns(self, first: usize, count: usize) -> Self {
        assert!(first + count <= self.columns, "columns {first}..{} of {}", first + count, self.columns);
        Matrix { values: &self.values[first * self.column_stride..], columns: count, ..self }
    }
}

/// `out = scale x left x right`, row by row, on the calling thread.
fn multiply(out: &mut [f32], left: Matrix, right: Matrix, scale: f32) {
    assert_eq!((out.len(), left.columns), (left.rows * right.columns, right.rows), "matrix shapes");
    // SAFETY: `out` holds rows x columns values, as asserted; a view reaches no further than its slice, as its
    // constructors assert; `out` is borrowed mutably, so it overlaps neither view. Strides fit isize as slices do.
    unsafe {
        gemm::gemm(
            left.rows,
            right.columns,
            left.columns,
            out.as_mut_ptr(),
            1,
            right.columns as isize,
            false,
            left.values.as_ptr(),
            left.column_stride as isize,
            left.row_stride as isize,
            right.values.as_ptr(),
            right.column_stride as isize,
            right.row_stride as isize,
            0.0,
            scale,
            false,
            false,
            false,
            Parallelism::None,
        );
    }
}

#[cfg(test)]
#[path = "cross_entropy_tests.rs"]
mod tests;
