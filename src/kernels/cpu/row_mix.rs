//! Mixtures of rows, in either layout of activations.

use super::Cpu;
use crate::kernels::RowMix;

/// Features of a piece of work.
const FEATURES: usize = 16;

/// Activations that lie feature by feature.
pub(super) fn rows(cpu: &Cpu, mix: &RowMix, x: &[f32], y: &mut [f32]) {
    let rows = mix.rows();
    cpu.each(y.chunks_mut(FEATURES * rows).zip(x.chunks(FEATURES * rows)), |(y, x)| {
        for (y, x) in y.chunks_exact_mut(rows).zip(x.chunks_exact(rows)) {
            for ((y, own), (share, partner, other)) in y.iter_mut().zip(x).zip(mix.terms()) {
                *y = share * own + other * x[partner];
            }
        }
    });
}

/// Pictures of `len` values each.
pub(super) fn pictures(cpu: &Cpu, mix: &RowMix, len: usize, x: &[f32], y: &mut [f32]) {
    let pictures = y.chunks_exact_mut(len).zip(x.chunks_exact(len)).zip(mix.terms());
    cpu.each(
        pictures,
        #[inline(always)]
        |((y, own), (share, partner, other))| {
            for ((y, own), theirs) in y.iter_mut().zip(own).zip(&x[partner * len..]) {
                *y = share * own + other * theirs;
            }
        },
    );
}
