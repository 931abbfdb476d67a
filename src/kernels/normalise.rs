//! L2 normalisation of rows, as one differentiable operation.

use candle_core::{CpuStorage, CustomOp1, Layout, Result, Shape, Tensor, bail};

use super::cross_entropy::contiguous;

/// A row shorter than this is divided by this (default of PyTorch's `F.normalize`).
const SHORTEST: f64 = 1e-12;

/// Each row of `rows` `[N, C]` divided by its Euclidean length, or by 1e-12 where it is shorter (`F.normalize`).
///
/// # Errors
/// Another rank than 2; another type than f32; a device without this operation.
pub fn normalise(rows: &Tensor) -> Result<Tensor> {
    rows.dims2()?;
    rows.contiguous()?.apply_op1(Normalise)
}

struct Normalise;

impl CustomOp1 for Normalise {
    fn name(&self) -> &'static str {
        "normalise"
    }

    fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let width = layout.dims()[1].max(1);
        let mut rows = contiguous(storage, layout)?.to_vec();
        for row in rows.chunks_exact_mut(width) {
            let divisor = divisor(length(row));
            row.iter_mut().for_each(|value| *value = (f64::from(*value) / divisor) as f32);
        }
        Ok((CpuStorage::F32(rows), layout.shape().clone()))
    }

    fn bwd(&self, rows: &Tensor, normalised: &Tensor, gradient: &Tensor) -> Result<Option<Tensor>> {
        let width = rows.dim(1)?.max(1);
        let host = |tensor: &Tensor| tensor.flatten_all()?.to_vec1::<f32>();
        let (inputs, outputs, mut gradients) = (host(rows)?, host(normalised)?, host(gradient)?);
        if gradients.len() != inputs.len() {
            bail!("gradient {:?} of normalised rows {:?}", gradient.dims(), rows.dims());
        }
        let each = inputs.chunks_exact(width).zip(outputs.chunks_exact(width)).zip(gradients.chunks_exact_mut(width));
        for ((input, output), gradient) in each {
            let length = length(input);
            // Below the shortest length the divisor is a constant, and so has no gradient.
            let along = if length < SHORTEST { 0.0 } else { dot(output, gradient) };
            let divisor = divisor(length);
            for (gradient, output) in gradient.iter_mut().zip(output) {
                *gradient = ((f64::from(*gradient) - along * f64::from(*output)) / divisor) as f32;
            }
        }
        Ok(Some(Tensor::from_vec(gradients, rows.shape(), rows.device())?))
    }
}

/// Unlike `f64::max`, leaves the length of a row with NaN what it is.
fn divisor(length: f64) -> f64 {
    if length < SHORTEST { SHORTEST } else { length }
}

fn length(row: &[f32]) -> f64 {
    dot(row, row).sqrt()
}

fn dot(a: &[f32], b: &[f32]) -> f64 {
    a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum()
}

#[cfg(test)]
mod tests {
    use candle_core::{Device, Var};

    use super::*;

    fn normalised(values: &[f32], weights: &[f32]) -> (Vec<f32>, Vec<f32>) {
        let rows = Var::from_slice(values, (values.len() / 3, 3), &Device::Cpu).unwrap();
        let weights = Tensor::from_slice(weights, rows.shape(), &Device::Cpu).unwrap();
        let out = normalise(&rows).unwrap();
        let gradients = (&out * weights).unwrap().sum_all().unwrap().backward().unwrap();
        let flat = |tensor: &Tensor| tensor.flatten_all().unwrap().to_vec1::<f32>().unwrap();
        (flat(&out), flat(gradients.get(&rows).unwrap()))
    }

    /// Of (2, 3, 6), which has length 7, the gradient of `w . x / |x|` is `(w - y (y . w)) / 7`.
    #[test]
    fn a_row_is_divided_by_its_length() {
        let (out, gradient) = normalised(&[2.0, 3.0, 6.0], &[1.0, -1.0, 0.5]);
        let y = [2.0 / 7.0, 3.0 / 7.0, 6.0 / 7.0];
        let along = y[0] - y[1] + 0.5 * y[2];
        for (index, weight) in [1.0, -1.0, 0.5].into_iter().enumerate() {
            assert!((out[index] - y[index]).abs() < 1e-7);
            assert!((gradient[index] - (weight - y[index] * along) / 7.0).abs() < 1e-7);
        }
    }

    /// PyTorch gives the same: 0 in the forward pass and the incoming gradient over 1e-12 in the backward one.
    #[test]
    fn a_row_of_zeros_stays_zero_without_nan() {
        let (out, gradient) = normalised(&[0.0; 3], &[1.0, 0.0, -2.0]);
        assert_eq!(out, [0.0; 3]);
        assert_eq!(gradient, [1e12, 0.0, -2e12]);
    }

    #[test]
    fn nan_stays_in_its_row() {
        let (out, _) = normalised(&[f32::NAN, 1.0, 1.0, 0.0, 2.0, 0.0], &[1.0; 6]);
        assert!(out[..3].iter().all(|value| value.is_nan()));
        assert_eq!(out[3..], [0.0, 1.0, 0.0]);
    }
}
