//! The platform that only counts memory: [`super::Cuda`] on it asks for what it asks a GPU for, and nothing is computed.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::arguments::{Address, Arguments};
use super::platform::{ConvolutionPass, ConvolutionShape, Grid, Operands, Platform, Product, staged_capacity};

/// Bytes that memory is handed out in: the alignment of a GPU's allocations.
const UNIT: u64 = 512;

/// A GPU of which there is nothing but what was asked of it.
#[derive(Clone, Debug, Default)]
pub struct Counting(Arc<Mutex<Counted>>);

/// What was asked for so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counted {
    /// Bytes held now.
    pub held: u64,
    /// Most bytes held at a time.
    pub peak: u64,
    /// Whether there was a convolution, for which cuDNN needs a workspace.
    pub convolves: bool,
}

/// Memory that is counted, and holds nothing.
#[derive(Debug)]
pub struct Memory {
    len: usize,
    bytes: u64,
    platform: Counting,
}

/// Values that lie nowhere, in memory that is counted.
#[derive(Debug)]
pub struct Staged {
    len: usize,
    _memory: Memory,
}

impl Drop for Memory {
    fn drop(&mut self) {
        self.platform.counts().held -= self.bytes;
    }
}

impl Counting {
    pub fn counted(&self) -> Counted {
        *self.counts()
    }

    fn counts(&self) -> MutexGuard<'_, Counted> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Platform for Counting {
    type Memory = Memory;
    type Staged = Staged;

    fn zeros(&self, len: usize) -> Memory {
        let bytes = ((len.max(1) * size_of::<f32>()) as u64).next_multiple_of(UNIT);
        let mut counts = self.counts();
        counts.held += bytes;
        counts.peak = counts.peak.max(counts.held);
        Memory { len, bytes, platform: self.clone() }
    }

    fn len(&self, memory: &Memory) -> usize {
        memory.len
    }

    fn upload(&self, _values: &[f32], _memory: &mut Memory) {}

    fn initialise(&self, _memory: &mut Memory, _values: impl FnOnce() -> Vec<f32>) {}

    fn download(&self, _memory: &Memory, len: usize) -> Vec<f32> {
        vec![0.0; len]
    }

    fn address(&self, _memory: &Memory) -> Address {
        Address::NONE
    }

    fn stage(&self, values: Vec<f32>) -> Staged {
        Staged { len: values.len(), _memory: self.zeros(staged_capacity(values.len())) }
    }

    fn staged_len(&self, staged: &Staged) -> usize {
        staged.len
    }

    fn arrived(&self, _staged: &Staged) -> Address {
        Address::NONE
    }

    fn launch<A: Arguments>(&self, _grid: Grid, _arguments: A) {}

    fn product(&self, _product: Product) {}

    fn convolve(&self, _pass: ConvolutionPass, _shape: ConvolutionShape, _operands: Operands) {
        self.counts().convolves = true;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::Storage;
    use crate::kernels::cuda::Cuda;

    #[test]
    fn the_peak_is_the_most_that_is_held_at_a_time() {
        let platform = Counting::default();
        let kernels = Cuda::new(platform.clone());
        let first = kernels.zeros(128);
        let second = kernels.zeros(129);
        assert_eq!(platform.counted(), Counted { held: 512 + 1024, peak: 1536, convolves: false });
        drop(first);
        let third = kernels.zeros(0);
        assert_eq!(platform.counted(), Counted { held: 1536, peak: 1536, convolves: false });
        drop((second, third));
        assert_eq!(platform.counted(), Counted { held: 0, peak: 1536, convolves: false });
    }

    #[test]
    fn an_operation_counts_what_it_needs_for_itself() {
        let platform = Counting::default();
        let kernels = Cuda::new(platform.clone());
        let buffer = kernels.zeros(256);
        assert_eq!(kernels.download_rows(&buffer, 16, 16), [0.0; 256]);
        assert_eq!(platform.counted().held, 2 * 1024, "rows are turned in scratch memory");
        assert_eq!(kernels.download_rows(&buffer, 8, 16), [0.0; 128]);
        assert_eq!(platform.counted().peak, 2 * 1024, "which the next operation uses again");
    }
}
