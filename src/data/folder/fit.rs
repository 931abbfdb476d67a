//! Bringing pictures of any size to one size.

use image::RgbImage;
use image::imageops::{FilterType, crop_imm, resize};

use crate::data::Fault;

/// Most times that one side may be longer than the other: what a resized strip takes in memory grows with it.
const ASPECT: u32 = 16;

/// A square picture: resized so that its shorter side fits, then cut around the centre. The filter is the triangle,
/// widened where the picture shrinks: torchvision's `Resize` and `CenterCrop` on a PIL picture.
///
/// # Errors
/// One side is more than 16 times as long as the other.
pub(in crate::data) fn square(picture: &RgbImage, side: u32) -> Result<RgbImage, Fault> {
    let (width, height) = picture.dimensions();
    if width.max(height) > width.min(height).saturating_mul(ASPECT) {
        let expected = format!("a picture at most {ASPECT} times as long as it is wide");
        return Err(Fault::new("the picture", expected, format!("one of {width} x {height} pixels")));
    }
    let longer = |long: u32, short: u32| (u64::from(side) * u64::from(long) / u64::from(short.max(1))) as u32;
    let (width, height) = if width <= height { (side, longer(height, width)) } else { (longer(width, height), side) };
    let resized = match picture.dimensions() == (width, height) {
        true => picture.clone(),
        false => resize(picture, width, height, FilterType::Triangle),
    };
    Ok(crop_imm(&resized, start(width, side), start(height, side), side, side).to_image())
}

/// Half of what is too much; a half pixel goes to the even neighbour, as Python rounds.
fn start(length: u32, side: u32) -> u32 {
    (f64::from(length - side) / 2.).round_ties_even() as u32
}
