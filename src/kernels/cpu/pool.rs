//! Threads of the CPU kernels.

use std::sync::Arc;

use pulp::Arch;

/// A CPU with a pool of its own. Work is cut into pieces that do not depend on the number of threads, so results do
/// not either.
#[derive(Clone)]
pub struct Cpu {
    /// None for one thread: no pool, no overhead.
    pool: Option<Arc<rayon::ThreadPool>>,
    threads: usize,
    arch: Arch,
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

    /// Does `work` on every piece, in any order, compiled for the CPU's widest vectors where it is inlined.
    pub(super) fn each<T: Send>(&self, pieces: impl Iterator<Item = T>, work: impl Fn(T) + Send + Sync) {
        use rayon::prelude::*;
        let arch = self.arch;
        let work = |piece| {
            arch.dispatch(
                #[inline(always)]
                || work(piece),
            );
        };
        match &self.pool {
            None => pieces.for_each(work),
            Some(pool) => {
                let pieces: Vec<T> = pieces.collect();
                pool.install(|| pieces.into_par_iter().for_each(work));
            }
        }
    }
}
