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
