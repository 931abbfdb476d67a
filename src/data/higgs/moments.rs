//! Means and deviations of inputs that pass by in blocks.

use super::block::{Block, WIDTH};

/// What the official `tabular.py` adds to a deviation before it divides by it.
const FLOOR: f64 = 1e-7;

/// Count, means and sums of squared distances from them, merged block by block (Chan, Golub and LeVeque, 1979).
#[derive(Default)]
pub(super) struct Moments {
    count: f64,
    mean: [f64; WIDTH],
    squares: [f64; WIDTH],
}

impl Moments {
    pub fn add(&mut self, block: &Block) {
        let rows = block.rows() as f64;
        if rows == 0.0 {
            return;
        }
        let count = self.count + rows;
        for column in 0..WIDTH {
            let values = || block.column(column).map(f64::from);
            let mean = values().sum::<f64>() / rows;
            let squares: f64 = values().map(|value| (value - mean).powi(2)).sum();
            let apart = mean - self.mean[column];
            self.mean[column] += apart * rows / count;
            self.squares[column] += squares + apart * apart * self.count * rows / count;
        }
        self.count = count;
    }

    /// With NumPy's population deviation.
    pub fn scaling(&self) -> Scaling {
        let deviation = self.squares.map(|squares| (squares / self.count).sqrt() + FLOOR);
        Scaling { mean: self.mean, deviation }
    }
}

/// Takes inputs to mean 0 and deviation 1.
pub(super) struct Scaling {
    mean: [f64; WIDTH],
    deviation: [f64; WIDTH],
}

impl Scaling {
    /// Row-major inputs.
    pub fn apply(&self, inputs: &mut [f32]) {
        for row in inputs.chunks_exact_mut(WIDTH) {
            for (value, (mean, deviation)) in row.iter_mut().zip(self.mean.iter().zip(&self.deviation)) {
                *value = ((f64::from(*value) - mean) / deviation) as f32;
            }
        }
    }
}
