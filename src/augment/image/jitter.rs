//! Brightness, contrast, saturation and greyscale as Pillow's `ImageEnhance` changes them: a mixture of the picture
//! with a lesser one, in f32, cut off at 0 and 255 and truncated.

use super::canvas::Canvas;
use super::hue;

/// One change of colour.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Adjustment {
    /// Mixture with black; the factor is the picture's share, 1 for no change.
    Brightness(f32),
    /// Mixture with the mean of the greyscale picture.
    Contrast(f32),
    /// Mixture with the greyscale picture.
    Saturation(f32),
    /// Turns the colour wheel, of 256 steps.
    Hue(u8),
}

impl Adjustment {
    /// A turn by `share` of the colour wheel, in [-0.5, 0.5]: truncated to a step, negative ones wrapping around.
    pub fn hue(share: f64) -> Adjustment {
        Adjustment::Hue((share * 255.0) as i32 as u8)
    }

    pub fn paint(self, canvas: &mut Canvas) {
        match self {
            Adjustment::Brightness(factor) => mix_with(canvas, 0, factor),
            Adjustment::Contrast(factor) => {
                let mean = mean_luma(canvas);
                mix_with(canvas, mean, factor);
            }
            Adjustment::Saturation(factor) => saturation(canvas, factor),
            Adjustment::Hue(steps) => hue::turn(canvas, steps),
        }
    }
}

/// Greyscale in all three channels (torchvision's `RandomGrayscale` where it applies).
pub(super) fn greyscale(canvas: &mut Canvas) {
    saturation(canvas, 0.0);
}

/// `factor` of each value and `1 - factor` of `level`.
fn mix_with(canvas: &mut Canvas, level: u8, factor: f32) {
    canvas.change_pixels(
        #[inline(always)]
        move |red, green, blue| {
            (mixture(level, red, factor), mixture(level, green, factor), mixture(level, blue, factor))
        },
    );
}

fn saturation(canvas: &mut Canvas, factor: f32) {
    canvas.change_pixels(
        #[inline(always)]
        move |red, green, blue| {
            let grey = luma(red, green, blue);
            (mixture(grey, red, factor), mixture(grey, green, factor), mixture(grey, blue, factor))
        },
    );
}

/// Mean of the greyscale picture, rounded.
fn mean_luma(canvas: &Canvas) -> u8 {
    let [red, green, blue] = canvas.planes();
    let greys = red.iter().zip(green).zip(blue).map(
        #[inline(always)]
        |((red, green), blue)| u64::from(luma(*red, *green, *blue)),
    );
    let sum: u64 = canvas.arch.dispatch(
        #[inline(always)]
        || greys.sum(),
    );
    (sum as f64 / canvas.area() as f64 + 0.5) as u8
}

/// Brightness as Pillow's mode `L` has it: ITU-R 601 in 16-bit fixed point.
#[inline(always)]
fn luma(red: u8, green: u8, blue: u8) -> u8 {
    ((u32::from(red) * 19595 + u32::from(green) * 38470 + u32::from(blue) * 7471 + 0x8000) >> 16) as u8
}

/// Pillow's `Image.blend` of two values.
#[inline(always)]
fn mixture(lesser: u8, value: u8, factor: f32) -> u8 {
    let lesser = f32::from(lesser);
    let mixed = (lesser + factor * (f32::from(value) - lesser)).clamp(0.0, 255.0);
    // From here on a unit is the lowest bit. The conversion of the language cuts off again, element by element.
    const UNITS: f32 = (1u32 << 23) as f32;
    (mixed.floor() + UNITS).to_bits() as u8
}
