//! The self-test on the emulation, both ways round: every kernel and whole training steps, as a user's GPU is checked.

use super::Cuda;
use super::host::Host;
use crate::kernels::{Cpu, Features, Kernels, Linear, Precision, SgdStep, Span, Storage};
use crate::selftest;

fn emulated(precision: Precision) -> Cuda<Host> {
    Cuda::new(Host::new(precision))
}

/// Prints the largest error for each tolerance.
fn passes(host: Host) {
    let checks = selftest::run(&Cuda::new(host), &Cpu::new(1), host.precision, &mut |_| {});
    let how = if host.cuts { ", cut off" } else { "" };
    let mut tolerances: Vec<f64> = checks.iter().map(|check| check.tolerance).collect();
    tolerances.sort_by(f64::total_cmp);
    tolerances.dedup();
    for tolerance in tolerances {
        let errors = checks.iter().filter(|check| check.tolerance == tolerance).map(|check| check.error);
        let (count, largest) = errors.fold((0, 0.0), |(count, largest), error| (count + 1, f64::max(largest, error)));
        println!("{}{how}: {count} checks to {tolerance:.1e}, largest error {largest:.1e}", host.precision);
    }
    let off: Vec<_> = checks.iter().filter(|check| !check.ok).collect();
    assert!(off.is_empty(), "{off:#?}");
    assert!(checks.len() > 200, "{} checks", checks.len());
}

#[test]
fn kernels_and_steps_agree_with_the_cpu() {
    passes(Host::new(Precision::F32));
}

#[test]
fn kernels_and_steps_in_tf32_agree_with_the_cpu() {
    let rounds = Host::new(Precision::Tf32);
    passes(rounds);
    passes(Host { cuts: true, ..rounds });
}

#[test]
fn kernels_and_steps_in_bf16_agree_with_the_cpu() {
    passes(Host::new(Precision::Bf16));
}

/// Threads that go on in the opposite order find the same bits: no kernel reads what another thread of its launch, or
/// of its block between two meetings, writes.
#[test]
fn no_result_depends_on_the_order_of_threads() {
    for precision in [Precision::F32, Precision::Bf16] {
        let host = Host::new(precision);
        let backwards = Cuda::new(Host { backwards: true, ..host });
        let checks = selftest::kernels(&backwards, &Cuda::new(host), precision, &mut |_| {});
        let off: Vec<_> = checks.iter().filter(|check| check.error != 0.0).collect();
        assert!(off.is_empty(), "{precision}: {off:#?}");
    }
}

#[test]
#[should_panic(expected = "values 0..9 of a memory of 8")]
fn what_does_not_fit_is_not_launched() {
    let cuda = emulated(Precision::Bf16);
    let mut buffer = cuda.activations(8);
    cuda.relu(9, &mut buffer);
}

#[test]
#[should_panic(expected = "activations have memory of their own")]
fn memory_of_f32_is_not_taken_for_activations() {
    let cuda = emulated(Precision::Bf16);
    let mut buffer = cuda.zeros(8);
    cuda.relu(8, &mut buffer);
}

/// A product reads a copy of the parameters: whatever writes these makes the copy stale.
#[test]
fn products_follow_the_parameters() {
    let cuda = emulated(Precision::Bf16);
    let one = Features::first(1);
    let layer = Linear { weight: Span { start: 1, len: 1 }, bias: Span { start: 0, len: 1 }, x: one, y: one };
    let [mut parameters, mut momentum, mut gradient] = [0; 3].map(|_| cuda.zeros(2));
    let [mut x, mut y] = [0; 2].map(|_| cuda.activations(1));
    cuda.upload(&[1.0], &mut x);
    let mut product = |parameters: &_| {
        cuda.linear(&layer, 1, parameters, &x, &mut y, false);
        cuda.download(&y, 1)[0]
    };
    assert_eq!(product(&parameters), 0.0);
    cuda.upload(&[0.0, 2.0], &mut parameters);
    assert_eq!(product(&parameters), 2.0);
    cuda.upload(&[0.0, 1.0], &mut gradient);
    let settings = SgdStep { rate: 0.5, momentum: 0.0, weight_decay: 0.0 };
    cuda.sgd(settings, &gradient, &mut momentum, &mut parameters);
    assert_eq!(product(&parameters), 1.5);
    cuda.moving_average(2, 0.5, &gradient, &mut parameters);
    assert_eq!(product(&parameters), 1.25);
    assert_eq!(cuda.download(&parameters, 2), [0.0, 1.25]);
}
