//! Products of matrices that fit the caches: blocks of the result are held in registers.
//!
//! Every element of a result is one chain of fused multiply-adds in the order of the steps, so that it has the same
//! bits whatever the width of the vectors and wherever blocks begin.

use pulp::{Simd, WithSimd};

/// Steps that are done before the next panel: a panel of so many stays in the first-level cache.
const STEPS: usize = 256;

/// Columns of the right matrix that lie together: two vectors.
pub(super) fn panel(lanes: usize) -> usize {
    2 * lanes
}

/// `c = a b`, or `c += a b` where `add`; `[rows, columns] = [rows, steps] [steps, columns]`.
pub(super) struct Product<'a> {
    pub rows: usize,
    pub steps: usize,
    pub columns: usize,
    /// Element `(row, step)` is at `row * a_row + step * a_step`.
    pub a: &'a [f32],
    pub a_row: usize,
    pub a_step: usize,
    /// By panels of [`panel`] columns, one `b_panel` values after the other; in each a step after the other. The last
    /// one is filled up.
    pub b: &'a [f32],
    pub b_panel: usize,
    /// Element `(row, column)` is at `row * c_row + column`.
    pub c: &'a mut [f32],
    pub c_row: usize,
    pub add: bool,
}

impl WithSimd for Product<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let width = panel(S::F32_LANES);
        let panels = self.columns.div_ceil(width);
        if self.rows == 0 || panels == 0 || self.steps == 0 {
            return;
        }
        assert!((self.rows - 1) * self.a_row + (self.steps - 1) * self.a_step < self.a.len());
        assert!((panels - 1) * self.b_panel + self.steps * width <= self.b.len());
        assert!((self.rows - 1) * self.c_row + self.columns <= self.c.len());
        let rows_held = if S::REGISTER_COUNT >= 32 { 12 } else { 6 };
        let blocks = self.rows.div_ceil(rows_held);
        for first_step in (0..self.steps).step_by(STEPS) {
            for panel in 0..panels {
                let mut row = 0;
                for block in 0..blocks {
                    // Blocks of about the same height: a low one would leave multipliers idle.
                    let rows = (self.rows - row).div_ceil(blocks - block);
                    // SAFETY: the assertions above hold every element that the block's rows, steps and columns reach.
                    unsafe {
                        let block = Block {
                            steps: STEPS.min(self.steps - first_step),
                            columns: width.min(self.columns - panel * width),
                            a: self.a.as_ptr().add(row * self.a_row + first_step * self.a_step),
                            a_row: self.a_row,
                            a_step: self.a_step,
                            b: self.b.as_ptr().add(panel * self.b_panel + first_step * width),
                            c: self.c.as_mut_ptr().add(row * self.c_row + panel * width),
                            c_row: self.c_row,
                            add: self.add || first_step > 0,
                        };
                        block.of_height(simd, rows);
                    }
                    row += rows;
                }
            }
        }
    }
}

/// Some rows and a panel of a product.
struct Block {
    steps: usize,
    columns: usize,
    a: *const f32,
    a_row: usize,
    a_step: usize,
    b: *const f32,
    c: *mut f32,
    c_row: usize,
    add: bool,
}

impl Block {
    #[inline(always)]
    unsafe fn of_height<S: Simd>(self, simd: S, rows: usize) {
        macro_rules! held {
            ($($rows:literal)*) => {
                match rows {
                    // SAFETY: as the caller vouches.
                    $($rows => unsafe { self.of_size::<S, $rows>(simd) },)*
                    _ => unreachable!("no block is higher than its registers"),
                }
            };
        }
        if S::REGISTER_COUNT >= 32 { held!(1 2 3 4 5 6 7 8 9 10 11 12) } else { held!(1 2 3 4 5 6) }
    }

    #[inline(always)]
    unsafe fn of_size<S: Simd, const ROWS: usize>(self, simd: S) {
        // SAFETY: as the caller vouches.
        unsafe {
            if self.columns > S::F32_LANES {
                self.multiply::<S, ROWS, 2>(simd);
            } else {
                self.multiply::<S, ROWS, 1>(simd);
            }
        }
    }

    #[inline(always)]
    unsafe fn multiply<S: Simd, const ROWS: usize, const VECTORS: usize>(self, simd: S) {
        let lanes = S::F32_LANES;
        let whole = self.columns == VECTORS * lanes;
        let mask = |vector: usize| simd.mask_between_m32s(0, (self.columns - vector * lanes).min(lanes) as u32);
        let mut sums = [[simd.splat_f32s(0.0); VECTORS]; ROWS];
        // SAFETY: as the caller vouches; a panel of `b` is whole, and masks keep to the columns of `c`.
        unsafe {
            if self.add {
                for (row, sums) in sums.iter_mut().enumerate() {
                    for (vector, sum) in sums.iter_mut().enumerate() {
                        let at = self.c.add(row * self.c_row + vector * lanes);
                        *sum = if whole {
                            at.cast::<S::f32s>().read_unaligned()
                        } else {
                            simd.mask_load_ptr_f32s(mask(vector), at)
                        };
                    }
                }
            }
            let mut rows = [self.a; ROWS];
            for (row, start) in rows.iter_mut().enumerate() {
                *start = self.a.add(row * self.a_row);
            }
            let (mut b, mut at) = (self.b, 0);
            for _ in 0..self.steps {
                let mut right = [simd.splat_f32s(0.0); VECTORS];
                for (vector, right) in right.iter_mut().enumerate() {
                    *right = b.add(vector * lanes).cast::<S::f32s>().read_unaligned();
                }
                for (row, sums) in rows.iter().zip(sums.iter_mut()) {
                    let left = simd.splat_f32s(*row.add(at));
                    for (sum, right) in sums.iter_mut().zip(&right) {
                        *sum = simd.mul_add_f32s(left, *right, *sum);
                    }
                }
                b = b.add(2 * lanes);
                at += self.a_step;
            }
            for (row, sums) in sums.iter().enumerate() {
                for (vector, sum) in sums.iter().enumerate() {
                    let at = self.c.add(row * self.c_row + vector * lanes);
                    if whole {
                        at.cast::<S::f32s>().write_unaligned(*sum);
                    } else {
                        simd.mask_store_ptr_f32s(mask(vector), at, *sum);
                    }
                }
            }
        }
    }
}
