//! How fast this machine trains a network, roughly and quickly.

use std::time::{Duration, Instant};

use candle_core::{DType, Device, Tensor};

use crate::kernels::Cpu;
use crate::model::{Mode, ModelError, Network};
use crate::recipe::Settings;

use super::cost::{FORWARD_AND_BACKWARD, encoder};

/// Long enough to be past what is slow at first; short enough to wait for.
const PATIENCE: Duration = Duration::from_millis(100);
/// Operations of one step: enough rows that the weights' own memory traffic does not rule.
const STEP: f64 = 1e10;

/// Floating-point operations a second of one core in training steps of a cell's encoder, forward and backward; none for a
/// network that this build does not have. Operations are counted as in [`super::Cost`], whichever way kernels save some.
///
/// # Errors
/// A step that could not be taken.
pub fn calibrate(settings: &Settings) -> Result<Option<f64>, ModelError> {
    let Some(encoder) = encoder(settings) else { return Ok(None) };
    let (inputs, features) = (encoder.inputs(), encoder.features());
    let per_row = FORWARD_AND_BACKWARD * encoder.flops_per_row();
    let rows = ((STEP / per_row) as usize).clamp(2, settings.pretext.batch.max(2));
    let mut network = Network::of_zeros(Cpu::new(1), encoder);
    let input: Vec<f32> = (0..rows * inputs).map(|at| (at * 7919 % 1000) as f32 / 500.0 - 1.0).collect();
    let gradient = Tensor::ones((rows, features), DType::F32, &Device::Cpu)?;
    let mut step = || {
        network.forward(&input, rows, Mode::Train { replicas: 1 })?;
        network.backward(&gradient)
    };
    step()?;
    let (start, mut steps) = (Instant::now(), 0u32);
    while start.elapsed() < PATIENCE {
        step()?;
        steps += 1;
    }
    Ok(Some(per_row * rows as f64 * f64::from(steps) / start.elapsed().as_secs_f64()))
}
