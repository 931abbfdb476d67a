//! How the items of a set look to a person.

use crate::augment::{ImageViews, Normaliser, log_mel};
use crate::data::{CHANNELS, DataError, ImageSet, Set, SpeechSet};
use crate::speech::{BANDS, FRAMES, RANGE};

use super::StagesError;

/// A set whose items can be looked at.
pub(super) enum Shown<'a> {
    Images(&'a ImageSet, Box<ImageViews<'a>>, Box<Normaliser>),
    Speech(&'a SpeechSet),
}

impl<'a> Shown<'a> {
    /// # Errors
    /// Rows of a table, counts of a set that contradict each other.
    pub fn of(set: &'a Set) -> Result<Shown<'a>, StagesError> {
        match set {
            Set::Images(images) => {
                let plain = Box::new(ImageViews::plain(images, &images.train)?);
                Ok(Shown::Images(images, plain, Box::new(Normaliser::new(images))))
            }
            Set::Speech(speech) => Ok(Shown::Speech(speech)),
            Set::Table(_) => Err(StagesError::Table),
        }
    }

    /// Height and width of a picture.
    pub fn size(&self) -> (usize, usize) {
        match self {
            Shown::Images(images, ..) => (images.height, images.width),
            Shown::Speech(_) => (BANDS, FRAMES),
        }
    }

    /// Values of an item as a network sees it.
    pub fn values(&self) -> usize {
        let (height, width) = self.size();
        height * width * if matches!(self, Shown::Images(..)) { CHANNELS } else { 1 }
    }

    /// What a reader must know of the pictures.
    pub fn legend(&self) -> Option<&'static str> {
        match self {
            Shown::Images(..) => None,
            Shown::Speech(_) => Some("32 mel bands, low ones below, by 32 frames; black -80 dB, white 0 dB"),
        }
    }

    /// A training item as it is in the set, `[height, width, 3]`; of a larger picture the centre.
    ///
    /// # Errors
    /// A file that cannot be read.
    pub fn original(&self, row: usize) -> Result<Vec<u8>, DataError> {
        match self {
            Shown::Images(_, plain, _) => plain.picture(row, 0, 0),
            Shown::Speech(speech) => Ok(spectrogram(&log_mel(&speech.train.clips[row]))),
        }
    }

    /// An item as a network sees it, `[height, width, 3]`.
    pub fn pixels(&self, values: &[f32]) -> Vec<u8> {
        match self {
            Shown::Images(_, _, normaliser) => normaliser.pixels(values),
            Shown::Speech(_) => spectrogram(values),
        }
    }

    pub fn class(&self, row: usize) -> String {
        match self {
            Shown::Images(images, ..) => images.class_names[images.train.labels()[row] as usize].clone(),
            Shown::Speech(speech) => speech.class_names[speech.train.labels[row] as usize].clone(),
        }
    }
}

/// Decibels as grey, from black at -80 to white at 0, the lowest band in the last line.
fn spectrogram(decibels: &[f32]) -> Vec<u8> {
    let grey = |value: &f32| (255.0 * (1.0 + value / RANGE)).round().clamp(0.0, 255.0) as u8;
    decibels.chunks_exact(FRAMES).rev().flatten().flat_map(|value| [grey(value); 3]).collect()
}
