//! Networks: what they are made of ([`Plan`]), and their parameters and passes on a device ([`Network`]).
//!
//! All parameters of a network lie in one flat buffer; so do their gradients, the optimiser's momentum and the momentum
//! encoder. Each block of a network is one differentiable operation with an explicit backward and memory it keeps.

mod block;
mod encoder;
mod initial;
mod mixing;
mod network;
mod pass;
mod plan;
mod residual;
mod resnet;
mod sgd;

use thiserror::Error;

pub use block::Block;
pub use encoder::Inputs;
pub use mixing::LayerMix;
pub use network::{Mode, Network, momentum_update};
pub use plan::{Parameter, Plan, Section, Statistic};
pub use resnet::{RESNET_DEPTHS, resnet_stages};
pub use sgd::Sgd;

/// A pass that could not be made.
#[derive(Debug, Error)]
pub enum ModelError {
    #[error("{values} input values are not {rows} rows of {width}")]
    Input { values: usize, rows: usize, width: usize },
    #[error("{rows} rows cannot be split into {replicas} equal shares of at least 2")]
    Shares { rows: usize, replicas: usize },
    #[error("there is no ResNet of {found} layers: expected 18, 34, 50, 101 or 152")]
    Depth { found: usize },
    #[error("{network} cannot read {found}")]
    Inputs { network: String, found: String },
    #[error("a gradient of shape {found:?} does not fit the output, {rows} rows of {width}")]
    Gradient { found: Vec<usize>, rows: usize, width: usize },
    #[error("rows cannot be mixed at layer {layer} of a network of {layers} hidden layers")]
    Layer { layer: usize, layers: usize },
    #[error("a mixture of {found} rows does not fit a pass of {rows}, or does not name each row as a partner once")]
    Partners { found: usize, rows: usize },
    #[error(transparent)]
    Tensor(#[from] candle_core::Error),
}

#[cfg(test)]
mod block_tests;
#[cfg(test)]
mod mixing_tests;
#[cfg(test)]
mod resnet_tests;
#[cfg(test)]
mod tests;

#[cfg(test)]
pub(crate) use tests::scattered;
