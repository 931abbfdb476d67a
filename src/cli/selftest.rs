//! `repro selftest`.

use serde::Serialize;

use super::arguments::Selftest;
use super::text::table;
use super::{Exit, Output, device};
use crate::kernels::definitions::Definitions;
use crate::kernels::device::{OnKernels, on};
use crate::kernels::{Cpu, Device, Kernels, Precision};
use crate::selftest::{self, Check};

#[derive(Serialize)]
struct Tested {
    device: Device,
    precision: Precision,
    /// What results are compared with.
    reference: &'static str,
    passed: bool,
    checks: Vec<Check>,
}

struct Run<'a> {
    device: Device,
    precision: Precision,
    threads: usize,
    output: &'a Output,
}

impl OnKernels for Run<'_> {
    type Output = Vec<Check>;

    fn run<K: Kernels>(self, kernels: K) -> Self::Output {
        let tell = &mut |checks: &[Check]| self.output.note(noted(checks));
        match self.device {
            Device::Cpu => selftest::run(&kernels, &Definitions, self.precision, tell),
            Device::Cuda(_) | Device::CudaRanks { .. } => {
                selftest::run(&kernels, &Cpu::new(self.threads), self.precision, tell)
            }
        }
    }
}

/// What is said of the outputs of a kernel or a step as they come: a device may take the process with it.
fn noted(checks: &[Check]) -> String {
    let said = checks.iter().map(|check| {
        let (error, ok) = (number(check.error), if check.ok { "" } else { " FAILED" });
        format!("{} [{}] {error}{ok}", check.check, check.shape)
    });
    said.collect::<Vec<_>>().join("\n")
}

fn number(value: f64) -> String {
    if value == 0.0 { "0".to_owned() } else { format!("{value:.1e}") }
}

pub fn execute(arguments: Selftest, output: &Output) -> anyhow::Result<Exit> {
    let device = device::choose_one(&arguments.device, output)?;
    let precision = arguments.precision.into();
    let reference = match device {
        Device::Cpu => "plain definitions",
        Device::Cuda(_) | Device::CudaRanks { .. } => "the CPU",
    };
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let checks = on(device, precision, threads, Run { device, precision, threads, output })?;
    let tested = Tested { device, precision, reference, passed: checks.iter().all(|check| check.ok), checks };
    if arguments.json {
        output.result(serde_json::to_string_pretty(&tested)?);
    } else {
        output.result(described(&tested));
    }
    Ok(if tested.passed { Exit::Done } else { Exit::Failed })
}

fn described(tested: &Tested) -> String {
    let mut rows = vec![["check", "shape", "largest error", "tolerance", "ok"].map(str::to_owned).to_vec()];
    rows.extend(tested.checks.iter().map(|check| {
        let ok = if check.ok { "ok" } else { "FAILED" };
        vec![check.check.clone(), check.shape.clone(), number(check.error), number(check.tolerance), ok.to_owned()]
    }));
    let failed = tested.checks.iter().filter(|check| !check.ok).count();
    let count = tested.checks.len();
    let (title, against) = (device::title(tested.device), tested.reference);
    let ending = match failed {
        0 => format!("All {count} checks of {title} in {} pass, against {against}.", tested.precision),
        _ => format!("{failed} of {count} checks of {title} in {} FAILED, against {against}.", tested.precision),
    };
    format!("{}\n\n{ending}", table(&rows))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_check_is_told() {
        let check = |ok, error| Check { check: "relu".into(), shape: "3".into(), error, tolerance: 0.0, ok };
        let mut tested = Tested {
            device: Device::Cpu,
            precision: Precision::F32,
            reference: "plain definitions",
            passed: false,
            checks: vec![check(true, 0.0), check(false, 0.25)],
        };
        assert_eq!(
            described(&tested),
            "check  shape  largest error  tolerance      ok\nrelu       3              0          0      ok\n\
             relu       3         2.5e-1          0  FAILED\n\n\
             1 of 2 checks of cpu in f32 FAILED, against plain definitions."
        );
        tested.checks.pop();
        assert!(described(&tested).ends_with("All 1 checks of cpu in f32 pass, against plain definitions."));
    }
}
