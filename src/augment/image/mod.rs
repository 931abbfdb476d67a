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

use rayon::prelude::*;

use self::augmentation::{Augmentation, Draw, Frame};
use self::blur::Blur;
use self::canvas::Canvas;
use self::resize::Resizer;
use super::{Source, ViewsError};
use crate::data::{CHANNELS, ImageSet};
use crate::random::{Key, Purpose};
use crate::recipe::{LightViews, Views};

pub use normaliser::Normaliser;

/// Views that a thread draws before it looks for other work.
const PIECE: usize = 16;

/// Training pictures seen through random operations, then normalised.
#[derive(Clone, Debug)]
pub struct ImageViews<'a> {
    pixels: &'a [u8],
    shape: [usize; 3],
    augmentation: Augmentation,
    normaliser: Normaliser,
    purpose: Purpose,
    seed: u64,
}

impl<'a> ImageViews<'a> {
    /// Views for self-supervised training, of the size of the set's pictures (official `main_pretext.py`).
    ///
    /// # Errors
    /// Views of another domain, settings out of their range, a set whose counts contradict each other.
    pub fn new(set: &'a ImageSet, views: &Views, seed: u64) -> Result<ImageViews<'a>, ViewsError> {
        ImageViews::drawn(set, Augmentation::pretext(views)?, Purpose::Views, seed)
    }

    /// Views for training with labels, whatever the encoder was trained with: crop and flip only.
    ///
    /// # Errors
    /// Settings out of their range, a set whose counts contradict each other.
    pub fn light(set: &'a ImageSet, views: &LightViews, seed: u64) -> Result<ImageViews<'a>, ViewsError> {
        ImageViews::drawn(set, Augmentation::light(views)?, Purpose::EvaluationViews, seed)
    }

    fn drawn(
        set: &'a ImageSet,
        augmentation: Augmentation,
        purpose: Purpose,
        seed: u64,
    ) -> Result<ImageViews<'a>, ViewsError> {
        let (height, width) = (set.height, set.width);
        let (bytes, labels) = (set.train.pixels.len(), set.train.labels.len());
        if height == 0 || width == 0 || bytes != labels * set.picture_len() {
            return Err(ViewsError::Pictures { height, width, bytes, labels });
        }
        let (shape, normaliser) = ([height, width, CHANNELS], Normaliser::new(set));
        Ok(ImageViews { pixels: &set.train.pixels, shape, augmentation, normaliser, purpose, seed })
    }

    /// View `view` of picture `row` in `epoch` before it is normalised, `[height, width, channels]`.
    pub fn picture(&self, row: usize, view: usize, epoch: usize) -> Vec<u8> {
        let mut workspace = Workspace::new();
        self.paint(row, view, epoch, &mut workspace);
        workspace.canvas.picture()
    }

    fn paint(&self, row: usize, view: usize, epoch: usize, workspace: &mut Workspace) {
        let [height, width, _] = self.shape;
        let picture = &self.pixels[row * self.width()..(row + 1) * self.width()];
        let mut stream = Key::new(self.seed, self.purpose).epoch(epoch).sample(row).view(view).stream();
        let draw = self.augmentation.draw(height, width, &mut stream);
        workspace.paint(picture, height, width, &draw);
    }
}

impl Source for ImageViews<'_> {
    fn len(&self) -> usize {
        self.pixels.len() / self.width()
    }

    fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// Makes buffers for one view; for many, [`fill_rows`](Source::fill_rows) keeps them.
    fn fill(&self, row: usize, view: usize, epoch: usize, out: &mut [f32]) {
        let mut workspace = Workspace::new();
        self.paint(row, view, epoch, &mut workspace);
        self.normaliser.take(&workspace.canvas, out);
    }

    /// Runs on the threads of the rayon pool it is called in.
    fn fill_rows(&self, rows: &[u32], view: usize, epoch: usize, out: &mut [f32]) {
        let pieces = rows.par_chunks(PIECE).zip(out.par_chunks_mut(PIECE * self.width()));
        pieces.for_each(|(rows, out)| {
            let mut workspace = Workspace::new();
            for (row, out) in rows.iter().zip(out.chunks_exact_mut(self.width())) {
                self.paint(*row as usize, view, epoch, &mut workspace);
                self.normaliser.take(&workspace.canvas, out);
            }
        });
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

    /// Puts the view of `picture`, `[height, width, channels]`, onto the canvas.
    fn paint(&mut self, picture: &[u8], height: usize, width: usize, draw: &Draw) {
        let canvas = &mut self.canvas;
        match draw.frame {
            Frame::Whole => canvas.load(picture, height, width),
            Frame::Resized(region) => self.resizer.paint(canvas, picture, width, region, (height, width)),
            Frame::Padded(padding, place) => crop::padded(canvas, picture, (height, width), padding, place),
        }
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
}
