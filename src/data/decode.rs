//! PNG and JPEG files as red, green and blue.

use std::io::Cursor;

use image::io::{Limits, Reader};
use image::{DynamicImage, ImageFormat, RgbImage};

use super::Fault;
use super::guard::guarded;

/// Largest width and height.
const SIDE: u32 = 1 << 14;
/// Most pixels: 64 million take 256 MB while they are decoded.
const PIXELS: u64 = 1 << 26;
/// Most bytes that a decoder may take beside the picture.
const MEMORY: u64 = 1 << 29;

/// Decodes a PNG or JPEG. Greyscale, palettes, 16 bits and CMYK become 8-bit RGB; what is transparent shows white. A
/// rotation in EXIF data is left alone.
///
/// The size a file claims is checked before anything of that size is made: 16,384 pixels a side and 64 million in all.
pub(super) fn rgb(bytes: &[u8]) -> Result<RgbImage, Fault> {
    let reader = || {
        let mut reader = Reader::new(Cursor::new(bytes)).with_guessed_format().ok()?;
        let mut limits = Limits::default();
        (limits.max_image_width, limits.max_image_height, limits.max_alloc) = (Some(SIDE), Some(SIDE), Some(MEMORY));
        reader.limits(limits);
        matches!(reader.format(), Some(ImageFormat::Png | ImageFormat::Jpeg)).then_some(reader)
    };
    let broken =
        |error: image::ImageError| Fault::new("the picture", "a whole PNG or JPEG", format!("damage ({error})"));
    let (Some(sized), Some(whole)) = (reader(), reader()) else {
        let found = if bytes.is_empty() { "an empty file" } else { "another kind of file" };
        return Err(Fault::new("the picture", "a PNG or JPEG", found));
    };
    let (width, height) = sized.into_dimensions().map_err(broken)?;
    if width == 0 || height == 0 || width.max(height) > SIDE || u64::from(width) * u64::from(height) > PIXELS {
        let expected = format!("at most {SIDE} pixels a side and {PIXELS} in all");
        return Err(Fault::new("the picture", expected, format!("{width} x {height} by its header")));
    }
    if whole.format() == Some(ImageFormat::Jpeg)
        && let Some(found) = shortage(bytes, width, height)
    {
        return Err(Fault::new("the picture", format!("a whole JPEG of {width} x {height} pixels"), found));
    }
    let decoded = guarded("the picture", "a whole PNG or JPEG", || whole.decode().map_err(broken))?;
    Ok(over_white(decoded))
}

/// What a JPEG lacks, as far as can be told without decoding it: its decoder makes up for what is missing with grey.
fn shortage(bytes: &[u8], width: u32, height: u32) -> Option<&'static str> {
    let last = |marker: [u8; 2]| bytes.windows(2).rposition(|pair| pair == marker);
    let (start_of_scan, end_of_image) = (last([0xff, 0xda]), last([0xff, 0xd9]));
    // Neither marker occurs inside the data of a scan.
    if end_of_image < start_of_scan {
        return Some("an end in its middle: the file is cut short");
    }
    // Each block of 8 x 8 pixels takes at least one bit.
    let blocks = u64::from(width.div_ceil(8)) * u64::from(height.div_ceil(8));
    (8 * (bytes.len() as u64) < blocks).then_some("too few bytes for a picture of that size: its header is wrong")
}

fn over_white(picture: DynamicImage) -> RgbImage {
    if !picture.color().has_alpha() {
        return picture.into_rgb8();
    }
    let picture = picture.into_rgba8();
    RgbImage::from_fn(picture.width(), picture.height(), |column, row| {
        let [red, green, blue, alpha] = picture.get_pixel(column, row).0;
        let laid = |value: u8| {
            let (value, alpha) = (u32::from(value), u32::from(alpha));
            ((value * alpha + 255 * (255 - alpha) + 127) / 255) as u8
        };
        image::Rgb([red, green, blue].map(laid))
    })
}
