//! Threads of the CPU kernels.

use std::sync::Arc;

use gemm::Parallelism;
use pulp::Arch;

/// A CPU with a pool of its own. Work is cut into pieces that do not depend on the number of threads, so results do
/// not either.
#[derive(Clone)]
pub struct Cpu {
    /// None for one thread: no pool, no overhead.
    pool: Option<Arc<rayon::ThreadPool>>,
    threads: usize,
    pub(super) arch: Arch,
}

impl Cpu {
    /// `threads` of at least 1. Where the system refuses to start threads, one has to do.
    pub fn new(threads: usize) -> Cpu {
        let pool = match threads {
            0 | 1 => None,
            _ => rayon::ThreadPoolBuilder::new().num_threads(threads).build().ok().map(Arc::new),
        };
        let threads = if pool.is_some() { threads } else { 1 };
        Cpu { pool, threads, arch: Arch::new() }
    }

    pub fn threads(&self) -> usize {
        self.threads
    }

    /// How a matrix product is shared out inside [`Cpu::install`].
    pub(super) fn parallelism(&self) -> Parallelism {
        if self.pool.is_some() { Parallelism::Rayon(self.threads) } else { Parallelism::None }
    }

    /// Runs work on the pool's threads.
    pub(super) fn install<R: Send>(&self, work: impl FnOnce() -> R + Send) -> R {
        match &self.pool {
            Some(pool) => pool.install(work),
            None => work(),
        }
    }

    /// Runs `work` on `0..pieces`, in any order.
    pub(super) fn each(&self, pieces: usize, work: impl Fn(usize) + Send + Sync) {
        use rayon::prelude::*;
        match &self.pool {
            Some(pool) if pieces > 1 => pool.install(|| (0..pieces).into_par_iter().for_each(&work)),
            _ => (0..pieces).for_each(work),
        }
    }
}

/// A mutable slice that pieces of work write to at places of their own.
#[derive(Clone, Copy)]
pub(super) struct Shared {
    start: *mut f32,
    len: usize,
}

// SAFETY: `slice` hands out parts that its callers keep disjoint.
unsafe impl Send for Shared {}
unsafe impl Sync for Shared {}

impl Shared {
    pub(super) fn new(values: &mut [f32]) -> Shared {
        Shared { start: values.as_mut_ptr(), len: values.len() }
    }

    /// # Safety
    /// No two live slices overlap, and the slice that this was made from outlives them unused.
    #[inline(always)]
    pub(super) unsafe fn slice<'a>(self, start: usize, len: usize) -> &'a mut [f32] {
        assert!(start + len <= self.len);
        unsafe { std::slice::from_raw_parts_mut(self.start.add(start), len) }
    }
}
