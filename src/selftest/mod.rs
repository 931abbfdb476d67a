//! Whether a device computes what it should: each kernel, then whole training steps, against a reference.
//!
//! Inputs are drawn from streams of our own, so that a check is the same on every machine. The error of a kernel is its
//! largest difference, as a share of the largest value that the reference gives; that of a step is the distance of all
//! values, as a share of their length, because a few may differ by much: see [`Check::tolerance`].

mod compare;
mod embeddings;
mod inputs;
mod operations;
mod rounded;
mod shapes;
mod steps;

use serde::Serialize;

use crate::kernels::device::catch;
use crate::kernels::{Kernels, Precision};

use compare::largest_error;
use inputs::Output;
use rounded::Rounded;

/// One output of a device beside the reference's.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Check {
    /// What was computed, and which of its outputs this is.
    pub check: String,
    /// Sides of the inputs.
    pub shape: String,
    /// A share of what is expected; null where a value is not a number.
    pub error: f64,
    /// The largest error that passes. In f32, some 2^-24 for every rounding; TF32 keeps 10 bits of what it multiplies,
    /// bf16 keeps 7 of that and of activations. In a step, a unit that is next to zero may fall on either side of ReLU,
    /// and its gradient is there or not.
    pub tolerance: f64,
    pub ok: bool,
}

impl Check {
    fn new(check: String, shape: String, tolerance: f64, error: f64) -> Check {
        Check { check, shape, error, tolerance, ok: error <= tolerance }
    }

    /// Of what broke off: the others are still worth knowing.
    fn broken(name: &str, shape: String, failure: &dyn std::error::Error) -> Check {
        Check::new(format!("{name}: broke off: {failure}"), shape, 0.0, f64::INFINITY)
    }
}

/// What rounding to bf16 adds: half a unit in the last place is 2^-8 of a value at most, and some values are rounded
/// twice (found: 5.1e-3).
const ROUNDED: f64 = 1.0 / 128.0;

/// What an output is made of, which says how far it may be off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Arithmetic {
    /// Values moved or compared.
    Moved,
    /// A few operations a value.
    Pointwise,
    /// Sums over the rows or pixels of a share.
    Normalised,
    /// Sums of products.
    Product,
    /// Products of what products gave.
    Chained,
    /// Losses and statistics of training steps, after all layers of a network.
    Forward,
    /// Gradients of training steps, and what comes of them.
    Backward,
}

impl Arithmetic {
    /// At least 1.8 times the largest error of the emulation of a GPU on the host. That was, of TF32 that cuts off in
    /// place of rounding where it is the larger: 1.1e-6 of products; of those of products 1.1e-6 in f32 and bf16,
    /// 1.4e-3 in TF32; of the forward passes of steps 1.3e-5 in f32, 3.0e-3 in TF32, 7.3e-3 in bf16; of the backward
    /// ones 1.2e-2, 0.18,
    /// 0.32. Tensor cores add up in a way of their own: where they multiply, tolerances are wider.
    ///
    /// `rounded`: what is written is rounded where activations are.
    fn tolerance(self, precision: Precision, rounded: bool) -> f64 {
        let of_sums = match (self, precision) {
            (Arithmetic::Moved, _) => return 0.0,
            (Arithmetic::Pointwise, _) => 1e-6,
            (Arithmetic::Normalised, _) => 2e-5,
            (Arithmetic::Product, Precision::F32) => 1e-5,
            (Arithmetic::Product, Precision::Tf32 | Precision::Bf16) => 1e-4,
            (Arithmetic::Chained, Precision::F32 | Precision::Bf16) => 1e-5,
            (Arithmetic::Chained, Precision::Tf32) => 4e-3,
            (Arithmetic::Forward, Precision::F32) => 1e-4,
            (Arithmetic::Forward, Precision::Tf32) => 1e-2,
            (Arithmetic::Forward, Precision::Bf16) => 2.5e-2,
            (Arithmetic::Backward, Precision::F32) => 3e-2,
            (Arithmetic::Backward, Precision::Tf32) => 3.5e-1,
            (Arithmetic::Backward, Precision::Bf16) => 6e-1,
        };
        if rounded && precision == Precision::Bf16 { of_sums + ROUNDED } else { of_sums }
    }
}

/// Runs every check of `device`, which computes in `precision`, against `reference`, which does in f32. `tell` hears of
/// the outputs of each kernel and each step as they come.
pub fn run<K: Kernels, R: Kernels>(
    device: &K,
    reference: &R,
    precision: Precision,
    tell: &mut dyn FnMut(&[Check]),
) -> Vec<Check> {
    let mut checks = kernels(device, reference, precision, tell);
    checks.extend(steps(device, reference, precision, tell));
    checks
}

/// The checks of single kernels.
pub fn kernels<K: Kernels, R: Kernels>(
    device: &K,
    reference: &R,
    precision: Precision,
    tell: &mut dyn FnMut(&[Check]),
) -> Vec<Check> {
    let operations = shapes::all();
    let of_one = operations.iter().enumerate().map(|(number, operation)| {
        let expected = operation.run(reference, number, precision);
        let compare = |(found, expected): (&Output, &Output)| {
            let name = format!("{}: {}", operation.name(), expected.name);
            let tolerance = expected.arithmetic.tolerance(precision, expected.rounded);
            Check::new(name, operation.shape(), tolerance, largest_error(&found.values, &expected.values))
        };
        match catch(|| operation.run(device, number, precision)) {
            Ok(found) => found.iter().zip(&expected).map(compare).collect(),
            Err(failure) => vec![Check::broken(operation.name(), operation.shape(), &failure)],
        }
    });
    told(of_one, tell)
}

/// The checks of whole training steps.
pub fn steps<K: Kernels, R: Kernels>(
    device: &K,
    reference: &R,
    precision: Precision,
    tell: &mut dyn FnMut(&[Check]),
) -> Vec<Check> {
    let tolerance = |arithmetic: Arithmetic| arithmetic.tolerance(precision, false);
    let steps = steps::all();
    let of_one = steps.iter().map(|step| {
        let checks = catch(|| match precision {
            Precision::F32 => step.check(device, reference, tolerance),
            _ => step.check(device, &Rounded { kernels: reference.clone(), precision }, tolerance),
        });
        match checks {
            Ok(Ok(checks)) => checks,
            Ok(Err(error)) => vec![Check::broken(&step.name(), step.shape(), &error)],
            Err(failure) => vec![Check::broken(&step.name(), step.shape(), &failure)],
        }
    });
    told(of_one, tell)
}

fn told(parts: impl Iterator<Item = Vec<Check>>, tell: &mut dyn FnMut(&[Check])) -> Vec<Check> {
    parts.inspect(|checks| tell(checks)).flatten().collect()
}

#[cfg(test)]
mod tests;
