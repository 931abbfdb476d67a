//! The two products of a training step of many small classifiers, vectorised over features.
//!
//! Every sum runs in an order that depends neither on the number of classifiers nor on the number of threads: a
//! classifier gets the same bits alone or among others.

use pulp::{Simd, WithSimd};

use crate::evaluate::features::Features;

/// Classifier outputs taken together. With four rows, or two vectors of features, their sums just fit the registers.
pub const TILE: usize = 7;

/// Rows whose logits are computed together.
const GROUP: usize = 4;

/// Rows whose features and errors stay in the first-level cache while a panel's gradient is summed.
const BLOCK: usize = 64;

const PANEL: usize = Features::PANEL;

/// `logits[row][output] = features[row] . weights[output]` for a few rows.
pub struct Logits<'a> {
    pub features: &'a Features,
    pub rows: &'a [u32],
    /// In panels: `[stride / PANEL][outputs][PANEL]`, outputs a multiple of [`TILE`].
    pub weights: &'a [f32],
    /// `rows.len()` x outputs.
    pub logits: &'a mut [f32],
}

impl WithSimd for Logits<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let outputs = self.logits.len() / self.rows.len();
        for (rows, logits) in self.rows.chunks(GROUP).zip(self.logits.chunks_mut(GROUP * outputs)) {
            // A last group that is not full computes its last row more than once.
            let inputs: [&[S::f32s]; GROUP] =
                std::array::from_fn(|at| S::as_simd_f32s(self.features.row(rows[at.min(rows.len() - 1)] as usize)).0);
            for first in (0..outputs).step_by(TILE) {
                // As many vectors as make up the widest: the order of a sum is then that of the widest, whatever there is.
                let sums = match S::F32_LANES {
                    16 => tile_of_logits::<S, 1>(simd, inputs, self.weights, outputs, first),
                    8 => tile_of_logits::<S, 2>(simd, inputs, self.weights, outputs, first),
                    4 => tile_of_logits::<S, 4>(simd, inputs, self.weights, outputs, first),
                    _ => tile_of_logits::<S, 16>(simd, inputs, self.weights, outputs, first),
                };
                for (row, sums) in logits.chunks_exact_mut(outputs).zip(sums) {
                    for (logit, sum) in row[first..first + TILE].iter_mut().zip(sums) {
                        *logit = simd.reduce_sum_f32s(sum);
                    }
                }
            }
        }
    }
}

/// Sums of a tile: those of every `PARTS`-th vector apart, then halves added to halves as the sum over a vector goes on.
#[inline(always)]
fn tile_of_logits<S: Simd, const PARTS: usize>(
    simd: S,
    inputs: [&[S::f32s]; GROUP],
    weights: &[f32],
    outputs: usize,
    first: usize,
) -> [[S::f32s; TILE]; GROUP] {
    let vectors = PANEL / S::F32_LANES;
    let mut parts = [[[simd.splat_f32s(0.0); TILE]; GROUP]; PARTS];
    for (part, sums) in parts.iter_mut().enumerate() {
        for (panel, weights) in weights.chunks_exact(outputs * PANEL).enumerate() {
            let weights = S::as_simd_f32s(&weights[first * PANEL..][..TILE * PANEL]).0;
            let weights: [&[S::f32s]; TILE] = std::array::from_fn(|output| &weights[output * vectors..][..vectors]);
            let inputs = inputs.map(|row| &row[panel * vectors..][..vectors]);
            for at in (part..vectors).step_by(PARTS) {
                let row: [S::f32s; GROUP] = std::array::from_fn(|index| inputs[index][at]);
                for output in 0..TILE {
                    let weight = weights[output][at];
                    for (sums, input) in sums.iter_mut().zip(row) {
                        sums[output] = simd.mul_add_f32s(weight, input, sums[output]);
                    }
                }
            }
        }
    }
    let mut half = PARTS / 2;
    while half > 0 {
        for part in 0..half {
            let upper = parts[part + half];
            for (sums, upper) in parts[part].iter_mut().flatten().zip(upper.iter().flatten()) {
                *sums = simd.add_f32s(*sums, *upper);
            }
        }
        half /= 2;
    }
    parts[0]
}

/// SGD on one panel of features: PyTorch's order of operations, `m = momentum m + (g + decay w)`, `w -= rate m`, with
/// `g[output] = sum over rows of errors[row][output] x features[row]`.
pub struct Update<'a> {
    pub features: &'a Features,
    pub rows: &'a [u32],
    /// `rows.len()` x outputs: the loss's gradient with respect to the logits.
    pub errors: &'a [f32],
    pub panel: usize,
    /// Learning rate of each output.
    pub rates: &'a [f32],
    pub momentum: f32,
    pub weight_decay: f32,
    /// `[outputs][PANEL]`.
    pub weights: &'a mut [f32],
    pub velocity: &'a mut [f32],
    pub scratch: &'a mut Scratch,
}

/// Working memory of an [`Update`], kept between panels.
#[derive(Default)]
pub struct Scratch {
    block: Vec<f32>,
    gradient: Vec<f32>,
}

impl WithSimd for Update<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let outputs = self.rates.len();
        let Scratch { block, gradient } = self.scratch;
        gradient.clear();
        gradient.resize(outputs * PANEL, 0.0);
        for (rows, errors) in self.rows.chunks(BLOCK).zip(self.errors.chunks(BLOCK * outputs)) {
            block.clear();
            for row in rows {
                block.extend_from_slice(&self.features.row(*row as usize)[self.panel * PANEL..][..PANEL]);
            }
            for first in (0..outputs).step_by(TILE) {
                add_tile_of_gradient(simd, block, errors, outputs, first, gradient);
            }
        }
        let (momentum, decay) = (simd.splat_f32s(self.momentum), simd.splat_f32s(self.weight_decay));
        let (gradient, weights) = (S::as_simd_f32s(gradient).0, S::as_mut_simd_f32s(self.weights).0);
        let velocity = S::as_mut_simd_f32s(self.velocity).0;
        let vectors = PANEL / S::F32_LANES;
        let by_output = gradient.chunks_exact(vectors).zip(weights.chunks_exact_mut(vectors));
        let by_output = by_output.zip(velocity.chunks_exact_mut(vectors)).zip(self.rates);
        for (((gradient, weights), velocity), rate) in by_output {
            let step = simd.splat_f32s(-rate);
            for ((gradient, weight), velocity) in gradient.iter().zip(weights).zip(velocity) {
                let gradient = simd.mul_add_f32s(decay, *weight, *gradient);
                *velocity = simd.mul_add_f32s(momentum, *velocity, gradient);
                *weight = simd.mul_add_f32s(step, *velocity, *weight);
            }
        }
    }
}

#[inline(always)]
fn add_tile_of_gradient<S: Simd>(
    simd: S,
    block: &[f32],
    errors: &[f32],
    outputs: usize,
    first: usize,
    gradient: &mut [f32],
) {
    let vectors = PANEL / S::F32_LANES;
    let block = S::as_simd_f32s(block).0;
    let gradient = &mut S::as_mut_simd_f32s(gradient).0[first * vectors..][..TILE * vectors];
    for at in (0..vectors).step_by(2) {
        let mut sums: [[S::f32s; 2]; TILE] =
            std::array::from_fn(|output| [gradient[output * vectors + at], gradient[output * vectors + at + 1]]);
        for (features, errors) in block.chunks_exact(vectors).zip(errors.chunks_exact(outputs)) {
            let [left, right] = [features[at], features[at + 1]];
            for (sums, error) in sums.iter_mut().zip(&errors[first..first + TILE]) {
                let error = simd.splat_f32s(*error);
                sums[0] = simd.mul_add_f32s(error, left, sums[0]);
                sums[1] = simd.mul_add_f32s(error, right, sums[1]);
            }
        }
        for (output, sums) in sums.into_iter().enumerate() {
            gradient[output * vectors + at] = sums[0];
            gradient[output * vectors + at + 1] = sums[1];
        }
    }
}

#[cfg(test)]
mod tests {
    use pulp::Arch;
    use rand::RngExt;

    use super::*;
    use crate::random::{Key, Purpose};

    /// Every kind of vectors that this machine has, narrow ones first.
    fn kinds() -> Vec<Arch> {
        let mut kinds = vec![Arch::Scalar];
        #[cfg(target_arch = "x86_64")]
        kinds.extend(pulp::x86::V3::try_new().map(Arch::V3));
        kinds.push(Arch::new());
        kinds
    }

    #[test]
    fn logits_have_the_same_bits_with_any_vectors() {
        let (rows, width, outputs) = (7, 3 * PANEL, 2 * TILE);
        let mut stream = Key::new(0, Purpose::Classifier).stream();
        let mut values = |count: usize| -> Vec<f32> { (0..count).map(|_| stream.random_range(-1.0..1.0)).collect() };
        let mut features = Features::with_capacity(rows, width);
        features.extend(&values(rows * width));
        let weights = values(outputs * width);
        let chosen: Vec<u32> = (0..rows as u32).rev().collect();
        let results = kinds().into_iter().map(|arch| {
            let mut logits = vec![0.0; rows * outputs];
            arch.dispatch(Logits { features: &features, rows: &chosen, weights: &weights, logits: &mut logits });
            logits.iter().map(|logit| logit.to_bits()).collect::<Vec<u32>>()
        });
        let results: Vec<Vec<u32>> = results.collect();
        assert!(results.iter().all(|bits| *bits == results[0]));
    }
}
