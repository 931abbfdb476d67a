//! MoCo's queue of earlier keys.

use rand_distr::{Distribution, StandardNormal};

use super::ObjectiveError;
use crate::kernels::{Kernels, Span, normalise_rows};
use crate::random::{Key, Purpose};

/// The last K keys, the oldest of which the next batch replaces, behind room for the keys of a batch: so all classes of
/// a step lie together.
pub(super) struct Queue<K: Kernels> {
    kernels: K,
    shape: QueueShape,
    /// `[batch + length, width]`.
    pub(super) classes: K::Buffer,
    /// Key that the next batch starts at.
    pointer: usize,
}

/// Sides of a queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QueueShape {
    /// Keys that come in together.
    pub batch: usize,
    /// K, a multiple of the batch.
    pub length: usize,
    /// Values of a key.
    pub width: usize,
}

/// What a checkpoint keeps of a queue.
#[derive(Clone, Debug, PartialEq)]
pub struct QueueState {
    /// K x C values, row by row, each row of unit length.
    pub keys: Vec<f32>,
    pub pointer: usize,
}

impl<K: Kernels> Queue<K> {
    /// Gaussian keys of unit length.
    ///
    /// # Errors
    /// A length that is not a multiple of the batch.
    pub fn new(kernels: K, shape: QueueShape, seed: u64) -> Result<Queue<K>, ObjectiveError> {
        let QueueShape { length, width, .. } = shape;
        Queue::filled(kernels, shape, 0, || {
            let mut stream = Key::new(seed, Purpose::Queue).stream();
            let mut keys: Vec<f32> = (0..length * width).map(|_| StandardNormal.sample(&mut stream)).collect();
            normalise_rows(&mut keys, width);
            keys
        })
    }

    /// A queue as [`Queue::state`] gave it.
    ///
    /// # Errors
    /// A state that is not of this shape, or a length that is not a multiple of the batch.
    pub fn restore(kernels: K, shape: QueueShape, state: QueueState) -> Result<Queue<K>, ObjectiveError> {
        let QueueShape { batch, length, width } = shape;
        let (values, pointer) = (state.keys.len(), state.pointer);
        if values != length * width || pointer >= length || !pointer.is_multiple_of(batch.max(1)) {
            return Err(ObjectiveError::QueueState { length, width, pointer, values });
        }
        Queue::filled(kernels, shape, pointer, || state.keys)
    }

    fn filled(
        kernels: K,
        shape: QueueShape,
        pointer: usize,
        keys: impl FnOnce() -> Vec<f32>,
    ) -> Result<Queue<K>, ObjectiveError> {
        let QueueShape { batch, length, width } = shape;
        if batch == 0 || length == 0 || !length.is_multiple_of(batch) {
            return Err(ObjectiveError::Queue { length, batch });
        }
        let mut classes = kernels.zeros((batch + length) * width);
        kernels.initialise(|| [vec![0.0; batch * width], keys()].concat(), &mut classes);
        Ok(Queue { kernels, shape, classes, pointer })
    }

    /// What [`Queue::restore`] needs to go on from here.
    pub fn state(&self) -> QueueState {
        let QueueShape { batch, length, width } = self.shape;
        let mut keys = self.kernels.download(&self.classes, (batch + length) * width);
        QueueState { keys: keys.split_off(batch * width), pointer: self.pointer }
    }

    pub fn shape(&self) -> QueueShape {
        self.shape
    }

    /// Replaces the oldest keys with those of the batch in front of them.
    pub(super) fn enqueue(&mut self) {
        let QueueShape { batch, length, width } = self.shape;
        let keys = Span { start: 0, len: batch * width };
        self.kernels.copy_within(&mut self.classes, keys, (batch + self.pointer) * width);
        self.pointer = (self.pointer + batch) % length;
    }
}
