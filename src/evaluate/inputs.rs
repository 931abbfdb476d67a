//! What evaluations read of a data set: rows as they are, and training rows under light augmentation.

use std::ops::Range;

use crate::augment::{self, Normaliser, Source, ViewsError};
use crate::data::{ImageSet, Set, SpeechSet, TabularSet};
use crate::recipe::LightViews;
use crate::speech::PICTURE;

use super::{Labels, Split};

/// The inputs of a data set, ready for a network.
pub struct Inputs<'a> {
    plain: Plain<'a>,
    light: Option<Box<dyn Source + 'a>>,
    width: usize,
}

/// A set, with what it takes to make inputs of its rows.
enum Plain<'a> {
    Table(&'a TabularSet),
    Images(&'a ImageSet, Box<Normaliser>),
    /// With the spectra of training and test clips, computed once.
    Speech {
        set: &'a SpeechSet,
        train: Vec<f32>,
        test: Vec<f32>,
    },
}

impl<'a> Inputs<'a> {
    /// `views` is the augmentation of training rows, where there is one.
    ///
    /// # Errors
    /// Augmentation of data that is not pictures.
    pub fn new(set: &'a Set, views: Option<&LightViews>, seed: u64) -> Result<Inputs<'a>, ViewsError> {
        let light = views.map(|views| augment::light(set, views, seed)).transpose()?;
        let (width, plain) = match set {
            Set::Table(set) => (set.width(), Plain::Table(set)),
            Set::Images(set) => (set.picture_len(), Plain::Images(set, Box::new(Normaliser::new(set)))),
            Set::Speech(set) => {
                let [train, test] = [&set.train, &set.test].map(augment::log_mels);
                (PICTURE, Plain::Speech { set, train, test })
            }
        };
        Ok(Inputs { plain, light, width })
    }

    /// Values of a row.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Whether training rows look different in every epoch.
    pub fn augmented(&self) -> bool {
        self.light.is_some()
    }

    /// Training rows as they look in `epoch`, from 0: row-major.
    pub fn training(&self, rows: &[u32], epoch: usize) -> Vec<f32> {
        let mut values = vec![0.0; rows.len() * self.width];
        match &self.light {
            Some(light) => light.fill_rows(rows, 0, epoch, &mut values),
            None => {
                for (row, values) in rows.iter().zip(values.chunks_exact_mut(self.width)) {
                    self.fill(Split::Train, *row as usize, values);
                }
            }
        }
        values
    }

    /// Consecutive rows as they are: row-major.
    pub fn plain(&self, split: Split, rows: Range<usize>) -> Vec<f32> {
        let mut values = vec![0.0; rows.len() * self.width];
        for (row, values) in rows.zip(values.chunks_exact_mut(self.width)) {
            self.fill(split, row, values);
        }
        values
    }

    fn fill(&self, split: Split, row: usize, out: &mut [f32]) {
        let place = row * self.width..(row + 1) * self.width;
        match &self.plain {
            Plain::Table(set) => {
                let rows = if split == Split::Train { &set.train } else { &set.test };
                out.copy_from_slice(&rows.inputs[place]);
            }
            Plain::Images(set, normaliser) => {
                let pictures = if split == Split::Train { &set.train } else { &set.test };
                normaliser.apply(&pictures.pixels[place], out);
            }
            Plain::Speech { train, test, .. } => {
                let spectra = if split == Split::Train { train } else { test };
                out.copy_from_slice(&spectra[place]);
            }
        }
    }

    /// The labels of the set.
    pub fn labels(&self) -> Labels<'a> {
        match &self.plain {
            Plain::Table(set) => Labels {
                train: &set.train.labels,
                test: &set.test.labels,
                classes: set.classes,
                validation: set.validation.clone(),
            },
            Plain::Images(set, _) => Labels {
                train: &set.train.labels,
                test: &set.test.labels,
                classes: set.classes(),
                validation: set.validation.clone(),
            },
            Plain::Speech { set, .. } => {
                Labels { train: &set.train.labels, test: &set.test.labels, classes: set.classes(), validation: 0..0 }
            }
        }
    }
}
