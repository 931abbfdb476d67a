//! Safetensors files, as far as encoders need them.

use candle_core::DType;
use safetensors::SafeTensors;
use safetensors::tensor::{Dtype, TensorView};

use super::error::Fault;
use super::stored::{Stored, Values};

/// Whether bytes begin as a safetensors file does: the length of a header inside the file, then JSON.
pub fn looks_like(bytes: &[u8]) -> bool {
    let Some((length, rest)) = bytes.split_first_chunk() else { return false };
    let length = u64::from_le_bytes(*length);
    length <= rest.len() as u64 && rest.first() == Some(&b'{')
}

/// Every tensor by name.
pub fn tensors(bytes: &[u8]) -> Result<Vec<(String, Stored<'_>)>, Fault> {
    let file = SafeTensors::deserialize(bytes)
        .map_err(|error| Fault::new(error.to_string(), "a whole safetensors file: copy or download it again"))?;
    Ok(file.tensors().into_iter().map(|(name, view)| (name, stored(&view))).collect())
}

fn stored<'a>(view: &TensorView<'a>) -> Stored<'a> {
    let shape = view.shape().to_vec();
    let kind = match view.dtype() {
        Dtype::F32 => DType::F32,
        Dtype::F64 => DType::F64,
        Dtype::F16 => DType::F16,
        Dtype::BF16 => DType::BF16,
        other => return Stored { shape, values: Values::Other(format!("{other:?}")) },
    };
    Stored::contiguous(shape, kind, view.data())
}
