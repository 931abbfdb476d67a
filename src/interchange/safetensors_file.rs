//! Safetensors files, as far as encoders need them.

use candle_core::DType;
use safetensors::tensor::{Dtype, TensorView};
use safetensors::{SafeTensorError, SafeTensors};

use super::error::{Fault, shortened};
use super::stored::{Stored, Values};

/// Whether bytes begin as a safetensors file does: the length of a header inside the file, then JSON.
pub fn looks_like(bytes: &[u8]) -> bool {
    let Some((length, rest)) = bytes.split_first_chunk() else { return false };
    let length = u64::from_le_bytes(*length);
    length <= rest.len() as u64 && rest.first() == Some(&b'{')
}

/// Raised when encoders are written under other names or in other shapes, so that an older release would read something
/// else than what was meant.
pub const FORMAT: u32 = 1;
/// Where the metadata of a file of ours has its format. One without it has format 1 or comes from elsewhere.
pub const FORMAT_KEY: &str = "repro.format";

/// Every tensor by name.
pub fn tensors(bytes: &[u8]) -> Result<Vec<(String, Stored<'_>)>, Fault> {
    let damaged =
        |error: SafeTensorError| Fault::new(error.to_string(), "a whole safetensors file: copy or download it again");
    let (_, header) = SafeTensors::read_metadata(bytes).map_err(damaged)?;
    let format = header.metadata().as_ref().and_then(|all| all.get(FORMAT_KEY));
    if let Some(found) = format.filter(|format| !format.parse().is_ok_and(|format: u32| format <= FORMAT)) {
        let expected = format!("format {FORMAT}: use a newer release of repro");
        return Err(Fault::new(format!("format {} of repro's encoders", shortened(found)), expected));
    }
    let file = SafeTensors::deserialize(bytes).map_err(damaged)?;
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
