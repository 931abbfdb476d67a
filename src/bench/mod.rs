//! How fast a device is: its matrix products, and training steps of the paper's networks.

use std::time::{Duration, Instant};

use serde::Serialize;

use crate::experiment::{Cell, encoder, of_pretext};
use crate::kernels::{Features, Kernels, Linear, Span};
use crate::random::{Key, Purpose};
use crate::recipe::{Network, Settings};
use crate::train::{Batch, StepError, TrainError, Trainer, ahead};

/// How long things are measured, and at which sizes.
#[derive(Clone, Copy, Debug)]
pub struct Effort {
    /// Least time of a measurement, after one pass to warm up.
    pub patience: Duration,
    /// Sides of the matrices of the peak.
    pub side: usize,
    /// Operations that a training step may have: batches are halved until it has no more.
    pub step: f64,
    /// Width of every network, instead of its own.
    pub width: Option<usize>,
    /// Threads that mix batches and send them off.
    pub threads: usize,
}

/// Training steps of one network.
#[derive(Clone, Debug, Serialize)]
pub struct Speed {
    pub network: String,
    /// Items, each seen twice.
    pub batch: usize,
    /// The batch as published.
    pub published_batch: usize,
    pub steps_per_second: f64,
    pub items_per_second: f64,
    /// Operations a second, counted as in [`crate::experiment::Cost`].
    pub flops_per_second: f64,
}

/// Operations a second of a product of two square matrices.
pub fn peak<K: Kernels>(kernels: &K, effort: Effort) -> f64 {
    let side = effort.side;
    let features = Features::first(side);
    let weight = Span { start: 0, len: side * side };
    let layer = Linear { weight, bias: Span { start: 0, len: side }, x: features, y: features };
    let mut inputs = [kernels.activations(side * side), kernels.zeros(side * side)];
    let values: Vec<f32> = (0..side * side).map(|at| (at * 7919 % 1000) as f32 / 500.0 - 1.0).collect();
    inputs.iter_mut().for_each(|input| kernels.upload(&values, input));
    let mut y = kernels.activations(side * side);
    let mut product = || {
        kernels.linear(&layer, side, &inputs[0], &inputs[1], &mut y, false);
        // A device works on by itself: what is read back is done.
        kernels.download(&y, 1);
    };
    let rate = per_second(effort.patience, || {
        product();
        Ok::<usize, std::convert::Infallible>(1)
    });
    let Ok(rate) = rate;
    2.0 * (side as f64).powi(3) * rate
}

/// How often `work` is done in a second, where each call does it so many times as it says.
fn per_second<E>(patience: Duration, mut work: impl FnMut() -> Result<usize, E>) -> Result<f64, E> {
    work()?;
    let (start, mut times) = (Instant::now(), 0);
    while times == 0 || start.elapsed() < patience {
        times += work()?;
    }
    Ok(times as f64 / start.elapsed().as_secs_f64())
}

/// Training steps of a cell, as a run takes them: from batches that another thread mixes and sends off to the changed
/// weights. None for a network that this build does not have.
///
/// # Errors
/// A step that could not be taken.
pub fn steps<K: Kernels>(kernels: &K, cell: &Cell, effort: Effort) -> Result<Option<Speed>, TrainError> {
    let mut settings = Settings { network: with_width(&cell.settings.network, effort.width), ..cell.settings.clone() };
    let published_batch = settings.pretext.batch;
    settings.pretext.epochs = 1;
    let Some(mut cost) = of_pretext(&settings, published_batch) else { return Ok(None) };
    while cost.flops > effort.step && settings.pretext.batch.is_multiple_of(2) && settings.pretext.batch > 16 {
        settings.pretext.batch /= 2;
        cost = of_pretext(&settings, settings.pretext.batch).unwrap_or(cost);
    }
    let Some(plan) = encoder(&settings) else { return Ok(None) };
    let (rows, inputs) = (settings.pretext.batch, plan.inputs());
    let mut trainer = Trainer::new(kernels.clone(), plan, &settings.pretext, 0)?;
    let views = [0, 1].map(|view| {
        let mut stream = Key::new(0, Purpose::Selftest).view(view).stream();
        (0..rows * inputs).map(|_| rand::RngExt::random_range(&mut stream, -1.0..1.0)).collect::<Vec<f32>>()
    });
    let batch = Batch { epoch: 0, step: 0, rows: (0..rows as u32).collect(), shape: vec![rows, inputs], views };
    let preparation = trainer.preparation();
    let batches = std::iter::repeat_with(|| preparation.of(batch.clone()));
    let rate = ahead(batches, effort.threads, |batches| {
        // What is read back is done.
        per_second(effort.patience, || {
            while !trainer.is_full() {
                for prepared in batches.next().expect("they are repeated for ever")? {
                    trainer.take(prepared, 1e-3)?;
                }
            }
            Ok::<usize, StepError>(trainer.observed()?.len())
        })
    })??;
    Ok(Some(Speed {
        network: name(&settings.network),
        batch: rows,
        published_batch,
        steps_per_second: rate,
        items_per_second: rate * rows as f64,
        flops_per_second: rate * cost.flops,
    }))
}

fn with_width(network: &Network, width: Option<usize>) -> Network {
    let mut network = network.clone();
    if let (Some(narrow), Network::Mlp { width } | Network::Resnet { width, .. }) = (width, &mut network) {
        *width = narrow;
    }
    network
}

fn name(network: &Network) -> String {
    match network {
        Network::Mlp { width } => format!("MLP, width {width}"),
        Network::Resnet { depth, width, .. } => format!("ResNet-{depth}, width {width}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_count_what_was_done_in_time() {
        let rate = per_second(Duration::from_millis(20), || {
            std::thread::sleep(Duration::from_millis(1));
            Ok::<usize, ()>(1)
        });
        assert!((1.0..=1000.0).contains(&rate.unwrap()));
        assert_eq!(per_second(Duration::ZERO, || Err::<usize, _>("no")), Err("no"));
    }

    #[test]
    fn a_narrow_network_is_the_same_but_narrow() {
        let narrow = with_width(&Network::Mlp { width: 64 }, Some(4));
        assert_eq!(narrow, Network::Mlp { width: 4 });
        assert_eq!(with_width(&narrow, None), narrow);
        assert_eq!(name(&narrow), "MLP, width 4");
    }
}
