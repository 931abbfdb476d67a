//! Linear layers, as matrix products of the `gemm` crate.

use super::Cpu;
use super::pool::Shared;
use crate::kernels::{Columns, Linear};

/// A strided matrix: pointer, then distances between columns and between rows.
type Matrix<T> = (T, isize, isize);

/// `dst = lhs rhs`, `[m, k] x [k, n]`.
fn product(
    cpu: &Cpu,
    (m, n, k): (usize, usize, usize),
    dst: Matrix<&mut [f32]>,
    lhs: Matrix<&[f32]>,
    rhs: Matrix<&[f32]>,
) {
    let reach = |rows: usize, columns: usize, cs: isize, rs: isize| {
        (rows.saturating_sub(1)) * rs as usize + (columns.saturating_sub(1)) * cs as usize
    };
    assert!(m == 0 || n == 0 || reach(m, n, dst.1, dst.2) < dst.0.len());
    assert!(m == 0 || k == 0 || reach(m, k, lhs.1, lhs.2) < lhs.0.len());
    assert!(k == 0 || n == 0 || reach(k, n, rhs.1, rhs.2) < rhs.0.len());
    let parallelism = cpu.parallelism();
    cpu.install(move || {
        // SAFETY: the assertions above keep every element that the strides reach inside its slice, and `dst` is
        // borrowed for this call alone.
        unsafe {
            gemm::gemm(
                m,
                n,
                k,
                dst.0.as_mut_ptr(),
                dst.1,
                dst.2,
                false,
                lhs.0.as_ptr(),
                lhs.1,
                lhs.2,
                rhs.0.as_ptr(),
                rhs.1,
                rhs.2,
                0.0f32,
                1.0f32,
                false,
                false,
                false,
                parallelism,
            );
        }
    });
}

pub(super) fn forward(
    cpu: &Cpu,
    layer: &Linear,
    rows: usize,
    parameters: &[f32],
    x: &[f32],
    y: &mut [f32],
    with_bias: bool,
) {
    let (inputs, outputs) = (layer.x.width, layer.y.width);
    product(
        cpu,
        (rows, outputs, inputs),
        (&mut y[layer.y.start..], 1, layer.y.stride as isize),
        (&x[layer.x.start..], 1, layer.x.stride as isize),
        (&parameters[layer.weight.range()], inputs as isize, 1),
    );
    if with_bias {
        let bias = &parameters[layer.bias.range()];
        let y = Shared::new(y);
        let Columns { start, width, stride } = layer.y;
        cpu.each(rows.div_ceil(ROWS), |piece| {
            for row in piece * ROWS..rows.min((piece + 1) * ROWS) {
                // SAFETY: each row belongs to one piece.
                let y = unsafe { y.slice(start + row * stride, width) };
                y.iter_mut().zip(bias).for_each(|(y, bias)| *y += bias);
            }
        });
    }
}

/// Rows of a piece of work.
const ROWS: usize = 64;

pub(super) fn gradient(
    cpu: &Cpu,
    layer: &Linear,
    rows: usize,
    x: &[f32],
    dy: &[f32],
    gradient: &mut [f32],
    with_bias: bool,
) {
    let (inputs, outputs) = (layer.x.width, layer.y.width);
    product(
        cpu,
        (outputs, inputs, rows),
        (&mut gradient[layer.weight.range()], 1, inputs as isize),
        (&dy[layer.y.start..], layer.y.stride as isize, 1),
        (&x[layer.x.start..], 1, layer.x.stride as isize),
    );
    let bias = &mut gradient[layer.bias.range()];
    bias.fill(0.0);
    if with_bias {
        for row in 0..rows {
            let dy = &dy[layer.y.start + row * layer.y.stride..][..outputs];
            bias.iter_mut().zip(dy).for_each(|(bias, dy)| *bias += dy);
        }
    }
}

pub(super) fn input_gradient(cpu: &Cpu, layer: &Linear, rows: usize, parameters: &[f32], dy: &[f32], dx: &mut [f32]) {
    let (inputs, outputs) = (layer.x.width, layer.y.width);
    product(
        cpu,
        (rows, inputs, outputs),
        (&mut dx[layer.x.start..], 1, layer.x.stride as isize),
        (&dy[layer.y.start..], 1, layer.y.stride as isize),
        (&parameters[layer.weight.range()], 1, inputs as isize),
    );
}
