//! The platform that only counts memory: [`super::Cuda`] on it asks for what it asks a GPU for, and nothing is
//! computed. Where it has only so much memory, it runs out of it as a GPU does.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::arguments::{Address, Arguments, Element};
use super::platform::{ConvolutionPass, ConvolutionShape, Grid, Operands, Platform, Product, staged_capacity};
use crate::kernels::{Device, DeviceFailure, Precision};

/// Bytes that memory is handed out in: the alignment of a GPU's allocations.
const UNIT: u64 = 512;

/// A GPU of which there is nothing but its memory's size, and what was asked of it.
#[derive(Clone, Debug)]
pub struct Counting {
    /// Bytes.
    total: u64,
    element: Element,
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    counted: Counted,
    /// Values of each lane for staged values that waits for its next use: its memory stays.
    lanes: Vec<usize>,
}

/// Without an end.
impl Default for Counting {
    fn default() -> Counting {
        Counting::of(u64::MAX)
    }
}

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

/// Values that lie nowhere, in a lane that is counted.
#[derive(Debug)]
pub struct Staged {
    len: usize,
    capacity: usize,
    platform: Counting,
}

impl Drop for Staged {
    fn drop(&mut self) {
        self.platform.state().lanes.push(self.capacity);
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        self.platform.state().counted.held -= self.bytes;
    }
}

impl Counting {
    /// A GPU with so many bytes of memory.
    pub fn of(total: u64) -> Counting {
        Counting { total, element: Element::F32, state: Arc::default() }
    }

    /// The same, computing in `precision`.
    pub fn computing_in(self, precision: Precision) -> Counting {
        Counting { element: precision.into(), ..self }
    }

    pub fn counted(&self) -> Counted {
        self.state().counted
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts `len` values, and gives their bytes.
    fn hold(&self, len: usize) -> u64 {
        let bytes = ((len.max(1) * size_of::<f32>()) as u64).next_multiple_of(UNIT);
        let mut state = self.state();
        let free = self.total - state.counted.held;
        if bytes > free {
            // What is unwound gives its memory back.
            drop(state);
            DeviceFailure::OutOfMemory { device: Device::Cuda(0), needed: bytes, free, total: self.total }.throw();
        }
        state.counted.held += bytes;
        state.counted.peak = state.counted.peak.max(state.counted.held);
        bytes
    }
}

impl Platform for Counting {
    type Memory = Memory;
    type Staged = Staged;

    fn element(&self) -> Element {
        self.element
    }

    fn zeros(&self, len: usize) -> Memory {
        Memory { len, bytes: self.hold(len), platform: self.clone() }
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
        let len = values.len();
        let waiting = {
            let mut state = self.state();
            let at = state.lanes.iter().position(|capacity| *capacity >= len);
            at.map(|at| state.lanes.remove(at))
        };
        let capacity = waiting.unwrap_or_else(|| {
            self.hold(staged_capacity(len));
            staged_capacity(len)
        });
        Staged { len, capacity, platform: self.clone() }
    }

    fn staged_len(&self, staged: &Staged) -> usize {
        staged.len
    }

    fn arrived(&self, _staged: &Staged) -> Address {
        Address::NONE
    }

    fn launch<A: Arguments>(&self, _element: Element, _grid: Grid, _arguments: A) {}

    fn product(&self, _product: Product) {}

    fn convolve(&self, _pass: ConvolutionPass, _shape: ConvolutionShape, _operands: Operands) {
        self.state().counted.convolves = true;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::Storage;
    use crate::kernels::cuda::Cuda;
    use crate::kernels::device::catch;

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
    fn what_does_not_fit_is_out_of_memory() {
        let platform = Counting::of(2048);
        let kernels = Cuda::new(platform.clone());
        let failure = catch(|| [kernels.zeros(256), kernels.zeros(257)]).err().unwrap();
        assert_eq!(
            failure,
            DeviceFailure::OutOfMemory { device: Device::Cuda(0), needed: 1536, free: 1024, total: 2048 }
        );
        assert_eq!(platform.counted().held, 0, "what was there was given back");
    }

    #[test]
    fn lanes_are_used_again_and_stay() {
        let platform = Counting::default();
        let kernels = Cuda::new(platform.clone());
        let staged = [kernels.stage(vec![0.0; 5000]), kernels.stage(vec![0.0; 7000])];
        assert_eq!(platform.counted().held, 2 * 4 * 8192);
        drop(staged);
        let _again = kernels.stage(vec![0.0; 8192]);
        assert_eq!(platform.counted(), Counted { held: 2 * 4 * 8192, peak: 2 * 4 * 8192, convolves: false });
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
