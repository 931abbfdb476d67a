//! What a loaded data set gives to training and evaluation.

use std::ops::Range;

use serde::{Deserialize, Serialize};

use crate::recipe::DataIdentity;

use super::PictureStore;

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

/// Labelled pictures of one size, in memory.
#[derive(Clone, Debug, PartialEq, Default)]
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
    /// Of what networks see, in pixels. Pictures in memory are of this size.
    pub height: usize,
    pub width: usize,
    /// Of each class, in the order of the labels.
    pub class_names: Vec<String>,
    /// Of each channel over training pictures, of values in 0 to 1.
    pub mean: [f32; CHANNELS],
    /// Standard deviation of each channel, likewise.
    pub deviation: [f32; CHANNELS],
    pub train: PictureStore,
    /// Pictures of `train` that are set aside to choose settings by.
    pub validation: Range<usize>,
    pub test: PictureStore,
    /// Pictures in the set as published, training and test.
    pub published_rows: (usize, usize),
}

/// Red, green and blue.
pub const CHANNELS: usize = 3;

impl ImageSet {
    pub fn classes(&self) -> usize {
        self.class_names.len()
    }

    /// Bytes of one picture as networks see it.
    pub fn picture_len(&self) -> usize {
        self.height * self.width * CHANNELS
    }
}

/// A recording at 16,000 samples a second.
#[derive(Clone, Debug, PartialEq)]
pub enum Clip {
    /// As 16-bit numbers: what a recording of one channel at this rate holds.
    Pcm16(Box<[i16]>),
    /// As numbers from about -1 to 1.
    Float(Box<[f32]>),
}

impl Clip {
    /// Replaces `samples` by those of the clip, from about -1 to 1.
    pub fn read(&self, samples: &mut Vec<f32>) {
        samples.clear();
        match self {
            Clip::Pcm16(clip) => samples.extend(clip.iter().map(|sample| f32::from(*sample) / 32768.0)),
            Clip::Float(clip) => samples.extend_from_slice(clip),
        }
    }

    /// Fills `samples` with those of the clip, cut or followed by silence.
    pub fn fill(&self, samples: &mut [f32]) {
        let length = self.len().min(samples.len());
        let (sounding, silent) = samples.split_at_mut(length);
        match self {
            Clip::Pcm16(clip) => {
                sounding.iter_mut().zip(clip).for_each(|(out, sample)| *out = f32::from(*sample) / 32768.0);
            }
            Clip::Float(clip) => sounding.copy_from_slice(&clip[..length]),
        }
        silent.fill(0.0);
    }

    /// Samples.
    pub fn len(&self) -> usize {
        match self {
            Clip::Pcm16(clip) => clip.len(),
            Clip::Float(clip) => clip.len(),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Labelled recordings.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Clips {
    /// As far as any view can hear them: 1.25 seconds, of which the fastest plays one second.
    pub clips: Vec<Clip>,
    /// Class of each clip, from 0.
    pub labels: Vec<u32>,
}

/// A set of spoken words.
#[derive(Clone, Debug, PartialEq)]
pub struct SpeechSet {
    pub identity: DataIdentity,
    /// Of each class, in the order of the labels.
    pub class_names: Vec<String>,
    pub train: Clips,
    pub test: Clips,
    /// Noise to mix with training clips, second after second.
    pub background: Vec<f32>,
    /// Clips in the set as published, training and test.
    pub published_rows: (usize, usize),
}

impl SpeechSet {
    pub fn classes(&self) -> usize {
        self.class_names.len()
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
    Speech(SpeechSet),
}

impl Set {
    /// Training and test items at hand and in the set as published.
    pub fn part(&self) -> SetPart {
        let (train, test, published) = match self {
            Set::Table(set) => (set.train.labels.len(), set.test.labels.len(), set.published_rows),
            Set::Images(set) => (set.train.labels().len(), set.test.labels().len(), set.published_rows),
            Set::Speech(set) => (set.train.labels.len(), set.test.labels.len(), set.published_rows),
        };
        SetPart { train, test, published_train: published.0, published_test: published.1 }
    }

    pub fn identity(&self) -> &DataIdentity {
        match self {
            Set::Table(set) => &set.identity,
            Set::Images(set) => &set.identity,
            Set::Speech(set) => &set.identity,
        }
    }

    /// Training and test items.
    pub fn rows(&self) -> (usize, usize) {
        match self {
            Set::Table(set) => (set.train.labels.len(), set.test.labels.len()),
            Set::Images(set) => (set.train.labels().len(), set.test.labels().len()),
            Set::Speech(set) => (set.train.labels.len(), set.test.labels.len()),
        }
    }
}
