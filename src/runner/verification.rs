//! What was recorded beside what came out when it was done again.

use serde::Serialize;

/// A number that was recorded, and the same number as it came out here.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Comparison {
    pub name: String,
    pub recorded: f64,
    pub here: f64,
    /// Distance, relative to the size of the number, that another kind of processor may bring about by taking sums in
    /// another order.
    pub tolerance: f64,
}

impl Comparison {
    pub fn is_same(&self) -> bool {
        self.recorded.to_bits() == self.here.to_bits()
    }

    /// Distance by size.
    pub fn difference(&self) -> f64 {
        if self.is_same() {
            return 0.0;
        }
        (self.here - self.recorded).abs() / self.recorded.abs().max(f64::MIN_POSITIVE)
    }

    pub fn is_close(&self) -> bool {
        self.difference() <= self.tolerance
    }
}

/// Content that was recorded by its checksum.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Content {
    pub name: String,
    pub same: bool,
}

/// Name of the content that numbers do not follow from: what was chosen along the way.
pub(super) const DETAILS: &str = "details";

/// What came of doing work again.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Verification {
    /// How much of the work was done again, as people say it.
    pub extent: String,
    pub comparisons: Vec<Comparison>,
    pub contents: Vec<Content>,
}

/// How what was recorded and what came out agree.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Agreement {
    /// To the last bit.
    Identical,
    /// As closely as two kinds of processor do.
    Rounding,
    Different,
}

impl Verification {
    /// `alike` says whether it was made on a device of this kind with the same arithmetic: rounding is then no excuse.
    pub fn agreement(&self, alike: bool) -> Agreement {
        let numbers_are_same = self.comparisons.iter().all(Comparison::is_same);
        if numbers_are_same && self.contents.iter().all(|content| content.same) {
            Agreement::Identical
        } else if !alike
            && !numbers_are_same
            && self.comparisons.iter().all(Comparison::is_close)
            // What follows from numbers that differ by rounding cannot have the recorded checksum.
            && !self.contents.iter().any(|content| content.same && content.name != DETAILS)
        {
            Agreement::Rounding
        } else {
            Agreement::Different
        }
    }

    /// The first number that differs beyond rounding or, where none does, at all.
    pub fn first_difference(&self) -> Option<&Comparison> {
        let far = self.comparisons.iter().find(|one| !one.is_close());
        far.or_else(|| self.comparisons.iter().find(|one| !one.is_same()))
    }

    /// The largest difference, relative to the number's size.
    pub fn largest_difference(&self) -> f64 {
        self.comparisons.iter().map(Comparison::difference).fold(0.0, f64::max)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verification(here: &[f64], same: bool) -> Verification {
        let one = |(at, &here): (usize, &f64)| Comparison {
            name: format!("loss of step {}", at + 1),
            recorded: 2.0,
            here,
            tolerance: 1e-3,
        };
        Verification {
            extent: "some steps".to_owned(),
            comparisons: here.iter().enumerate().map(one).collect(),
            contents: vec![Content { name: "parameters".to_owned(), same }],
        }
    }

    #[test]
    fn only_the_same_bits_are_identical() {
        let agreement = |here: &[f64], same| verification(here, same).agreement(false);
        assert_eq!(agreement(&[2.0, 2.0], true), Agreement::Identical);
        let next = f64::from_bits(2f64.to_bits() + 1);
        assert_eq!(agreement(&[2.0, next], false), Agreement::Rounding);
        assert_eq!(agreement(&[2.0, 2.003], false), Agreement::Different);
        assert_eq!(agreement(&[2.0, f64::NAN], false), Agreement::Different);
    }

    #[test]
    fn numbers_and_what_follows_from_them_differ_together() {
        let next = f64::from_bits(2f64.to_bits() + 1);
        assert_eq!(verification(&[2.0, 2.0], false).agreement(false), Agreement::Different);
        assert_eq!(verification(&[2.0, next], true).agreement(false), Agreement::Different);
    }

    #[test]
    fn rounding_is_no_excuse_on_a_device_of_the_same_kind() {
        let next = f64::from_bits(2f64.to_bits() + 1);
        assert_eq!(verification(&[2.0, next], false).agreement(true), Agreement::Different);
        assert_eq!(verification(&[2.0, 2.0], true).agreement(true), Agreement::Identical);
    }

    #[test]
    fn the_first_far_number_is_named_before_a_close_one() {
        let found = verification(&[2.0001, 2.1, 3.0], false);
        assert_eq!(found.first_difference().map(|one| one.name.as_str()), Some("loss of step 2"));
        assert_eq!(found.largest_difference(), 0.5);
        assert_eq!(verification(&[2.0], true).first_difference(), None);
    }
}
