//! Which part of a picture a view shows.

use rand::{Rng, RngExt};

use super::canvas::Canvas;
use crate::data::CHANNELS;

/// Narrowest and widest shape of a random resized crop, width over height.
const SHAPES: (f64, f64) = (3.0 / 4.0, 4.0 / 3.0);

/// Shapes drawn before the centre crop stands in.
const ATTEMPTS: usize = 10;

/// A part of a picture, in pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Region {
    pub top: usize,
    pub left: usize,
    pub height: usize,
    pub width: usize,
}

impl Region {
    /// The region of a random resized crop, as torchvision's `RandomResizedCrop.get_params` draws it: its share of
    /// the area uniform in `[smallest, 1]`, the logarithm of its shape uniform, its place uniform.
    pub fn draw(height: usize, width: usize, smallest: f64, stream: &mut impl Rng) -> Region {
        let (narrowest, widest) = SHAPES;
        for _ in 0..ATTEMPTS {
            let area = (height * width) as f64 * stream.random_range(smallest..=1.0);
            let shape = stream.random_range(narrowest.ln()..=widest.ln()).exp();
            // Python rounds halves to the even neighbour.
            let w = (area * shape).sqrt().round_ties_even() as usize;
            let h = (area / shape).sqrt().round_ties_even() as usize;
            if (1..=width).contains(&w) && (1..=height).contains(&h) {
                let top = stream.random_range(0..=(height - h) as u64) as usize;
                let left = stream.random_range(0..=(width - w) as u64) as usize;
                return Region { top, left, height: h, width: w };
            }
        }
        Region::centre(height, width)
    }

    /// The largest region in the middle whose shape is allowed.
    fn centre(height: usize, width: usize) -> Region {
        let (narrowest, widest) = SHAPES;
        let shape = width as f64 / height as f64;
        let (h, w) = if shape < narrowest {
            ((width as f64 / narrowest).round_ties_even() as usize, width)
        } else if shape > widest {
            (height, (height as f64 * widest).round_ties_even() as usize)
        } else {
            (height, width)
        };
        Region { top: (height - h) / 2, left: (width - w) / 2, height: h, width: w }
    }
}

/// Size of a picture whose shorter side is brought to `shorter`, height and width: torchvision's `Resize` cuts fractions
/// off the longer one.
pub(super) fn resized((height, width): (usize, usize), shorter: usize) -> (usize, usize) {
    let longer = |long: usize, short: usize| (shorter * long) / short.max(1);
    if width <= height { (longer(height, width), shorter) } else { (shorter, longer(width, height)) }
}

/// Where the middle `side` pixels of so many begin, as torchvision's `CenterCrop` has it: a half goes to the even
/// neighbour.
pub(super) fn middle(length: usize, side: usize) -> usize {
    (length.saturating_sub(side) as f64 / 2.0).round_ties_even() as usize
}

/// Puts `padding` pixels of black around `pixels`, `[height, width, channels]`, and paints the part of the original
/// size that begins at `top` and `left` of the padded picture.
pub(super) fn padded(
    canvas: &mut Canvas,
    pixels: &[u8],
    (height, width): (usize, usize),
    padding: usize,
    (top, left): (usize, usize),
) {
    canvas.set_size(height, width);
    canvas.pixels_mut().fill(0);
    // Rows and columns of the canvas that show the picture, and where they begin in it.
    let span = |at: usize, side: usize| {
        let begin = padding.saturating_sub(at).min(side);
        let from = at.saturating_sub(padding).min(side);
        (begin, from, side.saturating_sub(begin + from))
    };
    let ((y, from_y, rows), (x, from_x, columns)) = (span(top, height), span(left, width));
    for (channel, plane) in canvas.planes_mut().into_iter().enumerate() {
        for row in 0..rows {
            let from = ((from_y + row) * width + from_x) * CHANNELS;
            let line = &pixels[from..from + columns * CHANNELS];
            let to = &mut plane[(y + row) * width + x..][..columns];
            for (to, pixel) in to.iter_mut().zip(line.chunks_exact(CHANNELS)) {
                *to = pixel[channel];
            }
        }
    }
}
