//! Kernels that go over buffers once, element by element.

use super::Cpu;
use crate::kernels::SgdStep;

/// Elements of a piece of work: a piece of three buffers stays in the second-level cache.
const PIECE: usize = 1 << 15;

/// `max(x, 0)`; what is not a number stays so, where `f32::max` would hide it.
#[inline(always)]
pub(super) fn rectified(x: f32) -> f32 {
    if x <= 0.0 { 0.0 } else { x }
}

/// Whether [`rectified`] leaves `x` as it is.
#[inline(always)]
pub(super) fn passes(x: f32) -> bool {
    x > 0.0 || x.is_nan()
}

pub(super) fn relu(cpu: &Cpu, x: &mut [f32]) {
    cpu.each(
        x.chunks_mut(PIECE),
        #[inline(always)]
        |x| x.iter_mut().for_each(|x| *x = rectified(*x)),
    );
}

pub(super) fn relu_gradient(cpu: &Cpu, y: &[f32], d: &mut [f32]) {
    cpu.each(
        d.chunks_mut(PIECE).zip(y.chunks(PIECE)),
        #[inline(always)]
        |(d, y)| d.iter_mut().zip(y).for_each(|(d, y)| *d = if passes(*y) { *d } else { 0.0 }),
    );
}

pub(super) fn sgd(cpu: &Cpu, settings: SgdStep, gradient: &[f32], momentum: &mut [f32], parameters: &mut [f32]) {
    let SgdStep { rate, momentum: kept, weight_decay } = settings;
    cpu.each(
        momentum.chunks_mut(PIECE).zip(parameters.chunks_mut(PIECE)).zip(gradient.chunks(PIECE)),
        #[inline(always)]
        |((m, p), g)| {
            for ((m, p), g) in m.iter_mut().zip(p).zip(g) {
                let g = g + weight_decay * *p;
                *m = kept * *m + g;
                *p -= rate * *m;
            }
        },
    );
}

pub(super) fn moving_average(cpu: &Cpu, kept: f32, taken: f32, source: &[f32], target: &mut [f32]) {
    cpu.each(
        target.chunks_mut(PIECE).zip(source.chunks(PIECE)),
        #[inline(always)]
        |(target, source)| {
            for (target, source) in target.iter_mut().zip(source) {
                *target = kept * *target + taken * source;
            }
        },
    );
}
