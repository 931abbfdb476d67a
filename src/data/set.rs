//! What a loaded data set gives to training and evaluation.

use std::ops::Range;

use crate::recipe::DataIdentity;

/// Labelled rows, standardised and ready for a network.
#[derive(Clone, Debug, PartialEq)]
pub struct Rows {
    /// Row-major, `labels.len()` x width.
    pub inputs: Vec<f32>,
    /// Class of each row, from 0.
    pub labels: Vec<u32>,
}

/// A table of numbers.
#[derive(Clone, Debug, PartialEq)]
pub struct TabularSet {
    pub identity: DataIdentity,
    /// Columns of each block of inputs, in order; continuous ones first. CovType: 10, 4, 40.
    pub blocks: Vec<usize>,
    /// Leading columns that are continuous: standardised, and touched by masking noise.
    pub continuous: usize,
    pub classes: usize,
    pub train: Rows,
    /// Rows of `train` that the data set sets aside to choose settings by.
    pub validation: Range<usize>,
    pub test: Rows,
    /// Rows in the set as published, training and test.
    pub published_rows: (usize, usize),
}

impl TabularSet {
    /// Columns of a row.
    pub fn width(&self) -> usize {
        self.blocks.iter().sum()
    }
}
