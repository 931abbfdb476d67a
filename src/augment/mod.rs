//! Views: what an item looks like to the network, drawn anew for each view and epoch.

mod image;
mod speech;
mod tabular;

use crate::data::{DataError, ImageSet, PictureStore, Set};
use crate::recipe::{Domain, LightViews, Views};

pub use image::{ImageViews, Normaliser};
pub use speech::{SpeechViews, log_mel, log_mels};
pub use tabular::TabularViews;

/// Items whose views training draws, whatever they are made of.
///
/// A draw depends on item, view and epoch only: not on the order of the calls, the batch or the thread.
pub trait Source: Send + Sync {
    /// Items in the set.
    fn len(&self) -> usize;

    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Shape of one item: `[width]` for a table, `[height, width, channels]` for pictures and spectra.
    fn shape(&self) -> &[usize];

    /// Values of one item.
    fn width(&self) -> usize {
        self.shape().iter().product()
    }

    /// Writes view `view` (0 query, 1 key) of item `row` in `epoch`, from 0, to `out`, which holds one item.
    ///
    /// # Errors
    /// A file of the item that cannot be read; items in memory have none.
    fn fill(&self, row: usize, view: usize, epoch: usize, out: &mut [f32]) -> Result<(), DataError>;

    /// Writes one view of each of `rows`, one after the other, to `out`, which holds as many items.
    ///
    /// # Errors
    /// As [`Source::fill`].
    fn fill_rows(&self, rows: &[u32], view: usize, epoch: usize, out: &mut [f32]) -> Result<(), DataError> {
        let mut items = rows.iter().zip(out.chunks_exact_mut(self.width()));
        items.try_for_each(|(row, out)| self.fill(*row as usize, view, epoch, out))
    }

    /// Writes both views of each of `rows`, query and key.
    ///
    /// # Errors
    /// As [`Source::fill`].
    fn fill_pairs(&self, rows: &[u32], epoch: usize, [queries, keys]: [&mut [f32]; 2]) -> Result<(), DataError> {
        self.fill_rows(rows, 0, epoch, queries)?;
        self.fill_rows(rows, 1, epoch, keys)
    }
}

/// The views of a set's training items.
///
/// # Errors
/// Views of another domain or out of their range.
pub fn source<'a>(set: &'a Set, views: &Views, seed: u64) -> Result<Box<dyn Source + 'a>, ViewsError> {
    match set {
        Set::Table(set) => Ok(Box::new(TabularViews::new(set, views, seed)?)),
        Set::Images(set) => Ok(Box::new(ImageViews::new(set, views, seed)?)),
        Set::Speech(set) => Ok(Box::new(SpeechViews::new(set, views, seed)?)),
    }
}

/// Training pictures under light augmentation.
///
/// # Errors
/// Data that is not pictures.
pub fn light<'a>(set: &'a Set, views: &LightViews, seed: u64) -> Result<Box<dyn Source + 'a>, ViewsError> {
    match set {
        Set::Images(set) => Ok(Box::new(ImageViews::light(set, views, seed)?)),
        Set::Table(_) | Set::Speech(_) => Err(ViewsError::NotPictures),
    }
}

/// Pictures of a set as they are, normalised; of files their centres.
///
/// # Errors
/// Counts of the set that contradict each other.
pub fn plain<'a>(set: &'a ImageSet, pictures: &'a PictureStore) -> Result<Box<dyn Source + 'a>, ViewsError> {
    Ok(Box::new(ImageViews::plain(set, pictures)?))
}

/// Why views cannot be drawn.
#[derive(Debug, thiserror::Error, PartialEq)]
pub enum ViewsError {
    #[error("only pictures have light augmentation")]
    NotPictures,
    #[error("views of {views} cannot be drawn from a set of {set}: choose views that fit the set")]
    Domain { views: Domain, set: Domain },
    #[error("masking probability is {found}, expected a number in [0, 1)")]
    Mask { found: f64 },
    #[error("{continuous} continuous columns of {width}, and {values} values: not a table of whole rows")]
    Table { continuous: usize, width: usize, values: usize },
    #[error("{setting} of the views is {found}, expected {expected}")]
    Setting { setting: &'static str, found: f64, expected: &'static str },
    #[error("{labels} pictures of {height} by {width} pixels in {bytes} bytes: not a set of whole pictures")]
    Pictures { height: usize, width: usize, bytes: usize, labels: usize },
    #[error("{samples} samples of background noise: not whole seconds")]
    Background { samples: usize },
}
