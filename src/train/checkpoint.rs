//! Checkpoints: all that a resumed run needs to end bit for bit as an uninterrupted one.
//!
//! No generator state is in here: draws are keyed by where they are used (see `random`).

use std::collections::HashMap;
use std::fs;
use std::io;
use std::path::PathBuf;

use candle_core::Device;
use safetensors::tensor::{Dtype, SafeTensors, TensorView};
use serde::{Deserialize, Serialize};

use crate::kernels::Kernels;
use crate::objective::{Queue, QueueState};
use crate::recipe::Address;
use crate::store::{RunFolder, StoreError, checksum, write_atomic};

use super::Trainer;
use super::course::Position;

/// Raised when the content of a checkpoint changes.
const FORMAT: u32 = 1;
/// Checkpoints kept, so that a damaged one costs no more than an interval.
const KEPT: usize = 2;

#[derive(Serialize, Deserialize)]
struct Header {
    format: u32,
    address: Address,
    position: Position,
    /// Next place in MoCo's queue.
    queue_pointer: usize,
    /// Of the tensors' bytes, in the order of their names.
    sha256: String,
}

const HEADER: &str = "repro";

fn path(folder: &RunFolder, position: &Position) -> PathBuf {
    folder.file(&format!("checkpoint-{:06}-{:06}.safetensors", position.epoch, position.step))
}

/// Writes a checkpoint and drops those older than the one before it.
pub(super) fn save<K: Kernels>(
    folder: &RunFolder,
    address: &Address,
    trainer: &Trainer<K>,
    position: &Position,
) -> Result<(), StoreError> {
    let mut buffers = vec![
        ("query.parameters", trainer.query.parameters()),
        ("query.statistics", trainer.query.statistics()),
        ("momentum", trainer.optimiser.momentum()),
    ];
    if let Some(key) = &trainer.key {
        buffers.push(("key.parameters", key.parameters()));
        buffers.push(("key.statistics", key.statistics()));
    }
    let mut queue_pointer = 0;
    if let Some(queue) = &trainer.queue {
        let state = queue.state().map_err(|error| StoreError::damaged(folder.path(), error.to_string()))?;
        buffers.push(("queue", state.keys));
        queue_pointer = state.pointer;
    }
    buffers.sort_by_key(|(name, _)| *name);
    let bytes: Vec<(&str, Vec<u8>)> = buffers
        .into_iter()
        .map(|(name, values)| (name, values.iter().flat_map(|value| value.to_le_bytes()).collect()))
        .collect();
    let path = path(folder, position);
    let damaged = |error: String| StoreError::damaged(&path, error);
    let header = Header {
        format: FORMAT,
        address: address.clone(),
        position: position.clone(),
        queue_pointer,
        sha256: digest(bytes.iter().map(|(_, bytes)| bytes.as_slice())),
    };
    let header = serde_json::to_string(&header).map_err(|error| damaged(error.to_string()))?;
    let views = bytes
        .iter()
        .map(|(name, bytes)| Ok((*name, TensorView::new(Dtype::F32, vec![bytes.len() / 4], bytes)?)))
        .collect::<Result<Vec<_>, safetensors::SafeTensorError>>()
        .map_err(|error| damaged(error.to_string()))?;
    let metadata = HashMap::from([(HEADER.to_owned(), header)]);
    let file = safetensors::serialize(views, Some(metadata)).map_err(|error| damaged(error.to_string()))?;
    write_atomic(&path, &file).map_err(StoreError::io(&path))?;
    for old in list(folder)?.iter().rev().skip(KEPT) {
        fs::remove_file(old).map_err(StoreError::io(old))?;
    }
    Ok(())
}

/// Restores the newest checkpoint that is whole. A damaged one is reported to `warn` and passed over; with none left
/// the trainer is as it was.
pub(super) fn restore<K: Kernels>(
    folder: &RunFolder,
    address: &Address,
    trainer: &mut Trainer<K>,
    warn: &mut dyn FnMut(String),
) -> Result<Option<Position>, StoreError> {
    for path in list(folder)?.iter().rev() {
        match read(path, address, trainer) {
            Ok(position) => return Ok(Some(position)),
            Err(error) => warn(format!("{error}; going back to the checkpoint before it")),
        }
    }
    Ok(None)
}

fn read<K: Kernels>(path: &PathBuf, address: &Address, trainer: &mut Trainer<K>) -> Result<Position, StoreError> {
    let damaged = |found: String| StoreError::damaged(path, found);
    let file = fs::read(path).map_err(StoreError::io(path))?;
    let (_, metadata) = SafeTensors::read_metadata(&file).map_err(|error| damaged(error.to_string()))?;
    let header = metadata.metadata().as_ref().and_then(|all| all.get(HEADER));
    let header = header.ok_or_else(|| damaged("it is not a checkpoint of repro".to_owned()))?;
    let header: Header = serde_json::from_str(header).map_err(|error| damaged(error.to_string()))?;
    if header.format > FORMAT {
        return Err(StoreError::Newer { path: path.clone(), found: header.format });
    }
    if header.address != *address {
        return Err(damaged(format!("it belongs to the run {}", header.address)));
    }
    let tensors = SafeTensors::deserialize(&file).map_err(|error| damaged(error.to_string()))?;
    let mut names = tensors.names();
    names.sort_unstable();
    let mut all = Vec::with_capacity(names.len());
    for name in &names {
        all.push(tensors.tensor(name).map_err(|error| damaged(error.to_string()))?.data());
    }
    if digest(all.into_iter()) != header.sha256 {
        return Err(damaged("its checksum does not match its content".to_owned()));
    }
    let values = |name: &str, length: usize| -> Result<Vec<f32>, StoreError> {
        let tensor = tensors.tensor(name).map_err(|error| damaged(error.to_string()))?;
        let values: Vec<f32> =
            tensor.data().chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect();
        if values.len() == length {
            Ok(values)
        } else {
            Err(damaged(format!("`{name}` holds {} values, expected {length}", values.len())))
        }
    };
    // Everything is read before anything is set: a damaged file leaves the trainer as it was.
    let parameters = values("query.parameters", trainer.query.plan().parameters_len())?;
    let statistics = values("query.statistics", trainer.query.plan().statistics_len())?;
    let momentum = values("momentum", trainer.query.plan().parameters_len())?;
    let key = match &trainer.key {
        Some(key) => Some((
            values("key.parameters", key.plan().parameters_len())?,
            values("key.statistics", key.plan().statistics_len())?,
        )),
        None => None,
    };
    let queue = match &trainer.queue {
        Some(queue) => {
            let (length, width) = queue.keys().dims2().map_err(|error| damaged(error.to_string()))?;
            let state = QueueState { keys: values("queue", length * width)?, pointer: header.queue_pointer };
            let queue = Queue::restore(state, length, width, &Device::Cpu);
            Some(queue.map_err(|error| damaged(error.to_string()))?)
        }
        None => None,
    };
    trainer.query.set_parameters(&parameters);
    trainer.query.set_statistics(&statistics);
    trainer.optimiser.set_momentum(&momentum);
    if let (Some(network), Some((parameters, statistics))) = (&mut trainer.key, key) {
        network.set_parameters(&parameters);
        network.set_statistics(&statistics);
    }
    trainer.queue = queue;
    Ok(header.position)
}

/// Removes every checkpoint, once the run needs them no more.
pub(super) fn clear(folder: &RunFolder) -> Result<(), StoreError> {
    for path in list(folder)? {
        fs::remove_file(&path).map_err(StoreError::io(&path))?;
    }
    Ok(())
}

/// Checkpoints of a folder, oldest first.
fn list(folder: &RunFolder) -> Result<Vec<PathBuf>, StoreError> {
    let entries = match fs::read_dir(folder.path()) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(source) => return Err(StoreError::Io { path: folder.path().to_owned(), source }),
    };
    let mut paths = Vec::new();
    for entry in entries {
        let path = entry.map_err(StoreError::io(folder.path()))?.path();
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        if name.starts_with("checkpoint-") && name.ends_with(".safetensors") {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths)
}

fn digest<'a>(parts: impl Iterator<Item = &'a [u8]>) -> String {
    let sums: Vec<String> = parts.map(checksum).collect();
    checksum(sums.join("").as_bytes())
}
