//! Blocks: the differentiable operations that networks are made of.

use crate::kernels::{BatchNorm, FeatureMap, Kernels, Linear, MaxOut};

use super::pass::{Buffers, Kept, KeptNorm, Pass};
use super::residual::{ConvNorm, Residual, Stem};

/// One operation over rows, with its slice of the parameters.
#[derive(Clone, Debug, PartialEq)]
pub enum Block {
    /// Linear layers side by side: each reads features of its own and writes features of its own.
    Split(Vec<Linear>),
    /// A linear layer, then BatchNorm (with or without ReLU), ReLU, or neither.
    Dense {
        linear: Linear,
        after: After,
    },
    MaxOut(MaxOut),
    Stem(Stem),
    Residual(Residual),
    /// The mean over the pixels of each image.
    AveragePool(FeatureMap),
}

/// What follows a linear layer inside its block.
#[derive(Clone, Debug, PartialEq)]
pub enum After {
    Nothing,
    Relu,
    Norm(BatchNorm),
}

impl Block {
    /// Values of a row that comes out.
    pub fn outputs(&self) -> usize {
        match self {
            Block::Split(parts) => parts.iter().map(|part| part.y.count).sum(),
            Block::Dense { linear, .. } => linear.y.count,
            Block::MaxOut(layer) => layer.outputs,
            Block::Stem(stem) => stem.pool.map_or(stem.layer.conv.output, |pool| pool.output).len(),
            Block::Residual(block) => block.layers.last().map_or(0, |layer| layer.conv.output.len()),
            Block::AveragePool(map) => map.channels,
        }
    }

    /// Values of a row that goes in.
    pub fn inputs(&self) -> usize {
        match self {
            Block::Split(parts) => parts.iter().map(|part| part.x.count).sum(),
            Block::Dense { linear, .. } => linear.x.count,
            Block::MaxOut(layer) => layer.outputs * layer.pieces,
            Block::Stem(stem) => stem.layer.conv.input.len(),
            Block::Residual(block) => block.layers.first().map_or(0, |layer| layer.conv.input.len()),
            Block::AveragePool(map) => map.len(),
        }
    }

    /// Values of a row of the largest activation inside the block; 0 where there is none.
    pub(super) fn inside(&self) -> usize {
        match self {
            Block::Stem(stem) => stem.layer.conv.output.len(),
            Block::Residual(block) => block.layers.iter().map(|layer| layer.conv.output.len()).max().unwrap_or(0),
            _ => 0,
        }
    }

    /// Whether it reads pictures, which lie pixel by pixel, and not rows, which lie feature by feature.
    pub(super) fn reads_pictures(&self) -> bool {
        matches!(self, Block::Stem(_) | Block::Residual(_) | Block::AveragePool(_))
    }

    /// Multiply-adds of a row's forward pass.
    pub(super) fn multiply_adds(&self) -> usize {
        let of = |linear: &Linear| linear.x.count * linear.y.count;
        match self {
            Block::Split(parts) => parts.iter().map(of).sum(),
            Block::Dense { linear, .. } => of(linear),
            Block::MaxOut(_) | Block::AveragePool(_) => 0,
            Block::Stem(stem) => stem.layer.multiply_adds(),
            Block::Residual(block) => block.layers.iter().chain(&block.shortcut).map(ConvNorm::multiply_adds).sum(),
        }
    }

    pub(super) fn keep<K: Kernels>(&self, kernels: &K, rows: usize, replicas: usize) -> Kept<K::Buffer> {
        let norms = match self {
            Block::Dense { after: After::Norm(norm), .. } => vec![KeptNorm {
                before: kernels.activations(rows * norm.width),
                saved: kernels.zeros(replicas * 2 * norm.width),
                after: None,
            }],
            Block::Stem(stem) => stem.keep(kernels, rows, replicas),
            Block::Residual(block) => block.keep(kernels, rows, replicas),
            _ => Vec::new(),
        };
        Kept { output: kernels.activations(rows * self.outputs()), norms }
    }

    /// Training mode: normalises by the batch and keeps what the backward pass needs.
    pub(super) fn forward<K: Kernels>(
        &self,
        pass: &Pass<K>,
        statistics: &mut K::Buffer,
        x: &K::Buffer,
        kept: &mut Kept<K::Buffer>,
    ) {
        let Pass { kernels, rows, replicas, parameters } = *pass;
        match (self, kept.norms.as_mut_slice()) {
            (Block::Dense { linear, after: After::Norm(norm) }, [KeptNorm { before, saved, .. }]) => {
                kernels.linear(linear, rows, parameters, x, before, false);
                kernels.batch_norm(norm, rows, replicas, parameters, statistics, before, &mut kept.output, saved);
            }
            (Block::Stem(stem), _) => stem.forward(pass, statistics, x, kept),
            (Block::Residual(block), _) => block.forward(pass, statistics, x, kept),
            _ => self.rows_forward(pass, statistics, x, &mut kept.output),
        }
    }

    /// Evaluation mode: normalises by the running statistics.
    pub(super) fn infer<K: Kernels>(
        &self,
        pass: &Pass<K>,
        statistics: &K::Buffer,
        x: &K::Buffer,
        y: &mut K::Buffer,
        scratch: &mut [K::Buffer; 2],
    ) {
        match self {
            Block::Stem(stem) => stem.infer(pass, statistics, x, y, scratch),
            Block::Residual(block) => block.infer(pass, statistics, x, y, scratch),
            _ => self.rows_forward(pass, statistics, x, y),
        }
    }

    /// The forward pass of the blocks that have but one layer, by the running statistics where it normalises.
    fn rows_forward<K: Kernels>(&self, pass: &Pass<K>, statistics: &K::Buffer, x: &K::Buffer, y: &mut K::Buffer) {
        let Pass { kernels, rows, parameters, .. } = *pass;
        match self {
            Block::Split(parts) => {
                for part in parts {
                    kernels.linear(part, rows, parameters, x, y, true);
                }
            }
            Block::Dense { linear, after } => {
                kernels.linear(linear, rows, parameters, x, y, !matches!(after, After::Norm(_)));
                match after {
                    After::Nothing => {}
                    After::Relu => kernels.relu(rows * linear.y.count, y),
                    After::Norm(norm) => kernels.batch_norm_running(norm, rows, parameters, statistics, y),
                }
            }
            Block::MaxOut(layer) => kernels.max_out(layer, rows, x, y),
            Block::AveragePool(map) => kernels.average_pool(*map, rows, x, y),
            Block::Stem(_) | Block::Residual(_) => unreachable!("they have layers of their own"),
        }
    }

    /// Overwrites the gradients of this block's parameters and, where `input_wanted`, `dx` with that of its input. `d`,
    /// the gradient of the output, is used up, and so is `dx` where it is not wanted.
    pub(super) fn backward<K: Kernels>(
        &self,
        pass: &Pass<K>,
        x: &K::Buffer,
        kept: &Kept<K::Buffer>,
        buffers: &mut Buffers<K::Buffer>,
        input_wanted: bool,
        gradient: &mut K::Buffer,
    ) {
        let Pass { kernels, rows, replicas, parameters } = *pass;
        let Buffers { d, dx, .. } = buffers;
        let layers = match self {
            Block::Split(parts) => parts.as_slice(),
            Block::Dense { linear, after } => {
                match after {
                    After::Nothing => {}
                    After::Relu => kernels.relu_gradient(rows * linear.y.count, &kept.output, d),
                    After::Norm(norm) => {
                        for KeptNorm { before, saved, .. } in &kept.norms {
                            kernels.batch_norm_gradient(norm, rows, replicas, parameters, saved, before, d, gradient);
                        }
                    }
                }
                std::slice::from_ref(linear)
            }
            Block::MaxOut(layer) => return kernels.max_out_gradient(layer, rows, x, d, dx),
            Block::AveragePool(map) => return kernels.average_pool_gradient(*map, rows, d, dx),
            Block::Stem(stem) => return stem.backward(pass, x, kept, buffers, input_wanted, gradient),
            Block::Residual(block) => return block.backward(pass, x, kept, buffers, input_wanted, gradient),
        };
        // BatchNorm takes the bias away again: its gradient is zero.
        let with_bias = !matches!(self, Block::Dense { after: After::Norm(_), .. });
        for layer in layers {
            kernels.linear_gradient(layer, rows, x, d, dx, gradient, with_bias);
        }
        if input_wanted {
            for layer in layers {
                kernels.linear_input_gradient(layer, rows, parameters, d, dx);
            }
        }
    }
}
