//! Blocks: the differentiable operations that networks are made of.

use crate::kernels::{BatchNorm, Kernels, Linear, MaxOut};

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
}

/// What follows a linear layer inside its block.
#[derive(Clone, Debug, PartialEq)]
pub enum After {
    Nothing,
    Relu,
    Norm(BatchNorm),
}

/// Memory that a block keeps between its forward and backward pass.
pub(super) struct Kept<B> {
    /// `[rows, outputs]`.
    pub output: B,
    /// What BatchNorm reads: the linear layer's output.
    before_norm: Option<B>,
    /// BatchNorm's mean and 1 / deviation of each share.
    norm: Option<B>,
}

impl Block {
    /// Values of a row that comes out.
    pub fn outputs(&self) -> usize {
        match self {
            Block::Split(parts) => parts.iter().map(|part| part.y.count).sum(),
            Block::Dense { linear, .. } => linear.y.count,
            Block::MaxOut(layer) => layer.outputs,
        }
    }

    /// Values of a row that goes in.
    pub fn inputs(&self) -> usize {
        match self {
            Block::Split(parts) => parts.iter().map(|part| part.x.count).sum(),
            Block::Dense { linear, .. } => linear.x.count,
            Block::MaxOut(layer) => layer.outputs * layer.pieces,
        }
    }

    /// Multiply-adds of a row's forward pass.
    pub(super) fn multiply_adds(&self) -> usize {
        let of = |linear: &Linear| linear.x.count * linear.y.count;
        match self {
            Block::Split(parts) => parts.iter().map(of).sum(),
            Block::Dense { linear, .. } => of(linear),
            Block::MaxOut(_) => 0,
        }
    }

    pub(super) fn keep<K: Kernels>(&self, kernels: &K, rows: usize, replicas: usize) -> Kept<K::Buffer> {
        let norm = match self {
            Block::Dense { after: After::Norm(norm), .. } => Some(norm.width),
            _ => None,
        };
        Kept {
            output: kernels.zeros(rows * self.outputs()),
            before_norm: norm.map(|width| kernels.zeros(rows * width)),
            norm: norm.map(|width| kernels.zeros(replicas * 2 * width)),
        }
    }

    /// Training mode: normalises by the batch and keeps what the backward pass needs.
    #[allow(clippy::too_many_arguments)]
    pub(super) fn forward<K: Kernels>(
        &self,
        kernels: &K,
        rows: usize,
        replicas: usize,
        parameters: &K::Buffer,
        statistics: &mut K::Buffer,
        x: &K::Buffer,
        kept: &mut Kept<K::Buffer>,
    ) {
        match self {
            Block::Dense { linear, after: After::Norm(norm) } => {
                if let (Some(before), Some(saved)) = (&mut kept.before_norm, &mut kept.norm) {
                    kernels.linear(linear, rows, parameters, x, before, false);
                    let y = &mut kept.output;
                    kernels.batch_norm(norm, rows, replicas, parameters, statistics, before, y, saved);
                }
            }
            _ => self.infer(kernels, rows, parameters, statistics, x, &mut kept.output),
        }
    }

    /// Evaluation mode: normalises by the running statistics.
    pub(super) fn infer<K: Kernels>(
        &self,
        kernels: &K,
        rows: usize,
        parameters: &K::Buffer,
        statistics: &K::Buffer,
        x: &K::Buffer,
        y: &mut K::Buffer,
    ) {
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
        }
    }

    /// Overwrites the gradients of this block's parameters and, where `input_wanted`, `dx` with that of its input. `d`,
    /// the gradient of the output, is used up, and so is `dx` where it is not wanted.
    #[allow(clippy::too_many_arguments)]
    pub(super) fn backward<K: Kernels>(
        &self,
        kernels: &K,
        rows: usize,
        replicas: usize,
        parameters: &K::Buffer,
        x: &K::Buffer,
        kept: &Kept<K::Buffer>,
        d: &mut K::Buffer,
        dx: &mut K::Buffer,
        input_wanted: bool,
        gradient: &mut K::Buffer,
    ) {
        let layers = match self {
            Block::Split(parts) => parts.as_slice(),
            Block::Dense { linear, after } => {
                match after {
                    After::Nothing => {}
                    After::Relu => kernels.relu_gradient(rows * linear.y.count, &kept.output, d),
                    After::Norm(norm) => {
                        if let (Some(before), Some(saved)) = (&kept.before_norm, &kept.norm) {
                            kernels.batch_norm_gradient(norm, rows, replicas, parameters, saved, before, d, gradient);
                        }
                    }
                }
                std::slice::from_ref(linear)
            }
            Block::MaxOut(layer) => return kernels.max_out_gradient(layer, rows, x, d, dx),
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
