//! Kernels for NVIDIA GPUs. None of them has run on a GPU yet.
//!
//! Matrix products are cuBLAS's and convolutions cuDNN's; the other kernels are ours, in CUDA C++ under `source/`, each
//! with the CPU function that is its reference. They keep the layouts of [`crate::kernels`]. [`Cuda`] says what is
//! launched over which grid; what it stands on is a [`platform::Platform`]: the GPU itself (`gpu.rs`, with the feature
//! `cuda`), one that only counts memory ([`Counting`]) or, in tests, an emulation that runs every thread of every
//! kernel on the host and checks results against [`crate::kernels::Cpu`].
//!
//! In f32 and TF32 everything is f32. In bf16 activations, their gradients and what multiplies them are, in memory of
//! their own ([`crate::kernels::Storage::activations`]); every operation computes in f32 and rounds what it writes.
//! Parameters, their gradients, statistics and what optimisers keep stay f32: products read a copy of the parameters.
//!
//! A GPU gives the same bits for the same launches: no kernel has atomics, and libraries are asked for deterministic
//! algorithms only. They are not the CPU's bits, whose sums are taken in another order.

#[cfg(not(feature = "cuda"))]
mod absent;
#[cfg(feature = "cuda")]
mod answers;
pub mod arguments;
mod buffer;
#[cfg(feature = "cuda")]
mod convolutions;
mod counting;
mod embeddings;
#[cfg(feature = "cuda")]
mod gpu;
#[cfg(test)]
mod host;
mod norms;
mod operations;
pub mod platform;
#[cfg(any(feature = "cuda", test))]
mod ranking;
#[cfg(feature = "cuda")]
mod staging;
mod storage;

use std::sync::{Arc, Mutex, PoisonError};

use arguments::{Activations, Address, Arguments, Element, Stretches, ToBf16, TransposeIn, TransposeOut};
use platform::{Grid, Platform};

use super::Span;

#[cfg(not(feature = "cuda"))]
pub use absent::{probe, room};
pub use buffer::Buffer;
pub use counting::{Counted, Counting};
#[cfg(feature = "nccl")]
pub use gpu::nccl;
#[cfg(feature = "cuda")]
pub use gpu::{Gpu, probe, room};
#[cfg(test)]
pub use host::Host;

/// Threads of a block whose threads go their own ways, and of one that sums a row.
const LINE: u32 = 256;
/// Sides of a block that transposes a tile.
const TILE: [u32; 2] = [32, 8];
/// Sides of a block over channels and pixels, and of one that puts together what such blocks found.
const STRETCH: [u32; 2] = [32, 8];
const FOLD: [u32; 2] = [32, 32];
/// Pixels that a block over channels goes through: few enough that caches still hold them for a second look.
const STRETCH_PIXELS: usize = 256;
/// Parts of one scratch memory start at multiples of so many values: libraries like their operands aligned.
const ALIGNED: usize = 64;

/// The kernels of a GPU.
pub struct Cuda<P: Platform> {
    platform: P,
    /// What an operation needs for itself; the next one may overwrite it, because work is done in order.
    scratch: Arc<Mutex<Option<P::Memory>>>,
}

/// Written out: deriving it would ask that memory can be cloned.
impl<P: Platform> Clone for Cuda<P> {
    fn clone(&self) -> Cuda<P> {
        Cuda { platform: self.platform.clone(), scratch: self.scratch.clone() }
    }
}

impl<P: Platform> Cuda<P> {
    pub fn new(platform: P) -> Cuda<P> {
        Cuda { platform, scratch: Arc::default() }
    }

    /// The place of `len` values of an f32 buffer from `start` on.
    ///
    /// # Panics
    /// Where the buffer does not hold them: a kernel would write over somebody else's.
    fn at(&self, buffer: &Buffer<P>, start: usize, len: usize) -> Address {
        assert!(start + len <= buffer.len, "values {start}..{} of a memory of {}", start + len, buffer.len);
        assert_eq!(buffer.element, Element::F32, "parameters, statistics and sums are f32");
        self.platform.address(&buffer.memory).plus(start)
    }

    /// The same of activations, which are of the platform's element.
    ///
    /// # Panics
    /// Where the buffer does not hold them, or holds f32 while activations are something else.
    fn activations_at(&self, buffer: &Buffer<P>, start: usize, len: usize) -> Activations {
        assert!(start + len <= buffer.len, "values {start}..{} of a memory of {}", start + len, buffer.len);
        assert_eq!(buffer.element, self.platform.element(), "activations have memory of their own");
        Activations::of(self.platform.address(&buffer.memory), start, buffer.element)
    }

    fn span(&self, buffer: &Buffer<P>, span: Span) -> Address {
        self.at(buffer, span.start, span.len)
    }

    /// Weights as they multiply activations: themselves or, in another element, in the parameters' copy.
    fn weights(&self, parameters: &Buffer<P>, weights: Span) -> Activations {
        let (from, element) = (self.at(parameters, 0, parameters.len), self.platform.element());
        self.span(parameters, weights);
        if element == Element::F32 {
            return Activations::of(from, weights.start, element);
        }
        let mut rounded = parameters.rounded.borrow_mut();
        let is_current = std::mem::replace(&mut rounded.is_current, true);
        let len = parameters.len;
        let memory = rounded.memory.get_or_insert_with(|| self.platform.zeros(element.floats(len)));
        let copy = self.platform.address(memory);
        if !is_current {
            self.each(len, ToBf16 { from, to: Activations::of(copy, 0, element), len: len as i64 });
        }
        Activations::of(copy, weights.start, element)
    }

    /// The place of `len` f32 from `start` on in scratch memory.
    ///
    /// # Panics
    /// Where the memory does not hold them.
    fn scratch_at(&self, scratch: &P::Memory, start: usize, len: usize) -> Address {
        let holds = self.platform.len(scratch);
        assert!(start + len <= holds, "values {start}..{} of a memory of {holds}", start + len);
        self.platform.address(scratch).plus(start)
    }

    /// The place of `len` activations in scratch memory, `start` f32 on.
    ///
    /// # Panics
    /// Where the memory does not hold them.
    fn activations_in_scratch(&self, scratch: &P::Memory, start: usize, len: usize) -> Activations {
        let element = self.platform.element();
        Activations::of(self.scratch_at(scratch, start, element.floats(len)), 0, element)
    }

    /// A thread for each of `len` places.
    fn each<A: Arguments>(&self, len: usize, arguments: A) {
        self.launch([len.div_ceil(LINE as usize), 1, 1], [LINE, 1], arguments);
    }

    /// The same of a kernel for activations that is given f32.
    fn each_of_f32<A: Arguments>(&self, len: usize, arguments: A) {
        self.launch_of(Element::F32, [len.div_ceil(LINE as usize), 1, 1], [LINE, 1], arguments);
    }

    fn launch<A: Arguments>(&self, blocks: [usize; 3], threads: [u32; 2], arguments: A) {
        self.launch_of(self.platform.element(), blocks, threads, arguments);
    }

    /// Launches, unless the grid is empty.
    fn launch_of<A: Arguments>(&self, element: Element, blocks: [usize; 3], threads: [u32; 2], arguments: A) {
        if blocks.contains(&0) {
            return;
        }
        let side = |blocks: usize| u32::try_from(blocks).expect("a grid over what fits into memory");
        self.platform.launch(element, Grid { blocks: blocks.map(side), threads }, arguments);
    }

    /// Lends memory of at least `len` f32, whatever is in it.
    fn with_scratch<R>(&self, len: usize, work: impl FnOnce(&mut P::Memory) -> R) -> R {
        let mut kept = self.scratch.lock().unwrap_or_else(PoisonError::into_inner);
        let memory = kept.take().filter(|memory| self.platform.len(memory) >= len);
        work(kept.insert(memory.unwrap_or_else(|| self.platform.zeros(len))))
    }

    /// Turns `[rows, columns]` into `[columns, rows]`.
    fn transpose_in(&self, from: Address, to: Activations, rows: usize, columns: usize) {
        let arguments = TransposeIn { from, to, rows: rows as i64, columns: columns as i64 };
        self.launch(tiles(rows, columns), TILE, arguments);
    }

    fn transpose_out(&self, from: Activations, to: Address, rows: usize, columns: usize) {
        let arguments = TransposeOut { from, to, rows: rows as i64, columns: columns as i64 };
        self.launch(tiles(rows, columns), TILE, arguments);
    }
}

/// A block for each tile of a matrix.
fn tiles(rows: usize, columns: usize) -> [usize; 3] {
    let side = TILE[0] as usize;
    [rows.div_ceil(side) * columns.div_ceil(side), 1, 1]
}

/// The next multiple of [`ALIGNED`].
fn aligned(values: usize) -> usize {
    values.next_multiple_of(ALIGNED)
}

/// Stretches of `pixels` pixels in `replicas` shares, and the blocks over them.
fn stretches(width: usize, pixels: usize, replicas: usize) -> (Stretches, [usize; 3]) {
    let share = pixels / replicas;
    let count = share.div_ceil(STRETCH_PIXELS);
    let s = Stretches { width: width as i64, share: share as i64, stretch: STRETCH_PIXELS as i64, count: count as i64 };
    (s, [count, width.div_ceil(STRETCH[0] as usize), replicas])
}

#[cfg(test)]
mod tests;
