//! The picture that the operations of one view work on.

use pulp::Arch;

use crate::data::CHANNELS;

/// A picture of 8-bit red, green and blue between two operations.
///
/// Each channel is a plane of its own, so that loops over pixels become vector instructions; buffers are kept from one
/// view to the next.
pub(super) struct Canvas {
    /// Compiles a closure for the CPU's widest vectors where it consumes what it works on; else it may stay a call to
    /// code for any CPU.
    pub arch: Arch,
    height: usize,
    width: usize,
    /// `[channels, height, width]`.
    pixels: Vec<u8>,
}

impl Canvas {
    pub fn new() -> Canvas {
        Canvas { arch: Arch::new(), height: 0, width: 0, pixels: Vec::new() }
    }

    pub fn height(&self) -> usize {
        self.height
    }

    pub fn width(&self) -> usize {
        self.width
    }

    /// Pixels of a plane.
    pub fn area(&self) -> usize {
        self.height * self.width
    }

    /// Changes the size; the pixels are then whatever was there before.
    pub fn set_size(&mut self, height: usize, width: usize) {
        (self.height, self.width) = (height, width);
        self.pixels.resize(CHANNELS * height * width, 0);
    }

    /// All planes, one after the other.
    pub fn pixels_mut(&mut self) -> &mut [u8] {
        &mut self.pixels
    }

    /// Red, green and blue.
    pub fn planes(&self) -> [&[u8]; CHANNELS] {
        let (red, rest) = self.pixels.split_at(self.area());
        let (green, blue) = rest.split_at(self.area());
        [red, green, blue]
    }

    /// Red, green and blue.
    pub fn planes_mut(&mut self) -> [&mut [u8]; CHANNELS] {
        let area = self.area();
        let (red, rest) = self.pixels.split_at_mut(area);
        let (green, blue) = rest.split_at_mut(area);
        [red, green, blue]
    }

    /// Makes every pixel what `change` says, with the CPU's widest vectors where it is inlined.
    pub fn change_pixels(&mut self, change: impl Fn(u8, u8, u8) -> (u8, u8, u8)) {
        let arch = self.arch;
        let [red, green, blue] = self.planes_mut();
        let pixels = red.iter_mut().zip(green).zip(blue);
        arch.dispatch(
            // By value: what stands behind a reference may, to the compiler, be the pixels that change.
            #[inline(always)]
            move || {
                for ((red, green), blue) in pixels {
                    (*red, *green, *blue) = change(*red, *green, *blue);
                }
            },
        );
    }

    /// Takes `pixels` in, `[height, width, channels]`.
    pub fn load(&mut self, pixels: &[u8], height: usize, width: usize) {
        self.set_size(height, width);
        let [red, green, blue] = self.planes_mut();
        let planes = red.iter_mut().zip(green).zip(blue);
        for (((red, green), blue), pixel) in planes.zip(pixels.chunks_exact(CHANNELS)) {
            (*red, *green, *blue) = (pixel[0], pixel[1], pixel[2]);
        }
    }

    /// The picture as `[height, width, channels]`.
    pub fn picture(&self) -> Vec<u8> {
        let [red, green, blue] = self.planes();
        red.iter().zip(green).zip(blue).flat_map(|((red, green), blue)| [*red, *green, *blue]).collect()
    }

    /// Keeps the part of `height` by `width` that begins at `top` and `left`.
    pub fn cut(&mut self, (top, left): (usize, usize), (height, width): (usize, usize)) {
        let (area, line) = (self.area(), self.width);
        for row in 0..CHANNELS * height {
            // No line moves to a place behind its own, so none is written over before it has moved.
            let from = row / height * area + (top + row % height) * line + left;
            self.pixels.copy_within(from..from + width, row * width);
        }
        self.set_size(height, width);
    }

    /// Mirrors left and right.
    pub fn flip(&mut self) {
        let width = self.width;
        self.pixels.chunks_exact_mut(width).for_each(<[u8]>::reverse);
    }
}
