//! What the number of a reading is.

use std::ops::RangeInclusive;

/// The reading of the Fréchet distance, and the evaluation that gives it.
pub const FRECHET: &str = "frechet";

/// What the number of a reading counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Unit {
    /// Percent of the test items whose class was told.
    Accuracy,
    /// A squared distance between embeddings of length 1.
    Distance,
}

impl Unit {
    /// Of the reading with this name.
    pub fn of(reading: &str) -> Unit {
        if reading == FRECHET { Unit::Distance } else { Unit::Accuracy }
    }

    /// What messages call such a number.
    pub fn name(self) -> &'static str {
        match self {
            Unit::Accuracy => "percentage",
            Unit::Distance => "distance",
        }
    }

    /// The numbers that there can be.
    pub fn range(self) -> RangeInclusive<f64> {
        match self {
            Unit::Accuracy => 0.0..=100.0,
            // No two points of a sphere of radius 1 are further apart than 2.
            Unit::Distance => 0.0..=4.0,
        }
    }
}
