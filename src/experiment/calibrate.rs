//! How fast this machine is, roughly and quickly.

use std::time::{Duration, Instant};

use candle_core::{DType, Device, Result, Tensor};

/// Long enough to be past the first, slow calls; short enough to wait for.
const PATIENCE: Duration = Duration::from_millis(150);

/// Floating-point operations a second of an f32 matrix product of `rows` x `inner` by `inner` x `columns` on every
/// core. Training reaches a part of it, so that times taken from it are estimates from below.
pub fn calibrate(rows: usize, inner: usize, columns: usize) -> Result<f64> {
    // A product beyond this size runs no faster, and would take too long.
    let (rows, inner, columns) = (rows.clamp(1, 512), inner.clamp(1, 1024), columns.clamp(1, 1024));
    let left = Tensor::ones((rows, inner), DType::F32, &Device::Cpu)?;
    let right = Tensor::ones((inner, columns), DType::F32, &Device::Cpu)?;
    left.matmul(&right)?;
    let (start, mut products) = (Instant::now(), 0u32);
    while start.elapsed() < PATIENCE {
        left.matmul(&right)?;
        products += 1;
    }
    let flops = 2.0 * rows as f64 * inner as f64 * columns as f64 * f64::from(products);
    Ok(flops / start.elapsed().as_secs_f64())
}
