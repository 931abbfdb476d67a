//! Ranks that exchange values through the host's memory.

use std::sync::Arc;

use super::meeting::{Brought, Meeting};
use super::{Abandoned, Collective, Rank, Ranks};
use crate::kernels::Kernels;

/// A rank among threads, with kernels of any kind. Sums are taken in the order of ranks.
pub struct Threads<K> {
    rank: usize,
    kernels: K,
    meeting: Arc<Meeting>,
}

impl<K: Kernels> Threads<K> {
    /// A rank for each of the kernels.
    pub fn ranks(leader: K, followers: Vec<K>) -> Ranks<K> {
        let meeting = Arc::new(Meeting::new(1 + followers.len()));
        let rank = |(rank, kernels): (usize, K)| Rank {
            collective: Box::new(Threads { rank, kernels: kernels.clone(), meeting: meeting.clone() }),
            kernels,
        };
        Ranks { leader: rank((0, leader)), followers: (1..).zip(followers).map(rank).collect() }
    }

    fn exchange(&self, len: usize, values: &K::Buffer) -> Result<Brought, Abandoned> {
        self.meeting.exchange(self.rank, self.kernels.download(values, len))
    }
}

impl<K: Kernels> Collective<K> for Threads<K> {
    fn rank(&self) -> usize {
        self.rank
    }

    fn size(&self) -> usize {
        self.meeting.size()
    }

    fn mean(&self, len: usize, values: &mut K::Buffer) -> Result<(), Abandoned> {
        let brought = self.exchange(len, values)?;
        let mut means = vec![0.0; len];
        for share in brought.iter() {
            means.iter_mut().zip(share).for_each(|(sum, value)| *sum += value);
        }
        let size = brought.len() as f32;
        means.iter_mut().for_each(|sum| *sum /= size);
        self.kernels.upload(&means, values);
        Ok(())
    }

    fn gather(&self, len: usize, share: &K::Buffer, all: &mut K::Buffer) -> Result<(), Abandoned> {
        self.kernels.upload(&self.exchange(len, share)?.concat(), all);
        Ok(())
    }

    fn check(&self) -> Result<(), Abandoned> {
        self.meeting.check()
    }

    fn depart(self: Box<Self>) -> Result<(), Abandoned> {
        self.meeting.exchange(self.rank, Vec::new()).map(drop)
    }
}

impl<K> Drop for Threads<K> {
    fn drop(&mut self) {
        self.meeting.leave(self.rank);
    }
}
