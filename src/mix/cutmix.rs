//! CutMix: a rectangle of another image pasted in the same place, with one lambda for each share of the batch.

use std::ops::Range;

use candle_core::{Result as TensorResult, Tensor};
use rand::RngExt;

use super::{MixError, beta, folded};
use crate::random::Key;

/// Part of an image of `size` (height, width), as ranges of rows and columns.
#[derive(Clone, Debug, PartialEq)]
pub struct Rectangle {
    pub size: (usize, usize),
    pub rows: Range<usize>,
    pub columns: Range<usize>,
}

impl Rectangle {
    /// The rectangle that leaves about `lambda` of an image, around `centre`, clipped at the borders (official
    /// `rand_bbox`: f32 throughout, sides and half sides rounded down).
    pub fn around(size: (usize, usize), lambda: f32, centre: (usize, usize)) -> Rectangle {
        let cut = (1.0 - lambda).sqrt();
        let range = |extent: usize, centre: usize| {
            let half = (extent as f32 * cut) as usize / 2;
            centre.saturating_sub(half)..(centre + half).min(extent)
        };
        Rectangle { size, rows: range(size.0, centre.0), columns: range(size.1, centre.1) }
    }

    /// The share of the image that the rectangle leaves: lambda, corrected to the pasted area.
    pub fn share_left(&self) -> f32 {
        let pasted = self.rows.len() as f32 * self.columns.len() as f32;
        1.0 - pasted / (self.size.0 * self.size.1) as f32
    }
}

/// One rectangle for each share, of a folded lambda, around a uniformly drawn centre.
pub(super) fn rectangles(input: &Tensor, replicas: usize, alpha: f64, key: Key) -> Result<Vec<Rectangle>, MixError> {
    let &[_, height, width, _] = input.dims() else {
        return Err(MixError::NoRectangle { found: input.dims().to_vec() });
    };
    if height == 0 || width == 0 {
        return Err(MixError::NoRectangle { found: input.dims().to_vec() });
    }
    let beta = beta(alpha)?;
    let of_share = |replica| {
        let lambda = folded(&beta, &mut key.sample(replica).view(1).stream());
        let mut stream = key.sample(replica).view(2).stream();
        let centre = (stream.random_range(0..height as u32) as usize, stream.random_range(0..width as u32) as usize);
        Rectangle::around((height, width), lambda, centre)
    };
    Ok((0..replicas).map(of_share).collect())
}

/// `images` `[N, H, W, C]`, each with the rectangle of the image `partner` names.
///
/// # Errors
/// Images of another size than the rectangle's, another number of partners than N, a partner outside the batch.
pub fn paste(images: &Tensor, partner: &[u32], rectangle: &Rectangle) -> TensorResult<Tensor> {
    let (height, width) = rectangle.size;
    let inside = |place: usize| {
        u8::from(rectangle.rows.contains(&(place / width)) && rectangle.columns.contains(&(place % width)))
    };
    let mask: Vec<u8> = (0..height * width).map(inside).collect();
    let mask = Tensor::from_vec(mask, (1, height, width, 1), images.device())?;
    let other = images.index_select(&Tensor::from_slice(partner, partner.len(), images.device())?, 0)?;
    mask.broadcast_as(images.shape())?.where_cond(&other, images)
}
