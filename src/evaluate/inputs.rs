//! What evaluations read of a data set: rows as they are, and training rows under light augmentation.

use std::ops::Range;

use rayon::ThreadPool;

use crate::augment::{self, Source};
use crate::data::{DataError, ImageSet, Set, SpeechSet, TabularSet};
use crate::recipe::LightViews;
use crate::speech::PICTURE;

use super::{EvaluateError, Labels, Split, pool};

/// Most rows that are read at a time.
const MOST_ROWS: usize = 2048;

/// Values of the rows that are read at a time: 32 MiB.
const VALUES: usize = 1 << 23;

/// Rows of `width` values that are read at a time.
pub(super) fn at_a_time(width: usize) -> usize {
    (VALUES / width.max(1)).clamp(1, MOST_ROWS)
}

/// The inputs of a data set, ready for a network.
pub struct Inputs<'a> {
    plain: Plain<'a>,
    light: Option<Box<dyn Source + 'a>>,
    width: usize,
    /// Draws the rows.
    pool: ThreadPool,
}

/// A set, with what it takes to make inputs of its rows.
enum Plain<'a> {
    Table(&'a TabularSet),
    /// With its training and its test pictures.
    Images(&'a ImageSet, [Box<dyn Source + 'a>; 2]),
    /// With the spectra of training and test clips, computed once.
    Speech {
        set: &'a SpeechSet,
        train: Vec<f32>,
        test: Vec<f32>,
    },
}

impl<'a> Inputs<'a> {
    /// `views` is the augmentation of training rows, where there is one; rows are drawn on `threads` threads.
    ///
    /// # Errors
    /// Augmentation of data that is not pictures, counts of a set that contradict each other, threads that the system
    /// refuses.
    pub fn new(
        set: &'a Set,
        views: Option<&LightViews>,
        seed: u64,
        threads: usize,
    ) -> Result<Inputs<'a>, EvaluateError> {
        let pool = pool(threads)?;
        let light = views.map(|views| augment::light(set, views, seed)).transpose()?;
        let (width, plain) = match set {
            Set::Table(set) => (set.width(), Plain::Table(set)),
            Set::Images(set) => {
                let plain = [augment::plain(set, &set.train)?, augment::plain(set, &set.test)?];
                (set.picture_len(), Plain::Images(set, plain))
            }
            Set::Speech(set) => {
                let [train, test] = pool.install(|| [&set.train, &set.test].map(augment::log_mels));
                (PICTURE, Plain::Speech { set, train, test })
            }
        };
        Ok(Inputs { plain, light, width, pool })
    }

    /// Values of a row.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Whether training rows look different in every epoch.
    pub fn augmented(&self) -> bool {
        self.light.is_some()
    }

    /// Rows that may be read at a time, so that their inputs take little memory.
    pub fn at_a_time(&self) -> usize {
        at_a_time(self.width)
    }

    /// Training rows as they look in `epoch`, from 0: row-major.
    ///
    /// # Errors
    /// A file of a row that cannot be read.
    pub fn training(&self, rows: &[u32], epoch: usize) -> Result<Vec<f32>, DataError> {
        let Some(light) = &self.light else { return self.read(Split::Train, rows) };
        let mut values = vec![0.0; rows.len() * self.width];
        self.pool.install(|| light.fill_rows(rows, 0, epoch, &mut values))?;
        Ok(values)
    }

    /// Consecutive rows as they are: row-major.
    ///
    /// # Errors
    /// A file of a row that cannot be read.
    pub fn plain(&self, split: Split, rows: Range<usize>) -> Result<Vec<f32>, DataError> {
        self.read(split, &rows.map(|row| row as u32).collect::<Vec<u32>>())
    }

    fn read(&self, split: Split, rows: &[u32]) -> Result<Vec<f32>, DataError> {
        let mut values = vec![0.0; rows.len() * self.width];
        let copy = |from: &[f32], values: &mut [f32]| {
            for (row, values) in rows.iter().zip(values.chunks_exact_mut(self.width)) {
                values.copy_from_slice(&from[*row as usize * self.width..][..self.width]);
            }
        };
        let is_training = split == Split::Train;
        match &self.plain {
            Plain::Table(set) => copy(if is_training { &set.train.inputs } else { &set.test.inputs }, &mut values),
            Plain::Images(_, [train, test]) => {
                let source = if is_training { train } else { test };
                self.pool.install(|| source.fill_rows(rows, 0, 0, &mut values))?;
            }
            Plain::Speech { train, test, .. } => copy(if is_training { train } else { test }, &mut values),
        }
        Ok(values)
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
                train: set.train.labels(),
                test: set.test.labels(),
                classes: set.classes(),
                validation: set.validation.clone(),
            },
            Plain::Speech { set, .. } => {
                Labels { train: &set.train.labels, test: &set.test.labels, classes: set.classes(), validation: 0..0 }
            }
        }
    }
}
