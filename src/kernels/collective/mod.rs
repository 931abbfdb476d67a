//! Ranks: devices that train one network together, each on its share of every batch.
//!
//! Every rank has the whole network and runs the same program; what depends on all shares goes through a
//! [`Collective`]. All ranks are threads of one process.

mod meeting;
mod threads;

use thiserror::Error;

use super::Kernels;

#[cfg(feature = "nccl")]
pub(super) use meeting::Meeting;
pub use threads::Threads;

/// A rank that others wait for is gone. Its own error says why.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("rank {by} left the training that the others were in")]
pub struct Abandoned {
    pub by: usize,
}

/// A rank's way to the others. All ranks call the same operations in the same order, with the same `len`.
///
/// Dropping it releases whoever waits for this rank, now or later, with [`Abandoned`].
pub trait Collective<K: Kernels>: Send {
    /// From 0.
    fn rank(&self) -> usize;
    /// Ranks that there are.
    fn size(&self) -> usize;
    /// Replaces the first `len` values by their means over the ranks: the same bits on each.
    ///
    /// # Errors
    /// A rank that is gone.
    fn mean(&self, len: usize, values: &mut K::Buffer) -> Result<(), Abandoned>;
    /// Writes the first `len` values of every rank's `share` to `all`, in the order of ranks.
    ///
    /// # Errors
    /// A rank that is gone.
    fn gather(&self, len: usize, share: &K::Buffer, all: &mut K::Buffer) -> Result<(), Abandoned>;
    /// Whether all ranks are still there: what the device did before it was asked is whole then.
    ///
    /// # Errors
    /// A rank that is gone.
    fn check(&self) -> Result<(), Abandoned>;
    /// Leaves when all ranks do, and all that was asked for is done.
    ///
    /// # Errors
    /// A rank that is gone before.
    fn depart(self: Box<Self>) -> Result<(), Abandoned>;
}

/// The only rank.
pub struct Alone<K>(pub K);

impl<K: Kernels> Collective<K> for Alone<K> {
    fn rank(&self) -> usize {
        0
    }

    fn size(&self) -> usize {
        1
    }

    fn mean(&self, _: usize, _: &mut K::Buffer) -> Result<(), Abandoned> {
        Ok(())
    }

    fn gather(&self, len: usize, share: &K::Buffer, all: &mut K::Buffer) -> Result<(), Abandoned> {
        self.0.upload(&self.0.download(share, len), all);
        Ok(())
    }

    fn check(&self) -> Result<(), Abandoned> {
        Ok(())
    }

    fn depart(self: Box<Self>) -> Result<(), Abandoned> {
        Ok(())
    }
}

/// A device, and its way to the others.
pub struct Rank<K: Kernels> {
    pub kernels: K,
    pub collective: Box<dyn Collective<K>>,
}

/// The devices of one training.
pub struct Ranks<K: Kernels> {
    /// Rank 0. It alone tells, and writes, what comes of the training.
    pub leader: Rank<K>,
    /// The others, in order.
    pub followers: Vec<Rank<K>>,
}

impl<K: Kernels> Ranks<K> {
    /// A device that trains on its own.
    pub fn alone(kernels: K) -> Ranks<K> {
        let collective = Box::new(Alone(kernels.clone()));
        Ranks { leader: Rank { kernels, collective }, followers: Vec::new() }
    }

    /// Of all, in order.
    pub fn kernels(&self) -> Vec<K> {
        std::iter::once(&self.leader).chain(&self.followers).map(|rank| rank.kernels.clone()).collect()
    }
}

#[cfg(test)]
mod tests;
