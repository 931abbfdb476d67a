//! Kernels that go over buffers once, element by element.

use super::Cpu;
use super::pool::Shared;
use crate::kernels::SgdStep;

/// Elements of a piece of work: a piece of three buffers stays in the second-level cache.
const PIECE: usize = 1 << 15;

/// Runs `work(start, end)` over `0..len` in pieces, with the CPU's widest vectors.
fn pieces(cpu: &Cpu, len: usize, work: impl Fn(usize, usize) + Send + Sync) {
    let arch = cpu.arch;
    cpu.each(len.div_ceil(PIECE), |piece| {
        let (start, end) = (piece * PIECE, len.min((piece + 1) * PIECE));
        arch.dispatch(
            #[inline(always)]
            || work(start, end),
        );
    });
}

pub(super) fn relu(cpu: &Cpu, x: &mut [f32]) {
    let (len, x) = (x.len(), Shared::new(x));
    pieces(
        cpu,
        len,
        #[inline(always)]
        move |start, end| {
            // SAFETY: pieces are disjoint.
            let x = unsafe { x.slice(start, end - start) };
            x.iter_mut().for_each(|x| *x = x.max(0.0));
        },
    );
}

pub(super) fn relu_gradient(cpu: &Cpu, y: &[f32], d: &mut [f32]) {
    let (len, d) = (d.len(), Shared::new(d));
    pieces(
        cpu,
        len,
        #[inline(always)]
        move |start, end| {
            // SAFETY: pieces are disjoint.
            let d = unsafe { d.slice(start, end - start) };
            d.iter_mut().zip(&y[start..end]).for_each(|(d, y)| *d = if *y > 0.0 { *d } else { 0.0 });
        },
    );
}

pub(super) fn max_out(cpu: &Cpu, pieces_of: usize, x: &[f32], y: &mut [f32]) {
    let (len, y) = (y.len(), Shared::new(y));
    pieces(
        cpu,
        len,
        #[inline(always)]
        move |start, end| {
            // SAFETY: pieces are disjoint.
            let y = unsafe { y.slice(start, end - start) };
            for (y, x) in y.iter_mut().zip(x[start * pieces_of..end * pieces_of].chunks_exact(pieces_of)) {
                *y = x.iter().fold(x[0], |largest, x| if *x > largest { *x } else { largest });
            }
        },
    );
}

pub(super) fn max_out_gradient(cpu: &Cpu, pieces_of: usize, x: &[f32], dy: &[f32], dx: &mut [f32]) {
    let dx = Shared::new(dx);
    pieces(
        cpu,
        dy.len(),
        #[inline(always)]
        move |start, end| {
            // SAFETY: pieces are disjoint.
            let dx = unsafe { dx.slice(start * pieces_of, (end - start) * pieces_of) };
            let x = x[start * pieces_of..end * pieces_of].chunks_exact(pieces_of);
            for ((dx, x), dy) in dx.chunks_exact_mut(pieces_of).zip(x).zip(&dy[start..end]) {
                let mut first = 0;
                for (at, value) in x.iter().enumerate() {
                    if *value > x[first] {
                        first = at;
                    }
                }
                dx.fill(0.0);
                dx[first] = *dy;
            }
        },
    );
}

pub(super) fn sgd(cpu: &Cpu, settings: SgdStep, gradient: &[f32], momentum: &mut [f32], parameters: &mut [f32]) {
    let SgdStep { rate, momentum: kept, weight_decay } = settings;
    let (len, momentum, parameters) = (parameters.len(), Shared::new(momentum), Shared::new(parameters));
    pieces(
        cpu,
        len,
        #[inline(always)]
        move |start, end| {
            // SAFETY: pieces are disjoint.
            let (m, p) = unsafe { (momentum.slice(start, end - start), parameters.slice(start, end - start)) };
            for ((m, p), g) in m.iter_mut().zip(p).zip(&gradient[start..end]) {
                let g = g + weight_decay * *p;
                *m = kept * *m + g;
                *p -= rate * *m;
            }
        },
    );
}

pub(super) fn moving_average(cpu: &Cpu, momentum: f32, source: &[f32], target: &mut [f32]) {
    let (len, target) = (target.len(), Shared::new(target));
    pieces(
        cpu,
        len,
        #[inline(always)]
        move |start, end| {
            // SAFETY: pieces are disjoint.
            let target = unsafe { target.slice(start, end - start) };
            for (target, source) in target.iter_mut().zip(&source[start..end]) {
                *target = momentum * *target + (1.0 - momentum) * source;
            }
        },
    );
}
