//! An encoder from elsewhere.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::kernels::Kernels;
use crate::model::{Network, Section};
use crate::pickle::{Object, PickleError};
use crate::store::checksum;

use super::architecture::Shapes;
use super::archive::Archive;
use super::error::Fault;
use super::names::{Needless, PassedOver, encoder_names};
use super::state_dict::StateDict;
use super::stored::Stored;
use super::{Architecture, InterchangeError, safetensors_file};

/// An encoder and what is known of the file it comes from.
#[derive(Clone, Debug, PartialEq)]
pub struct Encoder {
    pub path: PathBuf,
    /// SHA-256 of the file, in hex.
    pub sha256: String,
    pub architecture: Architecture,
    /// Values in PyTorch's order by our names.
    pub tensors: Vec<(String, Vec<f32>)>,
    /// Tensors of the file that no encoder needs.
    pub passed_over: PassedOver,
    /// Encoder tensors that were of another kind than f32, by kind.
    pub converted: BTreeMap<String, usize>,
}

impl Encoder {
    /// Reads a safetensors file or what `torch.save` wrote; the content tells which.
    ///
    /// # Errors
    /// [`InterchangeError::Format`] for a format that PyTorch can convert, otherwise the tensor that does not fit.
    pub fn read(path: &Path) -> Result<Encoder, InterchangeError> {
        let bytes = std::fs::read(path).map_err(|source| InterchangeError::Read { path: path.to_owned(), source })?;
        Encoder::from_bytes(&bytes, path)
    }

    /// [`Encoder::read`] of a file's bytes. `path` is for messages.
    pub fn from_bytes(bytes: &[u8], path: &Path) -> Result<Encoder, InterchangeError> {
        let parts = if bytes.starts_with(ZIP) {
            of_torch(bytes)
        } else if safetensors_file::looks_like(bytes) {
            of_safetensors(bytes)
        } else {
            return Err(unreadable(bytes, path));
        };
        let Parts { architecture, tensors, passed_over, converted } = parts.map_err(|fault| fault.at(path))?;
        Ok(Encoder { path: path.to_owned(), sha256: checksum(bytes), architecture, tensors, passed_over, converted })
    }

    /// Sets the encoder of a network of this architecture.
    ///
    /// # Errors
    /// A network with other tensors.
    pub fn load_into<K: Kernels>(&self, network: &mut Network<K>) -> Result<(), InterchangeError> {
        let held: BTreeMap<&str, usize> =
            self.tensors.iter().map(|(name, values)| (name.as_str(), values.len())).collect();
        for (name, shape, _) in network.named_tensors(Section::Encoder) {
            if held.get(name.as_str()) != Some(&shape.iter().product()) {
                let found = format!("a {}", self.architecture);
                return Err(Fault::new(found, format!("shape {shape:?}")).of(&name).at(&self.path));
            }
        }
        network.set_named_tensors(&self.tensors);
        Ok(())
    }
}

/// What both formats come down to.
struct Parts {
    architecture: Architecture,
    tensors: Vec<(String, Vec<f32>)>,
    passed_over: PassedOver,
    converted: BTreeMap<String, usize>,
}

fn of_torch(bytes: &[u8]) -> Result<Parts, Fault> {
    let mut archive = Archive::open(bytes)?;
    let pickle = archive.pickle()?;
    // State dicts lie beside whatever else a training script saved, so that any name may stand in a file.
    let object = Object::read(&pickle, |_, _| true).map_err(|PickleError { at, expected, found }| {
        Fault::new(format!("{found} at byte {at} of data.pkl"), format!("{expected}, as torch.save writes it"))
    })?;
    let found = StateDict::find(&object)?;
    let names: Vec<&str> = found.tensors.iter().map(|tensor| tensor.name).collect();
    let (kept, mut passed_over) = encoder_names(&names);
    if found.others > 0 {
        passed_over.insert(Needless::NotTensor, found.others);
    }
    // As in Python, the last one of equal names counts.
    let by_name: BTreeMap<&str, _> = found.tensors.iter().map(|tensor| (tensor.name, tensor)).collect();
    let wanted: Vec<(&str, _)> = kept.iter().map(|(ours, theirs)| (*ours, by_name[theirs])).collect();
    let storages = archive.storages(wanted.iter().map(|(_, tensor)| tensor.storage))?;
    let stored = wanted.iter().map(|(ours, tensor)| (*ours, tensor.stored(&storages[tensor.storage]))).collect();
    parts(stored, passed_over)
}

fn of_safetensors(bytes: &[u8]) -> Result<Parts, Fault> {
    let found = safetensors_file::tensors(bytes)?;
    let names: Vec<&str> = found.iter().map(|(name, _)| name.as_str()).collect();
    let (kept, passed_over) = encoder_names(&names);
    let by_name: BTreeMap<&str, &Stored> = found.iter().map(|(name, stored)| (name.as_str(), stored)).collect();
    parts(kept.into_iter().map(|(ours, theirs)| (ours, by_name[theirs].clone())).collect(), passed_over)
}

fn parts(stored: BTreeMap<&str, Stored>, passed_over: PassedOver) -> Result<Parts, Fault> {
    for (name, tensor) in &stored {
        tensor.check().map_err(|fault| fault.of(name))?;
    }
    let shapes: Shapes = stored.iter().map(|(name, tensor)| (*name, tensor.shape.as_slice())).collect();
    let architecture = Architecture::of(&shapes)?;
    let mut tensors = Vec::with_capacity(stored.len());
    let mut converted = BTreeMap::new();
    for (name, tensor) in &stored {
        let kind = tensor.kind();
        if kind != "f32" {
            *converted.entry(kind).or_default() += 1;
        }
        tensors.push(((*name).to_owned(), tensor.to_f32().map_err(|fault| fault.of(name))?));
    }
    Ok(Parts { architecture, tensors, passed_over, converted })
}

/// First bytes of a zip archive.
const ZIP: &[u8] = b"PK\x03\x04";
/// How PyTorch before 1.6 began its files: a pickled magic number.
const LEGACY: &[u8] = b"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19";

fn unreadable(bytes: &[u8], path: &Path) -> InterchangeError {
    let is_tar = bytes.get(257..262) == Some(b"ustar");
    if bytes.starts_with(LEGACY) || is_tar {
        return InterchangeError::Format {
            path: path.to_owned(),
            found: "in the format of PyTorch before 1.6",
            conversion: "torch.save(torch.load(\"OLD\", map_location=\"cpu\", weights_only=False), \"NEW\")",
        };
    }
    let found = if bytes.is_empty() { "an empty file" } else { "a file that begins like neither" };
    Fault::new(found, "a safetensors file, or what torch.save writes").at(path)
}
