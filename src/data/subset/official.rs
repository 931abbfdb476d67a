//! The parts of ImageNet that the official `folder.py` draws.

use super::python::Random;

/// `random.seed(-1)` in the official `_find_classes`.
const CLASSES: i64 = -1;

/// Which `count` of so many classes the class ratio keeps: numbers in the order of their names, sorted.
pub fn classes(of: usize, count: usize) -> Vec<usize> {
    sorted(if count < of { Random::seeded(CLASSES).sample(of, count) } else { (0..of).collect() })
}

/// Which of a class's `of` pictures the data ratio keeps: numbers in the order of their names, sorted. `label` is the
/// class's number among those kept, which the official code seeds by. At least one where there is one.
pub fn items(label: usize, of: usize, share: f64) -> Vec<usize> {
    let count = ((share * of as f64).round_ties_even() as usize).max(1).min(of);
    sorted(if share < 1.0 { Random::seeded(label as i64).sample(of, count) } else { (0..of).collect() })
}

fn sorted(mut drawn: Vec<usize>) -> Vec<usize> {
    drawn.sort_unstable();
    drawn
}
