//! Batches of views, drawn while the step before is taken.

use std::sync::mpsc::sync_channel;

use crate::augment::Source;
use crate::data::DataError;
use crate::kernels::device::catch;
use crate::random::{Key, Purpose, permutation};
use crate::recipe::Pretext;

use super::TrainError;
use super::inputs::At;

/// Both views of some items.
#[derive(Clone, Debug, PartialEq)]
pub struct Batch {
    /// From 0.
    pub epoch: usize,
    /// Within the epoch, from 0.
    pub step: usize,
    /// Of the set's training items.
    pub rows: Vec<u32>,
    /// Items, then the shape of one.
    pub shape: Vec<usize>,
    /// Of each view, item after item.
    pub views: [Vec<f32>; 2],
}

impl Batch {
    /// Draws both views of `rows`.
    ///
    /// # Errors
    /// A file of an item that cannot be read.
    pub fn draw(source: &dyn Source, rows: &[u32], epoch: usize, step: usize) -> Result<Batch, DataError> {
        let shape = std::iter::once(rows.len()).chain(source.shape().iter().copied()).collect();
        let mut views = [0, 1].map(|_| vec![0.0; rows.len() * source.width()]);
        source.fill_pairs(rows, epoch, views.each_mut().map(Vec::as_mut_slice))?;
        Ok(Batch { epoch, step, rows: rows.to_vec(), shape, views })
    }
}

/// The batches of a run from some step on, each epoch in an order of its own; the last partial batch is dropped.
pub struct Batches<'a> {
    source: &'a dyn Source,
    seed: u64,
    /// Items of a batch.
    size: usize,
    epochs: usize,
    /// Of the next batch.
    epoch: usize,
    /// Of the next batch.
    step: usize,
    /// Items in the order of the current epoch; empty before its first batch.
    order: Vec<u32>,
}

impl<'a> Batches<'a> {
    /// From the step `at` on.
    ///
    /// # Errors
    /// A batch larger than the set.
    pub fn new(source: &'a dyn Source, settings: &Pretext, at: At) -> Result<Batches<'a>, TrainError> {
        let (size, rows) = (settings.batch, source.len());
        if size == 0 || size > rows {
            return Err(TrainError::BatchTooLarge { batch: size, rows });
        }
        let At { seed, epoch, step } = at;
        Ok(Batches { source, seed, size, epochs: settings.epochs, epoch, step, order: Vec::new() })
    }

    /// Batches of an epoch.
    pub fn steps(&self) -> usize {
        self.source.len() / self.size
    }
}

impl Iterator for Batches<'_> {
    type Item = Result<Batch, DataError>;

    fn next(&mut self) -> Option<Result<Batch, DataError>> {
        if self.epoch >= self.epochs {
            return None;
        }
        if self.order.is_empty() {
            self.order = permutation(self.source.len(), Key::new(self.seed, Purpose::Shuffle).epoch(self.epoch));
        }
        let rows = &self.order[self.step * self.size..][..self.size];
        let batch = Batch::draw(self.source, rows, self.epoch, self.step);
        self.step += 1;
        if (self.step + 1) * self.size > self.order.len() {
            (self.epoch, self.step) = (self.epoch + 1, 0);
            self.order.clear();
        }
        Some(batch)
    }
}

/// Runs `work` with `items`, each made on `threads` others while `work` is busy with the one before. Where a device
/// breaks off the making of one, `work` does.
///
/// # Errors
/// Threads that the system refuses.
pub fn ahead<I: Iterator<Item: Send> + Send, R>(
    items: I,
    threads: usize,
    work: impl FnOnce(&mut dyn Iterator<Item = I::Item>) -> R,
) -> Result<R, TrainError> {
    let threads = threads.max(1);
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
    let pool = pool.map_err(|source| TrainError::Threads { threads, source })?;
    Ok(std::thread::scope(|scope| {
        let (sender, receiver) = sync_channel(1);
        scope.spawn(move || {
            pool.install(|| {
                let mut items = items;
                while let Some(item) = catch(|| items.next()).transpose() {
                    // Nobody listens any more: the run was stopped.
                    if sender.send(item).is_err() {
                        break;
                    }
                }
            });
        });
        work(&mut receiver.into_iter().map(|item| item.unwrap_or_else(|failure| failure.throw())))
    }))
}
