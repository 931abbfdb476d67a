//! Pillow's Gaussian blur (`ImageFilter.GaussianBlur`): three box blurs along rows and three along columns, each
//! rounded to 8 bits. The box's outermost pixels count by a fraction (Gwosdek et al., 2011, "Theoretical foundations
//! of Gaussian convolution by extended box filtering").

use super::canvas::Canvas;

const PASSES: usize = 3;

/// Fractional bits of a weight.
const PRECISION: u32 = 24;

/// Blurs pictures; keeps its buffers from one picture to the next.
pub(super) struct Blur {
    turned: Vec<u8>,
    other: Vec<u8>,
    sums: Vec<u32>,
}

impl Blur {
    pub fn new() -> Blur {
        Blur { turned: Vec::new(), other: Vec::new(), sums: Vec::new() }
    }

    /// Blurs by a Gaussian of `deviation` pixels; at 0 nothing happens.
    pub fn paint(&mut self, canvas: &mut Canvas, deviation: f32) {
        let window = Window::new(deviation);
        let (arch, height, width) = (canvas.arch, canvas.height(), canvas.width());
        self.turned.resize(height * width, 0);
        self.other.resize(height * width, 0);
        let planes = canvas.pixels_mut().chunks_exact_mut(height * width);
        arch.dispatch(
            #[inline(always)]
            || {
                for plane in planes {
                    // A turned picture has its rows as columns, where many sums run side by side.
                    turn(plane, &mut self.turned, width);
                    for _ in 0..PASSES {
                        window.along_columns(&self.turned, &mut self.other, height, &mut self.sums);
                        std::mem::swap(&mut self.turned, &mut self.other);
                    }
                    turn(&self.turned, plane, height);
                    for _ in 0..PASSES {
                        self.other.copy_from_slice(plane);
                        window.along_columns(&self.other, plane, width, &mut self.sums);
                    }
                }
            },
        );
    }
}

/// Turns rows of `width` pixels into columns.
#[inline(always)]
fn turn(from: &[u8], to: &mut [u8], width: usize) {
    let height = from.len() / width;
    for (y, line) in from.chunks_exact(width).enumerate() {
        for (x, value) in line.iter().enumerate() {
            to[x * height + y] = *value;
        }
    }
}

/// A box with soft ends.
struct Window {
    /// Pixels at each side of the middle that count in full.
    radius: usize,
    /// Weight of a pixel inside, and of the two just outside.
    inner: u32,
    outer: u32,
}

impl Window {
    /// The box of which three passes have the given standard deviation.
    fn new(deviation: f32) -> Window {
        let variance = deviation * deviation / PASSES as f32;
        let length = (12.0 * f64::from(variance) + 1.0).sqrt() as f32;
        let whole = ((f64::from(length) - 1.0) / 2.0).floor() as f32;
        let part = (2.0 * whole + 1.0) * (whole * (whole + 1.0) - 3.0 * variance);
        let part = part / (6.0 * (variance - (whole + 1.0) * (whole + 1.0)));
        let reach = whole + part;
        let radius = reach as usize;
        let one = 1u32 << PRECISION;
        let inner = (one as f32 / (reach * 2.0 + 1.0)) as u32;
        Window { radius, inner, outer: (one - (2 * radius as u32 + 1) * inner) / 2 }
    }

    /// One pass down the columns of a plane; beyond the ends their last pixel goes on.
    #[inline(always)]
    fn along_columns(&self, from: &[u8], to: &mut [u8], width: usize, sums: &mut Vec<u32>) {
        let last = from.len() / width - 1;
        let line = |y: usize| &from[y.min(last) * width..][..width];
        sums.clear();
        sums.resize(width, 0);
        // The window around the line before the first.
        for (sum, value) in sums.iter_mut().zip(line(0)) {
            *sum = (self.radius as u32 + 1) * u32::from(*value);
        }
        for y in 0..self.radius {
            for (sum, value) in sums.iter_mut().zip(line(y)) {
                *sum += u32::from(*value);
            }
        }
        for (y, to) in to.chunks_exact_mut(width).enumerate() {
            let (left, entered) = (line(y.saturating_sub(self.radius + 1)), line(y + self.radius));
            let next = line(y + self.radius + 1);
            let ends = left.iter().zip(entered).zip(next);
            for ((to, sum), ((left, entered), next)) in to.iter_mut().zip(sums.iter_mut()).zip(ends) {
                *sum = *sum + u32::from(*entered) - u32::from(*left);
                let mixed = *sum * self.inner + (u32::from(*left) + u32::from(*next)) * self.outer;
                *to = ((mixed + (1 << (PRECISION - 1))) >> PRECISION) as u8;
            }
        }
    }
}
