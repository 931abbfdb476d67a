//! Whether a device computes what it should: each kernel, then whole training steps, against a reference.
//!
//! Inputs are drawn from streams of our own, so that a check is the same on every machine. The error of a kernel is its
//! largest difference, as a share of the largest value that the reference gives; that of a step is the distance of all
//! values, as a share of their length, because a few may differ by much: see [`Check::tolerance`].

mod compare;
mod embeddings;
mod operations;
mod shapes;
mod steps;

use serde::Serialize;

use crate::kernels::device::catch;
use crate::kernels::{DeviceFailure, Kernels, Precision};
use crate::train::StepError;

use compare::largest_error;

/// One output of a device beside the reference's.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Check {
    /// What was computed, and which of its outputs this is.
    pub check: String,
    /// Sides of the inputs.
    pub shape: String,
    /// A share of what is expected; null where a value is not a number.
    pub error: f64,
    /// The largest error that passes. In f32, some 2^-24 for every rounding; TF32 keeps 10 bits of what it multiplies. In
    /// a step, a unit that is next to zero may fall on either side of ReLU, and its gradient is there or not.
    pub tolerance: f64,
    pub ok: bool,
}

impl Check {
    fn new(check: String, shape: String, tolerance: f64, error: f64) -> Check {
        Check { check, shape, error, tolerance, ok: error <= tolerance }
    }

    /// Of what the device broke off: the others are still worth knowing.
    fn broken(name: String, shape: String, failure: &DeviceFailure) -> Check {
        Check::new(format!("{name}: broke off: {failure}"), shape, 0.0, f64::INFINITY)
    }
}

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
    /// A training step, after all layers of a network.
    Step,
}

impl Arithmetic {
    fn tolerance(self, precision: Precision) -> f64 {
        match (self, precision) {
            (Arithmetic::Moved, _) => 0.0,
            (Arithmetic::Pointwise, _) => 1e-6,
            (Arithmetic::Normalised, _) => 2e-5,
            (Arithmetic::Product, Precision::F32) => 1e-5,
            (Arithmetic::Product, Precision::Tf32) => 4e-3,
            (Arithmetic::Step, Precision::F32) => 3e-2,
            (Arithmetic::Step, Precision::Tf32) => 3e-1,
        }
    }
}

/// Runs every check of `device`, whose products have `precision`, against `reference`.
///
/// # Errors
/// A training step that could not be taken.
pub fn run<K: Kernels, R: Kernels>(device: &K, reference: &R, precision: Precision) -> Result<Vec<Check>, StepError> {
    let mut checks = kernels(device, reference, precision);
    checks.extend(steps(device, reference, precision)?);
    Ok(checks)
}

/// The checks of single kernels.
pub fn kernels<K: Kernels, R: Kernels>(device: &K, reference: &R, precision: Precision) -> Vec<Check> {
    let mut checks = Vec::new();
    for (number, operation) in shapes::all().iter().enumerate() {
        let expected = operation.run(reference, number);
        let found = match catch(|| operation.run(device, number)) {
            Ok(found) => found,
            Err(failure) => {
                checks.push(Check::broken(operation.name().to_string(), operation.shape(), &failure));
                continue;
            }
        };
        for (found, expected) in found.iter().zip(&expected) {
            let name = format!("{}: {}", operation.name(), expected.name);
            let tolerance = expected.arithmetic.tolerance(precision);
            let error = largest_error(&found.values, &expected.values);
            checks.push(Check::new(name, operation.shape(), tolerance, error));
        }
    }
    checks
}

/// The checks of whole training steps.
///
/// # Errors
/// A step that could not be taken.
pub fn steps<K: Kernels, R: Kernels>(device: &K, reference: &R, precision: Precision) -> Result<Vec<Check>, StepError> {
    let mut checks = Vec::new();
    for step in steps::all() {
        match catch(|| step.check(device, reference, Arithmetic::Step.tolerance(precision))) {
            Ok(found) => checks.extend(found?),
            Err(failure) => checks.push(Check::broken(step.name(), step.shape(), &failure)),
        }
    }
    Ok(checks)
}

#[cfg(test)]
mod tests;
