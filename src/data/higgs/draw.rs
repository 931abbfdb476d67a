//! The rows of Higgs100k, drawn as the official loader draws them.

use rand_mt::Mt;

/// `numpy.random.seed(1)` in the official `tabular.py`.
const SEED: u32 = 1;

/// The rows that `numpy.random.seed(1); numpy.random.choice(of, count, replace=False)` gives, sorted. `count` is at most
/// `of`.
pub(super) fn rows(of: usize, count: usize) -> Vec<u32> {
    let mut rows = permutation(of as u32);
    rows.truncate(count);
    rows.sort_unstable();
    rows
}

/// NumPy's legacy shuffle of 0 to `count`: from the end on, each changes places with one before it or itself.
fn permutation(count: u32) -> Vec<u32> {
    let mut generator = Mt::new(SEED);
    let mut items: Vec<u32> = (0..count).collect();
    for last in (1..count).rev() {
        items.swap(last as usize, up_to(&mut generator, last) as usize);
    }
    items
}

/// A number from 0 to `most`, inclusive: bits are drawn until they are not too many.
fn up_to(generator: &mut Mt, most: u32) -> u32 {
    let mask = u32::MAX >> most.leading_zeros();
    loop {
        let drawn = generator.next_u32() & mask;
        if drawn <= most {
            return drawn;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // python -c 'import numpy as np; np.random.seed(1); print(np.random.choice(N, 10, replace=False))'
    #[test]
    fn rows_are_those_that_numpy_draws() {
        assert_eq!(permutation(1000)[..10], [507, 818, 452, 368, 242, 929, 262, 810, 318, 49]);
        assert_eq!(permutation(10_500_000)[..5], [6_918_471, 9_836_050, 3_751_417, 5_641_778, 2_205_202]);
        assert_eq!(rows(1000, 4), [368, 452, 507, 818]);
        assert_eq!(rows(3, 3), [0, 1, 2]);
    }
}
