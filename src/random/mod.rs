//! Every random draw of a run.
//!
//! A draw comes from a stream of its own, keyed by what it is for. There is no generator to carry around and none to
//! save: a resumed run draws what an uninterrupted one draws, and the number of workers changes nothing.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

/// What a stream is for. The numbers are part of the key: never reuse or renumber one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u16)]
pub enum Purpose {
    /// Initial weights; `sample` is the index of the parameter.
    Weights = 1,
    /// Order of the training items; one stream an epoch.
    Shuffle = 2,
    /// Augmentation of one item; `sample` is its row, `view` 0 or 1.
    Views = 3,
    /// Partners and lambdas of i-Mix; `sample` is the replica.
    Mix = 4,
    /// Partners and weights of InputMix.
    InputMix = 5,
    /// Permutation of ShuffleBN.
    ShuffleBn = 6,
    /// Initial keys of MoCo's queue.
    Queue = 7,
    /// Initial weights of linear classifiers.
    Classifier = 8,
    /// Order of the training items of an evaluation; `view` tells the sets of classifiers apart.
    EvaluationShuffle = 9,
    /// Bootstrap resampling in reports.
    Bootstrap = 10,
    /// Which classes and items a subset of a data set keeps; `sample` is the class, from 1, or 0 for the classes.
    Subset = 11,
    /// Augmentation of one item while a classifier trains; `sample` is its row.
    EvaluationViews = 12,
    /// Noise that stands in for recordings of noise.
    Noise = 13,
    /// Where clips of silence are cut from the background noise; `sample` is the clip.
    Silence = 14,
    /// The layer that i-Mix mixes at; `sample` is the replica.
    MixLayer = 15,
    /// Inputs of the self-test; `sample` is the check's number, `view` the input's.
    Selftest = 16,
}

/// The coordinates of a stream. What does not apply stays 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Key {
    pub seed: u64,
    pub purpose: Purpose,
    pub epoch: u32,
    pub step: u32,
    pub sample: u64,
    pub view: u16,
}

impl Key {
    pub fn new(seed: u64, purpose: Purpose) -> Key {
        Key { seed, purpose, epoch: 0, step: 0, sample: 0, view: 0 }
    }

    pub fn epoch(self, epoch: usize) -> Key {
        Key { epoch: epoch as u32, ..self }
    }

    pub fn step(self, step: usize) -> Key {
        Key { step: step as u32, ..self }
    }

    pub fn sample(self, sample: usize) -> Key {
        Key { sample: sample as u64, ..self }
    }

    pub fn view(self, view: usize) -> Key {
        Key { view: view as u16, ..self }
    }

    /// The stream of these coordinates, from its start. The 256-bit ChaCha key holds the coordinates themselves, so
    /// no two of them share a stream.
    pub fn stream(self) -> ChaCha8Rng {
        let mut key = [0u8; 32];
        key[0..8].copy_from_slice(&self.seed.to_le_bytes());
        key[8..10].copy_from_slice(&(self.purpose as u16).to_le_bytes());
        key[10..12].copy_from_slice(&self.view.to_le_bytes());
        key[12..16].copy_from_slice(&self.epoch.to_le_bytes());
        key[16..20].copy_from_slice(&self.step.to_le_bytes());
        key[20..28].copy_from_slice(&self.sample.to_le_bytes());
        ChaCha8Rng::from_seed(key)
    }
}

/// A uniformly drawn order of `0..n` (Fisher-Yates, from the end).
pub fn permutation(n: usize, key: Key) -> Vec<u32> {
    use rand::RngExt;
    let mut stream = key.stream();
    let mut order: Vec<u32> = (0..n as u32).collect();
    for last in (1..n).rev() {
        let other = stream.random_range(0..=last as u32) as usize;
        order.swap(last, other);
    }
    order
}

#[cfg(test)]
mod tests;
