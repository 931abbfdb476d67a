//! Memory, and what comes and goes: activations are rounded on their way in and widened on their way out.

use super::arguments::{CopyValues, Element, FromBf16, ToBf16};
use super::platform::Platform;
use super::{Buffer, Cuda};
use crate::kernels::Storage;

/// Steps whose losses lie on the device before they are read back.
const STEPS_AHEAD: usize = 16;

impl<P: Platform> Storage for Cuda<P> {
    type Buffer = Buffer<P>;
    type Staged = P::Staged;

    fn zeros(&self, len: usize) -> Buffer<P> {
        Buffer::new(self.platform.zeros(len), len, Element::F32)
    }

    fn activations(&self, len: usize) -> Buffer<P> {
        let element = self.platform.element();
        Buffer::new(self.platform.zeros(element.floats(len)), len, element)
    }

    fn len(&self, buffer: &Buffer<P>) -> usize {
        buffer.len
    }

    fn initialise(&self, values: impl FnOnce() -> Vec<f32>, buffer: &mut Buffer<P>) {
        match buffer.element {
            Element::F32 => self.platform.initialise(&mut buffer.changed().memory, values),
            Element::Bf16 => self.upload(&values(), buffer),
        }
    }

    fn upload(&self, values: &[f32], buffer: &mut Buffer<P>) {
        let len = values.len();
        match buffer.element {
            Element::F32 => {
                self.at(buffer, 0, len);
                self.platform.upload(values, &mut buffer.changed().memory);
            }
            Element::Bf16 => self.with_scratch(len, |scratch| {
                self.platform.upload(values, scratch);
                let (from, to) = (self.scratch_at(scratch, 0, len), self.activations_at(buffer, 0, len));
                self.each(len, ToBf16 { from, to, len: len as i64 });
            }),
        }
    }

    fn download(&self, buffer: &Buffer<P>, len: usize) -> Vec<f32> {
        match buffer.element {
            Element::F32 => {
                self.at(buffer, 0, len);
                self.platform.download(&buffer.memory, len)
            }
            Element::Bf16 => self.with_scratch(len, |scratch| {
                let (from, to) = (self.activations_at(buffer, 0, len), self.scratch_at(scratch, 0, len));
                self.each(len, FromBf16 { from, to, len: len as i64 });
                self.platform.download(scratch, len)
            }),
        }
    }

    fn download_rows(&self, buffer: &Buffer<P>, rows: usize, width: usize) -> Vec<f32> {
        let len = rows * width;
        self.with_scratch(len, |scratch| {
            let (from, to) = (self.activations_at(buffer, 0, len), self.scratch_at(scratch, 0, len));
            self.transpose_out(from, to, width, rows);
            self.platform.download(scratch, len)
        })
    }

    fn stage(&self, values: Vec<f32>) -> P::Staged {
        self.platform.stage(values)
    }

    fn staged_len(&self, staged: &P::Staged) -> usize {
        self.platform.staged_len(staged)
    }

    fn place(&self, staged: P::Staged, buffer: &mut Buffer<P>) {
        let len = self.platform.staged_len(&staged);
        let from = self.platform.arrived(&staged);
        match buffer.element {
            Element::F32 => {
                let to = self.at(buffer.changed(), 0, len);
                self.each(len, CopyValues { from, to, len: len as i64 });
            }
            Element::Bf16 => {
                let to = self.activations_at(buffer, 0, len);
                self.each(len, ToBf16 { from, to, len: len as i64 });
            }
        }
    }

    fn place_rows(&self, staged: P::Staged, width: usize, buffer: &mut Buffer<P>) {
        let len = self.platform.staged_len(&staged);
        let (from, to) = (self.platform.arrived(&staged), self.activations_at(buffer, 0, len));
        self.transpose_in(from, to, len / width.max(1), width);
    }

    fn steps_ahead(&self) -> usize {
        STEPS_AHEAD
    }
}
