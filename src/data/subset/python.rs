//! The draws of CPython's `random` module.

use std::collections::HashSet;

use rand_mt::Mt;

/// A generator as `random.seed` leaves it.
pub struct Random(Mt);

impl Random {
    /// `random.seed(seed)`. A seed and its negative give the same numbers.
    pub fn seeded(seed: i64) -> Random {
        let seed = seed.unsigned_abs();
        let (low, high) = (seed as u32, (seed >> 32) as u32);
        Random(if high == 0 { Mt::new_with_key([low]) } else { Mt::new_with_key([low, high]) })
    }

    /// `random.sample(range(of), count)`, in the order of the draws; `count` is at most `of`.
    pub fn sample(&mut self, of: usize, count: usize) -> Vec<usize> {
        if of <= set_size(count) {
            let mut pool: Vec<usize> = (0..of).collect();
            let mut draw = |drawn: usize| {
                let at = self.below(of - drawn);
                let item = pool[at];
                pool[at] = pool[of - drawn - 1];
                item
            };
            return (0..count).map(&mut draw).collect();
        }
        let mut known = HashSet::new();
        std::iter::repeat_with(|| self.below(of)).filter(|item| known.insert(*item)).take(count).collect()
    }

    /// A number below `end`, which is at least 1 and fits 32 bits: bits are drawn until they are not too many.
    fn below(&mut self, end: usize) -> usize {
        let bits = usize::BITS - end.leading_zeros();
        loop {
            let drawn = (self.0.next_u32() >> (u32::BITS - bits)) as usize;
            if drawn < end {
                return drawn;
            }
        }
    }
}

/// From how many items on CPython remembers what was drawn rather than what is left.
fn set_size(count: usize) -> usize {
    let mut table = 1;
    while table < 3 * count {
        table *= 4;
    }
    if count > 5 { 21 + table } else { 21 }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Deserialize)]
    struct Case {
        seed: i64,
        of: usize,
        drawn: Vec<usize>,
    }

    #[test]
    fn draws_are_those_of_cpython() {
        let text = include_str!("../../../tests/fixtures/python_random.json");
        let cases: Vec<Case> = serde_json::from_str(text).unwrap();
        assert_eq!(cases.len(), 13);
        for Case { seed, of, drawn } in cases {
            assert_eq!(Random::seeded(seed).sample(of, drawn.len()), drawn, "seed {seed}, of {of}");
        }
    }
}
