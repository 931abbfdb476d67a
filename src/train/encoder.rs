//! `encoder.safetensors`: a trained encoder without its projection head, under the official code's parameter names.

use std::collections::HashMap;
use std::path::Path;

use safetensors::tensor::{Dtype, SafeTensors, TensorView};

use crate::data::{CHANNELS, Set};
use crate::kernels::{FeatureMap, Kernels};
use crate::model::{Inputs, ModelError, Network, Plan, Section};
use crate::recipe::{Address, Network as Architecture};
use crate::speech::{BANDS, FRAMES};
use crate::store::StoreError;

/// The plan of a recipe's encoder for the inputs of a data set.
///
/// # Errors
/// An architecture for other inputs than the set's.
pub fn encoder_plan(architecture: &Architecture, data: &Set) -> Result<Plan, ModelError> {
    Plan::encoder(
        architecture,
        match data {
            Set::Table(set) => Inputs::Columns(&set.blocks),
            Set::Images(set) => {
                Inputs::Pictures(FeatureMap { height: set.height, width: set.width, channels: CHANNELS })
            }
            Set::Speech(_) => Inputs::Pictures(FeatureMap { height: BANDS, width: FRAMES, channels: 1 }),
        },
    )
}

/// The file's bytes. They depend on the weights alone.
pub(super) fn encoder_bytes<K: Kernels>(network: &Network<K>, address: &Address) -> Result<Vec<u8>, StoreError> {
    let tensors: Vec<(String, Vec<usize>, Vec<u8>)> = network
        .named_tensors(Section::Encoder)
        .into_iter()
        .map(|(name, shape, values)| (name, shape, values.iter().flat_map(|value| value.to_le_bytes()).collect()))
        .collect();
    let damaged =
        |error: safetensors::SafeTensorError| StoreError::damaged(Path::new("encoder.safetensors"), error.to_string());
    let views = tensors
        .iter()
        .map(|(name, shape, bytes)| Ok((name.as_str(), TensorView::new(Dtype::F32, shape.clone(), bytes)?)))
        .collect::<Result<Vec<_>, _>>()
        .map_err(damaged)?;
    let metadata = HashMap::from([("address".to_owned(), address.to_string())]);
    safetensors::serialize(views, Some(metadata)).map_err(damaged)
}

/// Sets a network's encoder from a file's bytes. `path` is for messages.
///
/// # Errors
/// A tensor that is missing or of another shape is named.
pub fn load_encoder<K: Kernels>(network: &mut Network<K>, bytes: &[u8], path: &Path) -> Result<(), StoreError> {
    let damaged = |found: String| StoreError::damaged(path, found);
    let tensors = SafeTensors::deserialize(bytes).map_err(|error| damaged(error.to_string()))?;
    let mut values = Vec::new();
    for (name, shape, _) in network.named_tensors(Section::Encoder) {
        let tensor = tensors.tensor(&name).map_err(|error| damaged(format!("`{name}`: {error}")))?;
        if tensor.dtype() != Dtype::F32 || tensor.shape() != shape {
            return Err(damaged(format!(
                "`{name}` is {:?} {:?}, expected F32 {shape:?}",
                tensor.dtype(),
                tensor.shape()
            )));
        }
        let floats = tensor.data().chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect();
        values.push((name, floats));
    }
    network.set_named_tensors(&values);
    Ok(())
}
