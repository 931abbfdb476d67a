//! How far apart the embeddings of a batch are.

use candle_core::{Result, Tensor};

/// Embeddings with less [`spread`] than this are equal but for rounding: training has collapsed.
pub const COLLAPSED: f32 = 1e-6;

/// The standard deviation over the batch of each column of the normalised `embeddings` `[N, C]`, averaged over the
/// columns: about 1/sqrt(C) where they are spread evenly over the sphere, 0 where all point the same way, NaN where
/// one of them has a NaN.
///
/// # Errors
/// Another rank than 2; another type than f32.
pub fn spread(embeddings: &Tensor) -> Result<f32> {
    let (rows, width) = embeddings.dims2()?;
    let normalised = crate::kernels::normalise::normalise(&embeddings.detach())?.flatten_all()?.to_vec1::<f32>()?;
    let mean_of = |term: &dyn Fn(usize, f64) -> f64| {
        let mut means = vec![0f64; width];
        for row in normalised.chunks_exact(width.max(1)) {
            for (column, (mean, value)) in means.iter_mut().zip(row).enumerate() {
                *mean += term(column, f64::from(*value)) / rows as f64;
            }
        }
        means
    };
    let means = mean_of(&|_, value| value);
    let variances = mean_of(&|column, value| (value - means[column]).powi(2));
    Ok((variances.iter().map(|variance| variance.sqrt()).sum::<f64>() / width as f64) as f32)
}
