//! Memory, and what comes and goes.

use super::Cuda;
use super::arguments::CopyValues;
use super::platform::Platform;
use crate::kernels::Storage;

/// Steps whose losses lie on the device before they are read back.
const STEPS_AHEAD: usize = 16;

impl<P: Platform> Storage for Cuda<P> {
    type Buffer = P::Memory;
    type Staged = P::Staged;

    fn zeros(&self, len: usize) -> P::Memory {
        self.platform.zeros(len)
    }

    fn len(&self, buffer: &P::Memory) -> usize {
        self.platform.len(buffer)
    }

    fn upload(&self, values: &[f32], buffer: &mut P::Memory) {
        self.at(buffer, 0, values.len());
        self.platform.upload(values, buffer);
    }

    fn initialise(&self, values: impl FnOnce() -> Vec<f32>, buffer: &mut P::Memory) {
        self.platform.initialise(buffer, values);
    }

    fn download(&self, buffer: &P::Memory, len: usize) -> Vec<f32> {
        self.at(buffer, 0, len);
        self.platform.download(buffer, len)
    }

    fn download_rows(&self, buffer: &P::Memory, rows: usize, width: usize) -> Vec<f32> {
        let len = rows * width;
        self.with_scratch(len, |scratch| {
            self.transpose(self.at(buffer, 0, len), self.at(scratch, 0, len), width, rows);
            self.platform.download(scratch, len)
        })
    }

    fn stage(&self, values: Vec<f32>) -> P::Staged {
        self.platform.stage(values)
    }

    fn staged_len(&self, staged: &P::Staged) -> usize {
        self.platform.staged_len(staged)
    }

    fn place(&self, staged: P::Staged, buffer: &mut P::Memory) {
        let len = self.platform.staged_len(&staged);
        let (from, to) = (self.platform.arrived(&staged), self.at(buffer, 0, len));
        self.each(len, CopyValues { from, to, len: len as i64 });
    }

    fn place_rows(&self, staged: P::Staged, width: usize, buffer: &mut P::Memory) {
        let len = self.platform.staged_len(&staged);
        let (from, to) = (self.platform.arrived(&staged), self.at(buffer, 0, len));
        self.transpose(from, to, len / width.max(1), width);
    }

    fn steps_ahead(&self) -> usize {
        STEPS_AHEAD
    }
}
