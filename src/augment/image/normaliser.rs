//! From 8-bit pictures to what a network takes, and back.

use super::canvas::Canvas;
use crate::data::{CHANNELS, ImageSet};

/// Values of a byte.
const LEVELS: usize = 256;

/// Turns 8-bit values of 0 to 255 into `(value / 255 - mean) / deviation` with the mean and the deviation of the
/// channel, in f32 (torchvision's `ToTensor` and `Normalize`).
#[derive(Clone, Debug)]
pub struct Normaliser {
    mean: [f32; CHANNELS],
    deviation: [f32; CHANNELS],
    table: [[f32; LEVELS]; CHANNELS],
}

impl Normaliser {
    /// With the mean and the deviation of `set`.
    pub fn new(set: &ImageSet) -> Normaliser {
        let (mean, deviation) = (set.mean, set.deviation);
        let normalised = |channel: usize, level: usize| (level as f32 / 255.0 - mean[channel]) / deviation[channel];
        let table = std::array::from_fn(|channel| std::array::from_fn(|level| normalised(channel, level)));
        Normaliser { mean, deviation, table }
    }

    /// Normalises `pixels` to `out`, both any number of `[height, width, channels]`.
    pub fn apply(&self, pixels: &[u8], out: &mut [f32]) {
        for (pixel, out) in pixels.chunks_exact(CHANNELS).zip(out.chunks_exact_mut(CHANNELS)) {
            for ((level, out), table) in pixel.iter().zip(out).zip(&self.table) {
                *out = table[usize::from(*level)];
            }
        }
    }

    /// The 8-bit pictures of normalised `values`, `[height, width, channels]`; what lies outside of 0 to 255 is cut
    /// off. Undoes [`apply`](Normaliser::apply).
    pub fn pixels(&self, values: &[f32]) -> Vec<u8> {
        let scales = self.mean.iter().zip(&self.deviation).cycle();
        // Conversion to an integer cuts off.
        values.iter().zip(scales).map(|(value, (mean, by))| ((value * by + mean) * 255.0).round() as u8).collect()
    }

    /// Normalises what is on `canvas` to `out`, `[height, width, channels]`.
    pub(super) fn take(&self, canvas: &Canvas, out: &mut [f32]) {
        let [red, green, blue] = canvas.planes();
        let [red_table, green_table, blue_table] = &self.table;
        for (((red, green), blue), out) in red.iter().zip(green).zip(blue).zip(out.chunks_exact_mut(CHANNELS)) {
            out[0] = red_table[usize::from(*red)];
            out[1] = green_table[usize::from(*green)];
            out[2] = blue_table[usize::from(*blue)];
        }
    }
}
