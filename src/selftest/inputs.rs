//! What goes into checks, and what comes out.

use rand::RngExt;

use super::Arithmetic;
use crate::kernels::{Kernels, Precision, RowMix};
use crate::random::{Key, Purpose, permutation};

/// One result of an operation.
pub(super) struct Output {
    pub name: &'static str,
    pub arithmetic: Arithmetic,
    /// Whether it is rounded where activations are.
    pub rounded: bool,
    pub values: Vec<f32>,
}

/// Inputs of one check.
pub(super) struct Inputs {
    pub number: usize,
    pub drawn: usize,
    pub precision: Precision,
}

impl Inputs {
    /// Uniform in [-1, 1).
    pub fn draw(&mut self, count: usize) -> Vec<f32> {
        let mut stream = Key::new(0, Purpose::Selftest).sample(self.number).view(self.drawn).stream();
        self.drawn += 1;
        (0..count).map(|_| stream.random_range(-1.0..1.0)).collect()
    }

    /// Uniform in [-1, 1), as the precision has them: what a device makes of them is exact but for what it writes.
    pub fn factors(&mut self, count: usize) -> Vec<f32> {
        self.draw(count).into_iter().map(|value| self.precision.rounded(value)).collect()
    }

    /// Quarters in [-1, 1): of a few of them, some are equal.
    pub fn quarters(&mut self, count: usize) -> Vec<f32> {
        self.draw(count).iter().map(|value| (value * 4.0).floor() / 4.0).collect()
    }

    pub fn order(&mut self, rows: usize) -> Vec<u32> {
        let key = Key::new(0, Purpose::Selftest).sample(self.number).view(self.drawn);
        self.drawn += 1;
        permutation(rows, key)
    }

    pub fn mix(&mut self, rows: usize) -> RowMix {
        let lambda = self.draw(rows).iter().map(|value| value.abs()).collect();
        RowMix::new(self.order(rows), lambda).expect("partners are an order of the rows")
    }
}

pub(super) fn put<K: Kernels>(kernels: &K, values: &[f32]) -> K::Buffer {
    let mut buffer = kernels.zeros(values.len());
    kernels.upload(values, &mut buffer);
    buffer
}

pub(super) fn put_activations<K: Kernels>(kernels: &K, values: &[f32]) -> K::Buffer {
    let mut buffer = kernels.activations(values.len());
    kernels.upload(values, &mut buffer);
    buffer
}

/// A name in the table, whole buffers behind it.
pub(super) struct Results<'a, K: Kernels> {
    pub kernels: &'a K,
    pub outputs: Vec<Output>,
}

impl<K: Kernels> Results<'_, K> {
    pub fn take(&mut self, name: &'static str, arithmetic: Arithmetic, buffer: &K::Buffer) {
        let values = self.kernels.download(buffer, self.kernels.len(buffer));
        self.outputs.push(Output { name, arithmetic, rounded: false, values });
    }

    /// Activations, or what was rounded as they are.
    pub fn take_rounded(&mut self, name: &'static str, arithmetic: Arithmetic, buffer: &K::Buffer) {
        let values = self.kernels.download(buffer, self.kernels.len(buffer));
        self.outputs.push(Output { name, arithmetic, rounded: true, values });
    }
}
