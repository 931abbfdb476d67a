//! How fast a device is: its matrix products, and training steps of the paper's networks.

use std::time::{Duration, Instant};

use serde::Serialize;

use crate::experiment::{Cell, encoder, of_pretext};
use crate::kernels::{Features, Kernels, Linear, Span};
use crate::random::{Key, Purpose};
use crate::recipe::{Network, Settings};
use crate::train::{Batch, StepError, Trainer};

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
        Ok::<(), std::convert::Infallible>(())
    });
    let Ok(rate) = rate;
    2.0 * (side as f64).powi(3) * rate
}

/// How often `work` is done in a second. A step that a device works on after its call has returned counts for the next.
fn per_second<E>(patience: Duration, mut work: impl FnMut() -> Result<(), E>) -> Result<f64, E> {
    work()?;
    let (start, mut times) = (Instant::now(), 0u32);
    while times == 0 || start.elapsed() < patience {
        work()?;
        times += 1;
    }
    Ok(f64::from(times) / start.elapsed().as_secs_f64())
}

/// Training steps of a cell, from a batch in memory to the changed weights; none for a network that this build does not
/// have.
///
/// # Errors
/// A step that could not be taken.
pub fn steps<K: Kernels>(kernels: &K, cell: &Cell, effort: Effort) -> Result<Option<Speed>, StepError> {
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
    let rate = per_second(effort.patience, || {
        for prepared in preparation.of(batch.clone())? {
            trainer.take(prepared, 1e-3)?;
        }
        if trainer.is_full() {
            trainer.observed();
        }
        Ok::<(), StepError>(())
    })?;
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
            Ok::<(), ()>(())
        });
        assert!((1.0..=1000.0).contains(&rate.unwrap()));
        assert_eq!(per_second(Duration::ZERO, || Err::<(), _>("no")), Err("no"));
    }

    #[test]
    fn a_narrow_network_is_the_same_but_narrow() {
        let narrow = with_width(&Network::Mlp { width: 64 }, Some(4));
        assert_eq!(narrow, Network::Mlp { width: 4 });
        assert_eq!(with_width(&narrow, None), narrow);
        assert_eq!(name(&narrow), "MLP, width 4");
    }
}
