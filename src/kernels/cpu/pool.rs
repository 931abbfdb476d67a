//! Threads of the CPU kernels.

use std::sync::Arc;

use pulp::{Arch, Simd, WithSimd};

/// A CPU with a pool of its own. Work is cut into pieces that do not depend on the number of threads, so results do
/// not either.
#[derive(Clone)]
pub struct Cpu {
    /// None for one thread: no pool, no overhead.
    pool: Option<Arc<rayon::ThreadPool>>,
    threads: usize,
    arch: Arch,
}

/// Name of the widest vectors that this machine has and our loops are compiled for. Sums are taken in an order that
/// depends on it.
pub fn vectors() -> &'static str {
    #[cfg(target_arch = "x86_64")]
    return match Arch::new() {
        Arch::V4(_) => "AVX-512",
        Arch::V3(_) => "AVX2",
        _ => "no vectors",
    };
    #[cfg(not(target_arch = "x86_64"))]
    return match Arch::new() {
        Arch::Scalar => "no vectors",
        _ => "vectors of 128 bits",
    };
}

/// Work on pieces, written for vectors of any width.
pub(super) trait Work<T>: Sync {
    /// To be `#[inline(always)]`: only then is it compiled for the vectors of `simd`.
    fn run<S: Simd>(&self, simd: S, piece: T);
}

impl Cpu {
    /// `threads` of at least 1. Where the system refuses to start threads, one has to do.
    pub fn new(threads: usize) -> Cpu {
        Cpu::with_vectors(threads, Arch::new())
    }

    /// As [`Cpu::new`], with the vectors of `arch` whatever wider ones the machine has.
    pub(super) fn with_vectors(threads: usize, arch: Arch) -> Cpu {
        let pool = match threads {
            0 | 1 => None,
            _ => rayon::ThreadPoolBuilder::new().num_threads(threads).build().ok().map(Arc::new),
        };
        let threads = if pool.is_some() { threads } else { 1 };
        Cpu { pool, threads, arch }
    }

    pub fn threads(&self) -> usize {
        self.threads
    }

    /// Values of a vector.
    pub(super) fn lanes(&self) -> usize {
        struct Lanes;
        impl WithSimd for Lanes {
            type Output = usize;

            #[inline(always)]
            fn with_simd<S: Simd>(self, _: S) -> usize {
                S::F32_LANES
            }
        }
        self.arch.dispatch(Lanes)
    }

    /// Does `work` on every piece, in any order, compiled for the CPU's widest vectors where it is inlined.
    pub(super) fn each<T: Send>(&self, pieces: impl Iterator<Item = T>, work: impl Fn(T) + Send + Sync) {
        let arch = self.arch;
        self.share(pieces, |piece| {
            arch.dispatch(
                #[inline(always)]
                || work(piece),
            );
        });
    }

    /// Does `work` on every piece, in any order.
    pub(super) fn work<T: Send>(&self, pieces: impl Iterator<Item = T>, work: &impl Work<T>) {
        let arch = self.arch;
        self.share(pieces, |piece| arch.dispatch(OnPiece { work, piece }));
    }

    fn share<T: Send>(&self, pieces: impl Iterator<Item = T>, work: impl Fn(T) + Send + Sync) {
        use rayon::prelude::*;
        match &self.pool {
            None => pieces.for_each(work),
            Some(pool) => {
                let pieces: Vec<T> = pieces.collect();
                // Pieces are large: each may be taken on its own, so that the threads end together.
                pool.install(|| pieces.into_par_iter().with_max_len(1).for_each(work));
            }
        }
    }
}

struct OnPiece<'a, W, T> {
    work: &'a W,
    piece: T,
}

impl<T, W: Work<T>> WithSimd for OnPiece<'_, W, T> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        self.work.run(simd, self.piece);
    }
}
