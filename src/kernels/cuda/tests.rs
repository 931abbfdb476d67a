//! The self-test on the emulation, both ways round: every kernel and whole training steps, as a user's GPU is checked.

use super::Cuda;
use super::host::Host;
use crate::kernels::{Cpu, Kernels, Precision, Storage};
use crate::selftest;

fn emulated(backwards: bool) -> Cuda<Host> {
    Cuda::new(Host { backwards })
}

#[test]
fn kernels_and_steps_agree_with_the_cpu() {
    let checks = selftest::run(&emulated(false), &Cpu::new(1), Precision::F32).unwrap();
    let off: Vec<_> = checks.iter().filter(|check| !check.ok).collect();
    assert!(off.is_empty(), "{off:#?}");
    assert!(checks.len() > 200, "{} checks", checks.len());
}

/// Threads that go on in the opposite order find the same bits: no kernel reads what another thread of its launch, or of
/// its block between two meetings, writes.
#[test]
fn no_result_depends_on_the_order_of_threads() {
    let checks = selftest::kernels(&emulated(true), &emulated(false), Precision::F32);
    let off: Vec<_> = checks.iter().filter(|check| check.error != 0.0).collect();
    assert!(off.is_empty(), "{off:#?}");
}

#[test]
#[should_panic(expected = "values 0..9 of a memory of 8")]
fn what_does_not_fit_is_not_launched() {
    let cuda = emulated(false);
    let mut buffer = cuda.zeros(8);
    cuda.relu(9, &mut buffer);
}
