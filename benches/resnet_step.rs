//! Training steps of a ResNet with the CIFAR stem on 32 x 32 pictures: forward, cross-entropy, backward and SGD.
//!
//! Prints pictures a second and the process's peak memory as JSON. Arguments: threads, depth, width, batch, steps.

use std::time::Instant;

use candle_core::{D, Device, Tensor, Var};
use imix_repro::kernels::{Cpu, FeatureMap};
use imix_repro::model::{Mode, Network, Plan, Sgd};
use imix_repro::recipe::Stem;

#[global_allocator]
static HEAP: mimalloc::MiMalloc = mimalloc::MiMalloc;

const SIDE: usize = 32;
const CLASSES: usize = 10;

fn main() {
    let mut arguments = std::env::args().skip(1).filter_map(|argument| argument.parse::<usize>().ok());
    let mut next = |default| arguments.next().unwrap_or(default);
    let (threads, depth, width, batch, steps) = (next(2), next(18), next(64), next(64), next(5));
    let map = FeatureMap { height: SIDE, width: SIDE, channels: 3 };
    let plan = Plan::resnet(depth, width, Stem::Cifar, map).expect("a ResNet").with_classifier(CLASSES);
    let mut network = Network::new(Cpu::new(threads), plan, 0);
    let mut sgd = Sgd::new(&network, 0.9, 1e-4);
    let pictures: Vec<f32> = (0..batch * map.len()).map(|at| ((at * 7919 % 1000) as f32 - 500.0) / 300.0).collect();
    let labels: Vec<u32> = (0..batch as u32).map(|at| at % CLASSES as u32).collect();
    let labels = Tensor::from_vec(labels, (batch, 1), &Device::Cpu).expect("labels");
    let mut step = || -> candle_core::Result<()> {
        let output = network.forward(&pictures, batch, Mode::Train { replicas: 1 }).expect("a forward pass");
        let logits = Var::from_tensor(&output)?;
        let largest = logits.max_keepdim(D::Minus1)?.detach();
        let shifted = logits.broadcast_sub(&largest)?;
        let loss = (shifted.exp()?.sum_keepdim(D::Minus1)?.log()? - shifted.gather(&labels, 1)?)?.mean_all()?;
        let gradients = loss.backward()?;
        network.backward(gradients.get(&logits).expect("a gradient")).expect("a backward pass");
        sgd.step(&mut network, 0.01);
        Ok(())
    };
    step().expect("a step");
    let began = Instant::now();
    for _ in 0..steps {
        step().expect("a step");
    }
    let pictures = (steps * batch) as f64 / began.elapsed().as_secs_f64();
    println!("{{\"samples_per_second\": {pictures:.2}, \"peak_rss_mb\": {:.0}}}", peak_rss_mb());
}

/// The largest resident memory of this process, in megabytes.
fn peak_rss_mb() -> f64 {
    // SAFETY: `rusage` is plain data, and all zeros is one of its values.
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    // SAFETY: `usage` is valid for the call to write to.
    unsafe { libc::getrusage(libc::RUSAGE_SELF, &mut usage) };
    // In kilobytes, but for macOS.
    usage.ru_maxrss as f64 / if cfg!(target_os = "macos") { 1e6 } else { 1e3 }
}
