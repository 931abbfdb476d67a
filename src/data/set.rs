//! What a loaded data set gives to training and evaluation.

use std::ops::Range;

use serde::{Deserialize, Serialize};

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

/// Labelled pictures of one size.
#[derive(Clone, Debug, PartialEq)]
pub struct Pictures {
    /// One picture after the other, each `[height, width, channels]`.
    pub pixels: Vec<u8>,
    /// Class of each picture, from 0.
    pub labels: Vec<u32>,
}

/// A set of pictures.
#[derive(Clone, Debug, PartialEq)]
pub struct ImageSet {
    pub identity: DataIdentity,
    pub height: usize,
    pub width: usize,
    /// Of each class, in the order of the labels.
    pub class_names: Vec<String>,
    /// Of each channel over training pictures, of values in 0 to 1.
    pub mean: [f32; CHANNELS],
    /// Standard deviation of each channel, likewise.
    pub deviation: [f32; CHANNELS],
    pub train: Pictures,
    /// Pictures of `train` that are set aside to choose settings by.
    pub validation: Range<usize>,
    pub test: Pictures,
    /// Pictures in the set as published, training and test.
    pub published_rows: (usize, usize),
}

/// Red, green and blue.
pub const CHANNELS: usize = 3;

impl ImageSet {
    pub fn classes(&self) -> usize {
        self.class_names.len()
    }

    /// Bytes of one picture.
    pub fn picture_len(&self) -> usize {
        self.height * self.width * CHANNELS
    }
}

/// How much of a set is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SetPart {
    pub train: usize,
    pub test: usize,
    pub published_train: usize,
    pub published_test: usize,
}

/// A loaded data set.
#[derive(Clone, Debug, PartialEq)]
pub enum Set {
    Table(TabularSet),
    Images(ImageSet),
}

impl Set {
    /// Training and test items at hand and in the set as published.
    pub fn part(&self) -> SetPart {
        let (train, test, published) = match self {
            Set::Table(set) => (set.train.labels.len(), set.test.labels.len(), set.published_rows),
            Set::Images(set) => (set.train.labels.len(), set.test.labels.len(), set.published_rows),
        };
        SetPart { train, test, published_train: published.0, published_test: published.1 }
    }

    pub fn identity(&self) -> &DataIdentity {
        match self {
            Set::Table(set) => &set.identity,
            Set::Images(set) => &set.identity,
        }
    }

    /// Training and test items.
    pub fn rows(&self) -> (usize, usize) {
        match self {
            Set::Table(set) => (set.train.labels.len(), set.test.labels.len()),
            Set::Images(set) => (set.train.labels.len(), set.test.labels.len()),
        }
    }
}
