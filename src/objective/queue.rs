//! MoCo's queue of earlier keys.

use candle_core::{Device, Tensor};
use rand_distr::{Distribution, StandardNormal};

use super::ObjectiveError;
use crate::kernels::normalise::normalise;
use crate::random::{Key, Purpose};

/// The last K keys, the oldest of which the next batch replaces.
#[derive(Debug)]
pub struct Queue {
    /// `[K, C]`, contiguous and normalised.
    keys: Tensor,
    /// Row that the next batch starts at.
    pointer: usize,
}

/// What a checkpoint keeps of a queue.
#[derive(Clone, Debug, PartialEq)]
pub struct QueueState {
    /// K x C values, row by row.
    pub keys: Vec<f32>,
    pub pointer: usize,
}

impl Queue {
    /// `length` normalised Gaussian keys of `width` values.
    ///
    /// # Errors
    /// The device is out of memory.
    pub fn new(seed: u64, length: usize, width: usize, device: &Device) -> Result<Queue, ObjectiveError> {
        let mut stream = Key::new(seed, Purpose::Queue).stream();
        let keys: Vec<f32> = (0..length * width).map(|_| StandardNormal.sample(&mut stream)).collect();
        let keys = normalise(&Tensor::from_vec(keys, (length, width), device)?)?;
        Ok(Queue { keys, pointer: 0 })
    }

    /// A queue as [`Queue::state`] gave it.
    ///
    /// # Errors
    /// A state that is not of this length and width.
    pub fn restore(state: QueueState, length: usize, width: usize, device: &Device) -> Result<Queue, ObjectiveError> {
        let (values, pointer) = (state.keys.len(), state.pointer);
        if values != length * width || pointer >= length {
            return Err(ObjectiveError::QueueState { length, width, pointer, values });
        }
        Ok(Queue { keys: Tensor::from_vec(state.keys, (length, width), device)?, pointer })
    }

    /// What [`Queue::restore`] needs to go on from here.
    ///
    /// # Errors
    /// The device cannot be read.
    pub fn state(&self) -> Result<QueueState, ObjectiveError> {
        Ok(QueueState { keys: self.keys.flatten_all()?.to_vec1()?, pointer: self.pointer })
    }

    /// `[K, C]`, normalised.
    pub fn keys(&self) -> &Tensor {
        &self.keys
    }

    /// Replaces the oldest keys with those of a batch, `[N, C]`, which are normalised first.
    ///
    /// # Errors
    /// K is not a multiple of N, or C differs.
    pub fn enqueue(&mut self, keys: &Tensor) -> Result<(), ObjectiveError> {
        let (length, batch) = (self.keys.dim(0)?, keys.dim(0)?);
        if batch == 0 || !length.is_multiple_of(batch) || !self.pointer.is_multiple_of(batch) {
            return Err(ObjectiveError::Queue { length, batch });
        }
        self.keys.slice_set(&normalise(&keys.detach())?, 0, self.pointer)?;
        self.pointer = (self.pointer + batch) % length;
        Ok(())
    }
}
