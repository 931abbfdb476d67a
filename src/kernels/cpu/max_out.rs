//! Max-out: the largest of a few neighbouring features, row by row.

use super::Cpu;

/// Outputs of a piece of work.
const OUTPUTS: usize = 16;
/// Rows whose largest features are found together, in registers.
const ROWS: usize = 64;

/// Whether a value takes the place of the largest before it: the first of equals stays, and what is not a number shows.
#[inline(always)]
fn overtakes(value: f32, largest: f32) -> bool {
    value > largest || value.is_nan()
}

pub(super) fn forward(cpu: &Cpu, rows: usize, pieces: usize, x: &[f32], y: &mut [f32]) {
    cpu.each(
        y.chunks_mut(OUTPUTS * rows).zip(x.chunks(OUTPUTS * pieces * rows)),
        #[inline(always)]
        |(y, x)| {
            for (y, x) in y.chunks_exact_mut(rows).zip(x.chunks_exact(pieces * rows)) {
                let (first, others) = x.split_at(rows);
                y.copy_from_slice(first);
                for other in others.chunks_exact(rows) {
                    for (y, other) in y.iter_mut().zip(other) {
                        *y = if overtakes(*other, *y) { *other } else { *y };
                    }
                }
            }
        },
    );
}

pub(super) fn gradient(cpu: &Cpu, rows: usize, pieces: usize, x: &[f32], dy: &[f32], dx: &mut [f32]) {
    let outputs = dx.chunks_mut(OUTPUTS * pieces * rows).zip(x.chunks(OUTPUTS * pieces * rows));
    cpu.each(
        outputs.zip(dy.chunks(OUTPUTS * rows)),
        #[inline(always)]
        |((dx, x), dy)| {
            let outputs = dx.chunks_exact_mut(pieces * rows).zip(x.chunks_exact(pieces * rows));
            for ((dx, x), dy) in outputs.zip(dy.chunks_exact(rows)) {
                for start in (0..rows).step_by(ROWS) {
                    let count = ROWS.min(rows - start);
                    let mut largest = [f32::NEG_INFINITY; ROWS];
                    let mut winner = [0u32; ROWS];
                    largest[..count].copy_from_slice(&x[start..start + count]);
                    for piece in 1..pieces {
                        let x = &x[piece * rows + start..][..count];
                        for ((x, largest), winner) in x.iter().zip(&mut largest).zip(&mut winner) {
                            let new = overtakes(*x, *largest);
                            *largest = if new { *x } else { *largest };
                            *winner = if new { piece as u32 } else { *winner };
                        }
                    }
                    for piece in 0..pieces {
                        let dx = &mut dx[piece * rows + start..][..count];
                        for ((dx, dy), winner) in dx.iter_mut().zip(&dy[start..start + count]).zip(&winner) {
                            *dx = if *winner == piece as u32 { *dy } else { 0.0 };
                        }
                    }
                }
            }
        },
    );
}
