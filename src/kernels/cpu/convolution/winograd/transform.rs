//! The transforms of Winograd's F(4x4, 3x3), each written for a line and done to the columns, then the rows of a tile.
//!
//! They are Toom and Cook's at six points. Those of Lavin and Gray (2016), 0, 1, -1, 2, -2 and infinity, lose four times
//! as much to rounding as these, between which values grow less.

use pulp::Simd;

/// Pixels of a tile of the result, on a side.
pub(super) const RESULT: usize = 4;
/// Pixels that a tile reads, on a side; products of a line.
pub(super) const READ: usize = 6;
/// Products of a tile.
pub(super) const PRODUCTS: usize = READ * READ;
/// Taps on a side.
pub(super) const TAPS: usize = 3;

/// A transform of `N` values of a line into `M`.
pub(super) trait Line<const N: usize, const M: usize> {
    /// To be `#[inline(always)]`.
    fn line<S: Simd>(simd: S, x: [S::f32s; N]) -> [S::f32s; M];
}

/// `a x`.
#[inline(always)]
fn scaled<S: Simd>(simd: S, a: f32, x: S::f32s) -> S::f32s {
    simd.mul_f32s(simd.splat_f32s(a), x)
}

/// `a x + y`.
#[inline(always)]
fn times<S: Simd>(simd: S, a: f32, x: S::f32s, y: S::f32s) -> S::f32s {
    simd.mul_add_f32s(simd.splat_f32s(a), x, y)
}

/// Transforms the columns of a tile, then its rows.
#[inline(always)]
pub(super) fn tile<S: Simd, L: Line<N, M>, const N: usize, const M: usize>(
    simd: S,
    x: &[[S::f32s; N]; N],
) -> [[S::f32s; M]; M] {
    let zero = simd.splat_f32s(0.0);
    let mut half = [[zero; N]; M];
    for column in 0..N {
        let mut line = [zero; N];
        for row in 0..N {
            line[row] = x[row][column];
        }
        let line = L::line(simd, line);
        for row in 0..M {
            half[row][column] = line[row];
        }
    }
    let mut whole = [[zero; M]; M];
    for row in 0..M {
        whole[row] = L::line(simd, half[row]);
    }
    whole
}

/// The points besides 0 and infinity: `NEAR`, `-NEAR`, `FAR` and `-FAR`. Their squares are 1/2 and 2.
const NEAR: f32 = std::f32::consts::FRAC_1_SQRT_2;
const FAR: f32 = std::f32::consts::SQRT_2;

/// Of what a tile reads.
pub(super) struct Reading;

impl Line<READ, READ> for Reading {
    #[inline(always)]
    fn line<S: Simd>(simd: S, x: [S::f32s; READ]) -> [S::f32s; READ] {
        let (near, near_odd) = (times(simd, -2.0, x[2], x[4]), times(simd, -2.0, x[1], x[3]));
        let (far, far_odd) = (times(simd, -0.5, x[2], x[4]), times(simd, -0.5, x[1], x[3]));
        [
            simd.add_f32s(x[0], times(simd, -2.5, x[2], x[4])),
            times(simd, NEAR, near_odd, near),
            times(simd, -NEAR, near_odd, near),
            times(simd, FAR, far_odd, far),
            times(simd, -FAR, far_odd, far),
            simd.add_f32s(x[1], times(simd, -2.5, x[3], x[5])),
        ]
    }
}

/// Of the weights.
pub(super) struct Weights;

impl Line<TAPS, READ> for Weights {
    #[inline(always)]
    fn line<S: Simd>(simd: S, x: [S::f32s; TAPS]) -> [S::f32s; READ] {
        let near = scaled(simd, -2.0 / 3.0, times(simd, 0.5, x[2], x[0]));
        let far = scaled(simd, 1.0 / 6.0, times(simd, 2.0, x[2], x[0]));
        [
            x[0],
            times(simd, -NEAR * 2.0 / 3.0, x[1], near),
            times(simd, NEAR * 2.0 / 3.0, x[1], near),
            times(simd, FAR / 6.0, x[1], far),
            times(simd, -FAR / 6.0, x[1], far),
            x[2],
        ]
    }
}

/// Of the gradient of weights that were transformed: [`Weights`] turned.
pub(super) struct WeightsBack;

impl Line<READ, TAPS> for WeightsBack {
    #[inline(always)]
    fn line<S: Simd>(simd: S, x: [S::f32s; READ]) -> [S::f32s; TAPS] {
        let (near, near_odd) = (simd.add_f32s(x[1], x[2]), simd.sub_f32s(x[2], x[1]));
        let (far, far_odd) = (simd.add_f32s(x[3], x[4]), simd.sub_f32s(x[3], x[4]));
        [
            times(simd, 1.0 / 6.0, far, times(simd, -2.0 / 3.0, near, x[0])),
            times(simd, FAR / 6.0, far_odd, scaled(simd, NEAR * 2.0 / 3.0, near_odd)),
            times(simd, 1.0 / 3.0, simd.sub_f32s(far, near), x[5]),
        ]
    }
}

/// Of the products, into the result.
pub(super) struct Products;

impl Line<READ, RESULT> for Products {
    #[inline(always)]
    fn line<S: Simd>(simd: S, x: [S::f32s; READ]) -> [S::f32s; RESULT] {
        let (near, near_odd) = (simd.add_f32s(x[1], x[2]), simd.sub_f32s(x[1], x[2]));
        let (far, far_odd) = (simd.add_f32s(x[3], x[4]), simd.sub_f32s(x[3], x[4]));
        [
            simd.add_f32s(x[0], simd.add_f32s(near, far)),
            times(simd, FAR, far_odd, scaled(simd, NEAR, near_odd)),
            times(simd, 2.0, far, scaled(simd, 0.5, near)),
            times(simd, FAR * 2.0, far_odd, times(simd, NEAR * 0.5, near_odd, x[5])),
        ]
    }
}

/// Of the gradient of a result: [`Products`] turned.
pub(super) struct ProductsBack;

impl Line<RESULT, READ> for ProductsBack {
    #[inline(always)]
    fn line<S: Simd>(simd: S, x: [S::f32s; RESULT]) -> [S::f32s; READ] {
        let (near, near_odd) = (times(simd, 0.5, x[2], x[0]), times(simd, 0.5, x[3], x[1]));
        let (far, far_odd) = (times(simd, 2.0, x[2], x[0]), times(simd, 2.0, x[3], x[1]));
        [
            x[0],
            times(simd, NEAR, near_odd, near),
            times(simd, -NEAR, near_odd, near),
            times(simd, FAR, far_odd, far),
            times(simd, -FAR, far_odd, far),
            x[3],
        ]
    }
}
