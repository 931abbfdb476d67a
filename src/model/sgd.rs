//! SGD with momentum and weight decay.

use crate::kernels::{Kernels, SgdStep};

use super::Network;

/// The optimiser of one network: one pass over its flat buffers a step.
pub struct Sgd<K: Kernels> {
    momentum_buffer: K::Buffer,
    kernels: K,
    len: usize,
    momentum: f32,
    weight_decay: f32,
}

impl<K: Kernels> Sgd<K> {
    /// Weight decay covers every parameter, BatchNorm's and biases included.
    pub fn new(network: &Network<K>, momentum: f64, weight_decay: f64) -> Sgd<K> {
        let len = network.plan().parameters_len();
        let kernels = network.kernels().clone();
        Sgd {
            momentum_buffer: kernels.zeros(len),
            kernels,
            len,
            momentum: momentum as f32,
            weight_decay: weight_decay as f32,
        }
    }

    /// One step along the gradient of the last backward pass; none, no step.
    pub fn step(&mut self, network: &mut Network<K>, rate: f64) {
        let settings = SgdStep { rate: rate as f32, momentum: self.momentum, weight_decay: self.weight_decay };
        if let Some(gradient) = &network.gradient {
            self.kernels.sgd(settings, gradient, &mut self.momentum_buffer, &mut network.parameters);
        }
    }

    /// The momentum buffer, for a checkpoint.
    pub fn momentum(&self) -> Vec<f32> {
        self.kernels.download(&self.momentum_buffer, self.len)
    }

    /// # Panics
    /// Where there are more or fewer values than the network has parameters.
    pub fn set_momentum(&mut self, values: &[f32]) {
        assert_eq!(values.len(), self.len);
        self.kernels.upload(values, &mut self.momentum_buffer);
    }
}
