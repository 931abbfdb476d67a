//! Softmax cross-entropy of query-key similarities against soft labels.
//!
//! The logits of a MoCo step are 512 x 4608. In separate passes they would be written, read and copied a dozen times;
//! here a block of rows is multiplied, exponentiated and multiplied back while it stays in the cache, and only the
//! gradients of queries and keys are kept.

use gemm::Parallelism;

use super::{Cpu, scratch};
use crate::kernels::{CrossEntropy, LeftOut};

/// Query rows taken at a time. Part of the result: it fixes the order in which products are summed.
const BLOCK: usize = 128;

/// Independent partial sums of a row. Fixed, so that a row's sum does not depend on the width of the machine's vectors.
const LANES: usize = 16;

/// The loss; `queries` and `keys` hold just the rows of the operation, `gradient` all rows of its buffer.
pub(super) fn cross_entropy(
    cpu: &Cpu,
    operation: &CrossEntropy,
    queries: &[f32],
    keys: &[f32],
    gradient: &mut [f32],
) -> f32 {
    let CrossEntropy { width, ref labels, .. } = *operation;
    let (rows, classes) = (labels.rows(), labels.classes());
    let (inverse_temperature, of_shares) = (operation.inverse_temperature(), 1.0 / operation.shares as f32);
    let keys = Matrix::new(keys, classes, width);
    let mut losses = vec![0f64; rows];
    // Where keys learn, the gradients of all logits are kept for them.
    let kept = if operation.keys_learn { rows * classes } else { 0 };
    let for_keys = if operation.keys_learn { classes * width } else { 0 };
    scratch::shared(kept + for_keys, |memory| {
        let (logits, for_keys) = memory.split_at_mut(kept);
        let block = |first: usize, logits: &mut [f32], losses: &mut [f64], gradient: &mut [f32]| {
            let count = losses.len();
            let queries = Matrix::new(&queries[first * width..(first + count) * width], count, width);
            multiply(logits, queries, keys.transposed(), inverse_temperature);
            for (offset, (row, loss)) in logits.chunks_exact_mut(classes).zip(losses).enumerate() {
                *loss = softmax_gradient(operation, first + offset, row);
            }
            multiply(gradient, Matrix::new(logits, count, classes), keys, inverse_temperature);
            scale(gradient, of_shares);
        };
        let of_queries = &mut gradient[operation.query_span().range()];
        let blocks = losses.chunks_mut(BLOCK).zip(of_queries.chunks_mut(BLOCK * width)).enumerate();
        if operation.keys_learn {
            cpu.each(blocks.zip(logits.chunks_mut(BLOCK * classes)), |((index, (losses, gradient)), logits)| {
                block(index * BLOCK, logits, losses, gradient)
            });
            key_gradient(cpu, operation, queries, logits, for_keys);
            scale(for_keys, of_shares);
            let of_keys = &mut gradient[operation.key_span().range()];
            if operation.query_span() == operation.key_span() {
                of_keys.iter_mut().zip(&*for_keys).for_each(|(sum, value)| *sum += value);
            } else {
                of_keys.copy_from_slice(for_keys);
            }
        } else {
            cpu.each(blocks, |(index, (losses, gradient))| {
                let len = losses.len() * classes;
                scratch::own(len, |logits| block(index * BLOCK, logits, losses, gradient));
            });
        }
    });
    (losses.iter().sum::<f64>() / rows as f64) as f32
}

fn scale(values: &mut [f32], by: f32) {
    values.iter_mut().for_each(|value| *value *= by);
}

/// Turns the logits of a row into their gradient under the mean over rows and gives the row's own loss.
fn softmax_gradient(operation: &CrossEntropy, row: usize, logits: &mut [f32]) -> f64 {
    let rows = operation.labels.rows();
    match operation.left_out {
        LeftOut::Nothing => {}
        LeftOut::Itself => logits[row] = f32::NEG_INFINITY,
        LeftOut::Others { of, first } => {
            logits[..first + row].fill(f32::NEG_INFINITY);
            logits[first + row + 1..of].fill(f32::NEG_INFINITY);
        }
    }
    let labels = operation.labels.row(row);
    let weight: f64 = labels.iter().map(|(_, weight)| f64::from(*weight)).sum();
    let at_labels: f64 =
        labels.iter().map(|(class, weight)| f64::from(*weight) * f64::from(logits[*class as usize])).sum();
    let log_sum = pulp::Arch::new().dispatch(Softmax { logits: &mut *logits, total: weight / rows as f64 });
    for (class, weight) in labels {
        logits[*class as usize] -= weight / rows as f32;
    }
    weight * log_sum - at_labels
}

fn key_gradient(cpu: &Cpu, operation: &CrossEntropy, queries: &[f32], logit_gradient: &[f32], gradient: &mut [f32]) {
    let CrossEntropy { width, ref labels, .. } = *operation;
    let (rows, classes) = (labels.rows(), labels.classes());
    let queries = Matrix::new(queries, rows, width);
    let logit_gradient = Matrix::new(logit_gradient, rows, classes);
    cpu.each(gradient.chunks_mut(BLOCK * width).enumerate(), |(index, gradient)| {
        let columns = logit_gradient.columns(index * BLOCK, gradient.len() / width);
        multiply(gradient, columns.transposed(), queries, operation.inverse_temperature());
    });
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
