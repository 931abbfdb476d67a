//! How fast a device trains a network, roughly and quickly.

use std::time::{Duration, Instant};

use candle_core::{DType, Device, Tensor};

use crate::kernels::Kernels;
use crate::model::{Mode, ModelError, Network};
use crate::recipe::Settings;

use super::Cell;
use super::cost::{FORWARD_AND_BACKWARD, encoder};

/// Long enough to be past what is slow at first; short enough to wait for.
const PATIENCE: Duration = Duration::from_millis(100);

/// Floating-point operations a second of a device in training steps of a cell's encoder, forward and backward; none for a
/// network that this build does not have. Operations are counted as in [`super::Cost`], whichever way kernels save some.
///
/// A step has as many rows as come to `step` operations: enough that the weights' own memory traffic does not rule.
///
/// # Errors
/// A step that could not be taken.
pub fn calibrate<K: Kernels>(kernels: K, settings: &Settings, step: f64) -> Result<Option<f64>, ModelError> {
    let Some(encoder) = encoder(settings) else { return Ok(None) };
    let (inputs, features) = (encoder.inputs(), encoder.features());
    let per_row = FORWARD_AND_BACKWARD * encoder.flops_per_row();
    let rows = ((step / per_row) as usize).clamp(2, settings.pretext.batch.max(2));
    let mut network = Network::of_zeros(kernels, encoder);
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

/// Rates of networks, each found out once.
#[derive(Default)]
pub struct Rates {
    known: Vec<(Settings, Option<f64>)>,
}

impl Rates {
    /// Seconds that the operations of cells take. `rate` gives the operations a second of a cell's encoder; what a
    /// network without a rate does is left out.
    ///
    /// # Errors
    /// Those of `rate`.
    pub fn seconds(
        &mut self,
        cells: &[(&Cell, f64)],
        mut rate: impl FnMut(&Settings) -> Result<Option<f64>, ModelError>,
    ) -> Result<f64, ModelError> {
        let mut seconds = 0.0;
        for (cell, flops) in cells {
            let settings = &cell.settings;
            let same = |(known, _): &&(Settings, Option<f64>)| {
                known.network == settings.network && known.data.set == settings.data.set
            };
            let found = match self.known.iter().find(same) {
                Some((_, found)) => *found,
                None => {
                    let found = rate(settings)?;
                    self.known.push((settings.clone(), found));
                    found
                }
            };
            seconds += found.map_or(0.0, |rate| flops / rate);
        }
        Ok(seconds)
    }
}
