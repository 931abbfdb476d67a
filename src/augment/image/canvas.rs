//! The picture that the operations of one view work on.

use pulp::Arch;

use crate::data::CHANNELS;

/// A picture of 8-bit red, green and blue between two operations.
///
/// Each channel is a plane of its own, so that loops over pixels become vector instructions; buffers are kept from one
/// view to the next.
pub(super) struct Canvas {
    pub arch: Arch,
    height: usize,
    width: usize,
    /// `[channels, height, width]`.
    pixels: Vec<u8>,
    /// One plane for an operation to work in.
    spare: Vec<u8>,
}

impl Canvas {
    pub fn new() -> Canvas {
        Canvas { arch: Arch::new(), height: 0, width: 0, pixels: Vec::new(), spare: Vec::new() }
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
        self.spare.resize(height * width, 0);
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

    /// Red, green and blue, and a plane of scratch space.
    pub fn planes_and_spare(&mut self) -> ([&mut [u8]; CHANNELS], &mut [u8]) {
        let area = self.area();
        let (red, rest) = self.pixels.split_at_mut(area);
        let (green, blue) = rest.split_at_mut(area);
        ([red, green, blue], &mut self.spare)
    }

    /// Takes `pixels` in, `[height, width, channels]`.
    pub fn load(&mut self, pixels: &[u8], height: usize, width: usize) {
        self.set_size(height, width);
        let ([red, green, blue], _) = self.planes_and_spare();
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

    /// Mirrors left and right.
    pub fn flip(&mut self) {
        let width = self.width;
        self.pixels.chunks_exact_mut(width).for_each(<[u8]>::reverse);
    }
}
