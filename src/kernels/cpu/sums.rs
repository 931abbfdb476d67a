//! Sums in an order of their own: the same on every CPU and for any number of threads.

/// Independent partial sums: room for the widest vectors, and a shorter chain of roundings than one sum has.
const LANES: usize = 32;

/// The sum of `of(value)`.
#[inline(always)]
pub(super) fn sum(values: &[f32], of: impl Fn(f32) -> f32) -> f32 {
    let mut lanes = [0f32; LANES];
    let groups = values.chunks_exact(LANES);
    let rest = groups.remainder();
    for group in groups {
        lanes.iter_mut().zip(group).for_each(|(lane, value)| *lane += of(*value));
    }
    lanes.iter_mut().zip(rest).for_each(|(lane, value)| *lane += of(*value));
    fold(lanes)
}

/// The sums of `of(a, b)`'s two values over pairs of elements, while each pair's `a` becomes the first value.
#[inline(always)]
pub(super) fn replace_and_sum(a: &mut [f32], b: &[f32], of: impl Fn(f32, f32) -> (f32, f32)) -> (f32, f32) {
    let mut first = [0f32; LANES];
    let mut second = [0f32; LANES];
    for (a, b) in a.chunks_mut(LANES).zip(b.chunks(LANES)) {
        for (((a, b), first), second) in a.iter_mut().zip(b).zip(&mut first).zip(&mut second) {
            let (of_first, of_second) = of(*a, *b);
            *a = of_first;
            *first += of_first;
            *second += of_second;
        }
    }
    (fold(first), fold(second))
}

#[inline(always)]
fn fold(mut lanes: [f32; LANES]) -> f32 {
    let mut half = LANES / 2;
    while half > 0 {
        for at in 0..half {
            lanes[at] += lanes[at + half];
        }
        half /= 2;
    }
    lanes[0]
}
