//! The encoder that a recipe asks for.

use crate::kernels::FeatureMap;
use crate::recipe::Network as Architecture;

use super::{ModelError, Plan};

/// What a network reads.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Inputs<'a> {
    /// Rows of a table: columns of each block of inputs.
    Columns(&'a [usize]),
    Pictures(FeatureMap),
}

impl std::fmt::Display for Inputs<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Inputs::Columns(blocks) => write!(f, "rows of {} columns", blocks.iter().sum::<usize>()),
            Inputs::Pictures(map) => write!(f, "pictures of {} x {} x {}", map.height, map.width, map.channels),
        }
    }
}

impl Plan {
    /// An encoder for these inputs.
    ///
    /// # Errors
    /// An architecture that reads other inputs.
    pub fn encoder(architecture: &Architecture, inputs: Inputs) -> Result<Plan, ModelError> {
        let unfit = |network: &str| ModelError::Inputs { network: network.to_owned(), found: inputs.to_string() };
        match (architecture, inputs) {
            (Architecture::Mlp { width }, Inputs::Columns(blocks)) => Ok(Plan::mlp(blocks, *width)),
            (Architecture::Mlp { .. }, _) => Err(unfit("an MLP")),
            (Architecture::Resnet { depth, width, stem, input_channels }, Inputs::Pictures(map)) => {
                if map.channels != *input_channels {
                    return Err(unfit(&format!("a ResNet of {input_channels} input channels")));
                }
                Plan::resnet(*depth, *width, *stem, map)
            }
            (Architecture::Resnet { .. }, _) => Err(unfit("a ResNet")),
        }
    }
}
