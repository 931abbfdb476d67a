//! Pictures cut into tiles: where they lie and how they are transformed.

use std::ops::Range;

use pulp::Simd;

use super::transform::{Line, PRODUCTS, READ, RESULT, tile};
use crate::kernels::FeatureMap;

/// The tiles of a result, over pictures that reach `margin` pixels less far up and left than each tile does.
#[derive(Clone, Copy)]
pub(super) struct Tiles {
    pub map: FeatureMap,
    pub margin: usize,
    /// Tiles on the sides of the result.
    pub rows: usize,
    pub columns: usize,
}

impl Tiles {
    /// Over `map`, with as many tiles as `result` needs.
    pub(super) fn new(map: FeatureMap, margin: usize, result: FeatureMap) -> Tiles {
        Tiles { map, margin, rows: result.height.div_ceil(RESULT), columns: result.width.div_ceil(RESULT) }
    }

    /// Of one picture.
    pub(super) fn count(&self) -> usize {
        self.rows * self.columns
    }

    /// The picture, row and column of a tile's first pixel; the latter may lie before the picture.
    #[inline(always)]
    fn place(&self, tile: usize) -> (usize, isize, isize) {
        let (picture, place) = (tile / self.count(), tile % self.count());
        let first = |at: usize| (at * RESULT) as isize - self.margin as isize;
        (picture, first(place / self.columns), first(place % self.columns))
    }

    /// Transforms the `channels` of the `tiles`, `N` pixels on a side, of `pictures`, and calls
    /// `store(tile - tiles.start, first channel - channels.start, products)`.
    #[inline(always)]
    pub(super) fn transform<S: Simd, L: Line<N, READ>, const N: usize>(
        &self,
        simd: S,
        pictures: &[f32],
        tiles: Range<usize>,
        channels: Range<usize>,
        mut store: impl FnMut(usize, usize, &[[S::f32s; READ]; READ]),
    ) {
        let depth = self.map.channels;
        for at in tiles.clone() {
            let (picture, top, left) = self.place(at);
            let picture = &pictures[picture * self.map.len()..][..self.map.len()];
            let mut pixels = [[None; N]; N];
            for (row, pixels) in pixels.iter_mut().enumerate() {
                for (column, pixel) in pixels.iter_mut().enumerate() {
                    let (y, x) = (top + row as isize, left + column as isize);
                    if (0..self.map.height as isize).contains(&y) && (0..self.map.width as isize).contains(&x) {
                        *pixel = Some((y as usize * self.map.width + x as usize) * depth);
                    }
                }
            }
            for first in channels.clone().step_by(S::F32_LANES) {
                let count = S::F32_LANES.min(channels.end - first);
                let mut x = [[simd.splat_f32s(0.0); N]; N];
                for (x, pixels) in x.iter_mut().zip(&pixels) {
                    for (x, pixel) in x.iter_mut().zip(pixels) {
                        if let Some(pixel) = pixel {
                            *x = load(simd, &picture[pixel + first..], count);
                        }
                    }
                }
                store(at - tiles.start, first - channels.start, &tile::<S, L, N, READ>(simd, &x));
            }
        }
    }

    /// Transforms `products`, `[PRODUCTS, tiles, row]`, and writes, or adds where `add`, the tiles to `pictures`.
    #[inline(always)]
    pub(super) fn place_results<S: Simd, L: Line<READ, RESULT>>(
        &self,
        simd: S,
        products: &[f32],
        row: usize,
        tiles: Range<usize>,
        pictures: &mut [f32],
        add: bool,
    ) {
        let depth = self.map.channels;
        let apart = products.len() / PRODUCTS;
        for at in tiles.clone() {
            let (picture, top, left) = self.place(at);
            let (top, left) = (top as usize, left as usize);
            let picture = &mut pictures[picture * self.map.len()..][..self.map.len()];
            let (height, width) = (RESULT.min(self.map.height - top), RESULT.min(self.map.width - left));
            for first in (0..depth).step_by(S::F32_LANES) {
                let count = S::F32_LANES.min(depth - first);
                let products = &products[(at - tiles.start) * row + first..];
                let mut x = [[simd.splat_f32s(0.0); READ]; READ];
                for (x, products) in x.as_flattened_mut().iter_mut().zip(products.chunks(apart)) {
                    *x = load(simd, products, S::F32_LANES);
                }
                let y = tile::<S, L, READ, RESULT>(simd, &x);
                for (row, y) in y.iter().enumerate().take(height) {
                    for (column, y) in y.iter().enumerate().take(width) {
                        let at = ((top + row) * self.map.width + left + column) * depth + first;
                        let to = &mut picture[at..];
                        let y = if add { simd.add_f32s(load(simd, to, count), *y) } else { *y };
                        store(simd, to, count, y);
                    }
                }
            }
        }
    }
}

/// The first `count` values, as many as a vector has at most; zeros after them.
#[inline(always)]
pub(super) fn load<S: Simd>(simd: S, from: &[f32], count: usize) -> S::f32s {
    if count == S::F32_LANES {
        // SAFETY: the slice is as long as the vector; a pointer to it need not be aligned.
        unsafe { from[..S::F32_LANES].as_ptr().cast::<S::f32s>().read_unaligned() }
    } else {
        simd.partial_load_f32s(&from[..count])
    }
}

/// Writes the first `count` values of a vector.
#[inline(always)]
pub(super) fn store<S: Simd>(simd: S, to: &mut [f32], count: usize, values: S::f32s) {
    if count == S::F32_LANES {
        // SAFETY: the slice is as long as the vector; a pointer to it need not be aligned.
        unsafe { to[..S::F32_LANES].as_mut_ptr().cast::<S::f32s>().write_unaligned(values) }
    } else {
        simd.partial_store_f32s(&mut to[..count], values);
    }
}
