//! Second moments of features and what they are made of, in f64: the same bits for any number of threads.

use faer::diag::Diag;
use faer::dyn_stack::{MemBuffer, MemStack};
use faer::linalg::evd::{ComputeEigenvectors, self_adjoint_evd, self_adjoint_evd_scratch};
use faer::linalg::matmul::matmul;
use faer::{Accum, Mat, MatMut, MatRef, Par};
use rayon::prelude::*;

use super::EvaluateError;

/// Rows that are worth taking in at a time.
pub const ROWS: usize = 1024;

/// Columns that one task computes.
const COLUMNS: usize = 128;

/// `X'X` of rows that pass by.
pub struct SecondMoments {
    width: usize,
    /// Lower triangle, column-major.
    values: Vec<f64>,
}

impl SecondMoments {
    pub fn new(width: usize) -> SecondMoments {
        SecondMoments { width, values: vec![0.0; width * width] }
    }

    /// Features of a row.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Takes in `rows`, row-major, on the threads of the pool that it is called in.
    pub fn add(&mut self, rows: &[f64]) {
        let width = self.width;
        let rows = MatRef::from_row_major_slice(rows, rows.len() / width, width);
        self.values.par_chunks_mut(COLUMNS * width).enumerate().for_each(|(index, columns)| {
            let first = index * COLUMNS;
            let count = columns.len() / width;
            let below = MatMut::from_column_major_slice_mut(columns, width, count).subrows_mut(first, width - first);
            let (left, right) = (rows.subcols(first, width - first).transpose(), rows.subcols(first, count));
            matmul(below, Accum::Add, left, right, 1.0, Par::Seq);
        });
    }

    /// The sums: only their lower triangle is filled.
    pub fn matrix(&self) -> MatRef<'_, f64> {
        MatRef::from_column_major_slice(&self.values, self.width, self.width)
    }
}

/// A symmetric matrix without negative eigenvalues, taken apart.
pub struct Eigen {
    /// In ascending order.
    pub values: Vec<f64>,
    /// In the columns.
    pub vectors: Mat<f64>,
    /// Eigenvalues up to this one count as 0: `features x epsilon x the largest`, as in NumPy's `matrix_rank`.
    pub cut_off: f64,
}

impl Eigen {
    /// Reads the lower triangle. The decomposition runs on one thread, since its bits depend on how many it has.
    pub fn of(lower: MatRef<f64>) -> Result<Eigen, EvaluateError> {
        let width = lower.nrows();
        let mut values = Diag::<f64>::zeros(width);
        let mut vectors = Mat::<f64>::zeros(width, width);
        let scratch = self_adjoint_evd_scratch::<f64>(width, ComputeEigenvectors::Yes, Par::Seq, Default::default());
        self_adjoint_evd(
            lower,
            values.as_mut(),
            Some(vectors.as_mut()),
            Par::Seq,
            MemStack::new(&mut MemBuffer::new(scratch)),
            Default::default(),
        )
        .map_err(|error| EvaluateError::Eigenvalues(format!("{error:?}")))?;
        let values: Vec<f64> = values.column_vector().iter().copied().collect();
        let largest = values.iter().copied().fold(0.0, f64::max);
        Ok(Eigen { values, vectors, cut_off: width as f64 * f64::EPSILON * largest })
    }
}
