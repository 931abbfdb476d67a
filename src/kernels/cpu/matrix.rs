//! Matrix products by the `gemm` crate, and transposition.

use super::Cpu;

/// A matrix with its elements `row * row_stride + column * column_stride` into `values`.
#[derive(Clone, Copy)]
pub(super) struct Matrix<'a> {
    pub values: &'a [f32],
    pub row_stride: usize,
    pub column_stride: usize,
}

impl<'a> Matrix<'a> {
    /// Its columns lie one after the other, each of `rows` values.
    pub(super) fn by_columns(values: &'a [f32], rows: usize) -> Matrix<'a> {
        Matrix { values, row_stride: 1, column_stride: rows }
    }

    /// Its rows lie one after the other, each of `columns` values.
    pub(super) fn by_rows(values: &'a [f32], columns: usize) -> Matrix<'a> {
        Matrix { values, row_stride: columns, column_stride: 1 }
    }

    /// Whether every element of a matrix of this size is inside `values`.
    fn holds(&self, rows: usize, columns: usize) -> bool {
        rows == 0
            || columns == 0
            || (rows - 1) * self.row_stride + (columns - 1) * self.column_stride < self.values.len()
    }
}

/// Columns of a product that are a piece of work: enough pieces to share out, and each as near to the peak as a whole
/// product is. They depend on the shape alone.
fn piece(columns: usize) -> usize {
    (columns / 4).clamp(128, 512).next_multiple_of(16)
}

/// `out = left right` (+ `offsets[j]` throughout column `j`), `[m, n] = [m, k] [k, n]`; `out` lies by columns.
pub(super) fn product(
    cpu: &Cpu,
    (m, k): (usize, usize),
    left: Matrix,
    right: Matrix,
    offsets: Option<&[f32]>,
    out: &mut [f32],
) {
    let n = out.len() / m;
    assert!(out.len() == m * n && left.holds(m, k) && right.holds(k, n));
    let piece = piece(n);
    cpu.each(
        out.chunks_mut(piece * m).enumerate(),
        #[inline(always)]
        |(at, out)| {
            let first = at * piece;
            let columns = out.len() / m;
            // SAFETY: `left` and `right` were seen above to hold every element of the whole product, of which these
            // are columns `first..first + columns`; `out` is `columns` columns of `m` and borrowed by this piece alone.
            unsafe {
                gemm::gemm(
                    m,
                    columns,
                    k,
                    out.as_mut_ptr(),
                    m as isize,
                    1,
                    false,
                    left.values.as_ptr(),
                    left.column_stride as isize,
                    left.row_stride as isize,
                    right.values.as_ptr().add(first * right.column_stride),
                    right.column_stride as isize,
                    right.row_stride as isize,
                    0.0f32,
                    1.0f32,
                    false,
                    false,
                    false,
                    gemm::Parallelism::None,
                );
            }
            if let Some(offsets) = offsets {
                for (column, offset) in out.chunks_exact_mut(m).zip(&offsets[first..]) {
                    column.iter_mut().for_each(|value| *value += offset);
                }
            }
        },
    );
}

/// Side of the square that is turned in registers and first-level cache.
const TILE: usize = 16;
/// Rows of the result that are a piece of work.
const ROWS: usize = 4 * TILE;

/// Writes the transpose of `from`, which lies by rows of `columns`, to `to`.
pub(super) fn transpose(cpu: &Cpu, from: &[f32], columns: usize, to: &mut [f32]) {
    let rows = from.len() / columns;
    assert!(from.len() == rows * columns && to.len() == from.len());
    cpu.each(
        to.chunks_mut(ROWS * rows).enumerate(),
        #[inline(always)]
        |(at, to)| {
            let wanted = at * ROWS..columns.min((at + 1) * ROWS);
            for first_row in (0..rows).step_by(TILE) {
                let height = TILE.min(rows - first_row);
                for first in wanted.clone().step_by(TILE) {
                    let width = TILE.min(wanted.end - first);
                    let mut tile = [[0f32; TILE]; TILE];
                    for (row, tile) in tile[..height].iter_mut().enumerate() {
                        tile[..width].copy_from_slice(&from[(first_row + row) * columns + first..][..width]);
                    }
                    for column in 0..width {
                        let to = &mut to[(first - wanted.start + column) * rows + first_row..][..height];
                        for (to, tile) in to.iter_mut().zip(&tile) {
                            *to = tile[column];
                        }
                    }
                }
            }
        },
    );
}
