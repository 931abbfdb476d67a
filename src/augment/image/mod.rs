//! Views of pictures with torchvision's semantics on Pillow pictures: 8 bits between the operations, rounded as Pillow
//! rounds.

mod augmentation;
mod blur;
mod canvas;
mod crop;
mod hue;
mod jitter;
mod normaliser;
mod resize;

#[cfg(test)]
mod draws;
#[cfg(test)]
mod oracle;
#[cfg(test)]
mod tests;

use std::borrow::Cow;

use rayon::prelude::*;

use self::augmentation::{Augmentation, Draw, Frame};
use self::blur::Blur;
use self::canvas::Canvas;
use self::crop::Region;
use self::resize::Resizer;
use super::{Source, ViewsError};
use crate::data::{CHANNELS, DataError, ImageSet, Picture, PictureStore};
use crate::random::{Key, Purpose};
use crate::recipe::{LightViews, Views};

pub use normaliser::Normaliser;

/// Views that a thread draws before it looks for other work.
const PIECE: usize = 16;
/// The same of pictures that it decodes.
const DECODED_PIECE: usize = 2;

/// Pictures seen through random operations, then normalised. Random crops come out of the whole picture, whatever its
/// size; everything else sees the centre of pictures that are not of the set's size.
#[derive(Clone, Debug)]
pub struct ImageViews<'a> {
    pictures: &'a PictureStore,
    shape: [usize; 3],
    augmentation: Augmentation,
    normaliser: Normaliser,
    purpose: Purpose,
    seed: u64,
}

impl<'a> ImageViews<'a> {
    /// Views of training pictures for self-supervised training (official `main_pretext.py`).
    ///
    /// # Errors
    /// Views of another domain, settings out of their range, a set whose counts contradict each other.
    pub fn new(set: &'a ImageSet, views: &Views, seed: u64) -> Result<ImageViews<'a>, ViewsError> {
        ImageViews::of(set, &set.train, Augmentation::pretext(views)?, Purpose::Views, seed)
    }

    /// Views for training with labels, whatever the encoder was trained with: crop and flip only.
    ///
    /// # Errors
    /// Settings out of their range, a set whose counts contradict each other.
    pub fn light(set: &'a ImageSet, views: &LightViews, seed: u64) -> Result<ImageViews<'a>, ViewsError> {
        ImageViews::of(set, &set.train, Augmentation::light(views)?, Purpose::EvaluationViews, seed)
    }

    /// Pictures as they are; of files the centre, after the shorter side is resized (official `main_lincls.py`).
    ///
    /// # Errors
    /// A set whose counts contradict each other.
    pub fn plain(set: &'a ImageSet, pictures: &'a PictureStore) -> Result<ImageViews<'a>, ViewsError> {
        ImageViews::of(set, pictures, Augmentation::NONE, Purpose::Views, 0)
    }

    fn of(
        set: &'a ImageSet,
        pictures: &'a PictureStore,
        augmentation: Augmentation,
        purpose: Purpose,
        seed: u64,
    ) -> Result<ImageViews<'a>, ViewsError> {
        let (height, width) = (set.height, set.width);
        let labels = pictures.labels().len();
        let (bytes, expected) = match pictures {
            PictureStore::Memory(pictures) => (pictures.pixels.len(), labels * set.picture_len()),
            PictureStore::Files(_) => (0, 0),
        };
        if height == 0 || width == 0 || bytes != expected {
            return Err(ViewsError::Pictures { height, width, bytes, labels });
        }
        let (shape, normaliser) = ([height, width, CHANNELS], Normaliser::new(set));
        Ok(ImageViews { pictures, shape, augmentation, normaliser, purpose, seed })
    }

    /// View `view` of picture `row` in `epoch` before it is normalised, `[height, width, channels]`.
    ///
    /// # Errors
    /// A file that cannot be read.
    pub fn picture(&self, row: usize, view: usize, epoch: usize) -> Result<Vec<u8>, DataError> {
        let mut workspace = Workspace::new();
        self.paint(&self.read(row)?, (row, view, epoch), &mut workspace);
        Ok(workspace.canvas.picture())
    }

    fn read(&self, row: usize) -> Result<Picture<'_>, DataError> {
        self.pictures.picture(row, (self.shape[0], self.shape[1]))
    }

    /// Puts a view of `picture`, the one of `row`, onto the canvas.
    fn paint(&self, picture: &Picture, (row, view, epoch): (usize, usize, usize), workspace: &mut Workspace) {
        let mut stream = Key::new(self.seed, self.purpose).epoch(epoch).sample(row).view(view).stream();
        let draw = self.augmentation.draw(picture.height, picture.width, &mut stream);
        let resize = match self.pictures {
            PictureStore::Memory(_) => None,
            PictureStore::Files(files) => Some(files.resize),
        };
        workspace.paint(picture, resize, (self.shape[0], self.shape[1]), &draw);
    }

    /// Writes some views of each of `rows`, each kind to one of `outs`; a picture is read once for all of them.
    fn fill_views<const N: usize>(
        &self,
        rows: &[u32],
        views: [usize; N],
        epoch: usize,
        outs: [&mut [f32]; N],
    ) -> Result<(), DataError> {
        let piece = if matches!(self.pictures, PictureStore::Files(_)) { DECODED_PIECE } else { PIECE };
        let mut pieces: Vec<[&mut [f32]; N]> = Vec::new();
        let mut outs = outs.map(|out| out.chunks_mut(piece * self.width()));
        pieces.extend(rows.chunks(piece).map(|_| outs.each_mut().map(|out| out.next().unwrap_or_default())));
        rows.par_chunks(piece).zip(pieces).try_for_each(|(rows, mut outs)| {
            let mut workspace = Workspace::new();
            for (at, row) in rows.iter().enumerate() {
                let row = *row as usize;
                let picture = self.read(row)?;
                for (out, view) in outs.iter_mut().zip(views) {
                    self.paint(&picture, (row, view, epoch), &mut workspace);
                    self.normaliser.take(&workspace.canvas, &mut out[at * self.width()..][..self.width()]);
                }
            }
            Ok(())
        })
    }
}

impl Source for ImageViews<'_> {
    fn len(&self) -> usize {
        self.pictures.labels().len()
    }

    fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// Makes buffers for one view; for many, [`fill_rows`](Source::fill_rows) keeps them.
    fn fill(&self, row: usize, view: usize, epoch: usize, out: &mut [f32]) -> Result<(), DataError> {
        self.fill_views(&[row as u32], [view], epoch, [out])
    }

    /// Runs on the threads of the rayon pool it is called in.
    fn fill_rows(&self, rows: &[u32], view: usize, epoch: usize, out: &mut [f32]) -> Result<(), DataError> {
        self.fill_views(rows, [view], epoch, [out])
    }

    /// Runs on the threads of the rayon pool it is called in.
    fn fill_pairs(&self, rows: &[u32], epoch: usize, pairs: [&mut [f32]; 2]) -> Result<(), DataError> {
        self.fill_views(rows, [0, 1], epoch, pairs)
    }
}

/// What a thread draws views with.
struct Workspace {
    canvas: Canvas,
    resizer: Resizer,
    blur: Blur,
}

impl Workspace {
    fn new() -> Workspace {
        Workspace { canvas: Canvas::new(), resizer: Resizer::new(), blur: Blur::new() }
    }

    /// Puts the view of `picture`, `size` high and wide, onto the canvas. Where there is `resize`, what is no random crop
    /// shows the centre of the picture after its shorter side is brought to that length.
    fn paint(&mut self, picture: &Picture, resize: Option<usize>, size: (usize, usize), draw: &Draw) {
        match draw.frame {
            Frame::Resized(region) => {
                self.resizer.paint(&mut self.canvas, &picture.pixels, picture.width, region, size);
            }
            Frame::Whole => match resize {
                None => self.canvas.load(&picture.pixels, size.0, size.1),
                Some(shorter) => self.centre(picture, shorter, size),
            },
            Frame::Padded(padding, place) => {
                let pixels = match resize {
                    None => Cow::Borrowed(&*picture.pixels),
                    Some(shorter) => {
                        self.centre(picture, shorter, size);
                        Cow::Owned(self.canvas.picture())
                    }
                };
                crop::padded(&mut self.canvas, &pixels, size, padding, place);
            }
        }
        let canvas = &mut self.canvas;
        for adjustment in draw.adjustments.into_iter().flatten() {
            adjustment.paint(canvas);
        }
        if draw.greyscale {
            jitter::greyscale(canvas);
        }
        if let Some(deviation) = draw.blur {
            self.blur.paint(canvas, deviation);
        }
        if draw.flip {
            canvas.flip();
        }
    }

    /// Puts the centre of `picture`, `size` high and wide, onto the canvas after the shorter side is brought to `shorter`.
    fn centre(&mut self, picture: &Picture, shorter: usize, size: (usize, usize)) {
        let whole = Region { top: 0, left: 0, height: picture.height, width: picture.width };
        let (height, width) = crop::resized((picture.height, picture.width), shorter);
        self.resizer.paint(&mut self.canvas, &picture.pixels, picture.width, whole, (height, width));
        self.canvas.cut((crop::middle(height, size.0), crop::middle(width, size.1)), size);
    }
}
