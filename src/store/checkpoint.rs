//! Checkpoints: all that resumed work needs to end bit for bit as uninterrupted work.
//!
//! No generator state is in here: draws are keyed by where they are used (see `random`).

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use safetensors::tensor::{Dtype, SafeTensors, TensorView};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::recipe::Address;

use super::{RunFolder, StoreError, checksum, refuse_newer, remove, write_atomic};

/// Raised when the shape of the file changes. Format 1 did not vouch for the header.
const FORMAT: u32 = 2;
/// Checkpoints kept, so that a damaged one costs no more than an interval.
const KEPT: usize = 2;
/// Writing checkpoints takes at most one part in this many of the time.
const SHARE: u32 = 20;
/// Where the header lies in the metadata of the file.
const HEADER: &str = "repro";

/// Work between two of its steps.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Checkpoint {
    /// Where it stands, in the words of whoever does it.
    pub state: Map<String, Value>,
    pub buffers: BTreeMap<String, Vec<f32>>,
}

#[derive(Serialize, Deserialize)]
struct Header {
    format: u32,
    address: Address,
    /// Of the header without it and of the buffers: see [`seal`].
    sha256: String,
    #[serde(flatten)]
    state: Map<String, Value>,
}

/// The checkpoints of a folder.
#[derive(Clone, Copy, Debug)]
pub struct Checkpoints<'a> {
    folder: &'a RunFolder,
    address: &'a Address,
}

impl<'a> Checkpoints<'a> {
    /// Of the run with this address, in a claimed folder.
    pub fn new(folder: &'a RunFolder, address: &'a Address) -> Checkpoints<'a> {
        Checkpoints { folder, address }
    }

    /// Writes the checkpoint of a place, epochs and then steps of the next one, and drops those older than the one
    /// before it.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn save(&self, at: [usize; 2], checkpoint: &Checkpoint) -> Result<(), StoreError> {
        let [epoch, step] = at;
        let path = self.folder.file(&format!("checkpoint-{epoch:06}-{step:06}.safetensors"));
        let file = checkpoint.to_bytes(self.address).map_err(|error| StoreError::damaged(&path, error))?;
        write_atomic(&path, &file).map_err(StoreError::io(&path))?;
        for old in self.list()?.iter().rev().skip(KEPT) {
            remove(old)?;
        }
        Ok(())
    }

    /// What `accept` makes of the newest checkpoint that is whole; `None` where there is none. One that is damaged, or
    /// that `accept` refuses with what is wrong, is reported to `warn` and passed over.
    ///
    /// # Errors
    /// A folder that cannot be read, and a checkpoint of a newer release.
    pub fn restore<T>(
        &self,
        mut accept: impl FnMut(Checkpoint) -> Result<T, String>,
        warn: &mut dyn FnMut(String),
    ) -> Result<Option<T>, StoreError> {
        let mut paths = self.list()?.into_iter().rev().peekable();
        while let Some(path) = paths.next() {
            let bytes = fs::read(&path).map_err(StoreError::io(&path));
            let read = bytes.and_then(|bytes| Checkpoint::parse(&bytes, &path, self.address));
            match read.and_then(|found| accept(found).map_err(|found| StoreError::damaged(&path, found))) {
                Ok(accepted) => return Ok(Some(accepted)),
                Err(error @ StoreError::Newer { .. }) => return Err(error),
                Err(error) if paths.peek().is_some() => {
                    warn(format!("{error}; going back to the checkpoint before it"))
                }
                Err(error) => warn(format!("{error}; starting over")),
            }
        }
        Ok(None)
    }

    /// Removes every checkpoint, once the run needs them no more.
    ///
    /// # Errors
    /// A folder that cannot be read, a file that cannot be removed.
    pub fn clear(&self) -> Result<(), StoreError> {
        // One that is gone already was removed by whoever took the lock from us.
        self.list()?.iter().try_for_each(|path| remove(path))
    }

    /// The file of the newest checkpoint, whole or not.
    ///
    /// # Errors
    /// A folder that cannot be read.
    pub fn newest(&self) -> Result<Option<PathBuf>, StoreError> {
        Ok(self.list()?.pop())
    }

    /// Checkpoints of the folder, oldest first.
    fn list(&self) -> Result<Vec<PathBuf>, StoreError> {
        let folder = self.folder.path();
        let entries = match fs::read_dir(folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(source) => return Err(StoreError::Io { path: folder.to_owned(), source }),
        };
        let mut paths = Vec::new();
        for entry in entries {
            let path = entry.map_err(StoreError::io(folder))?.path();
            let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
            if name.starts_with("checkpoint-") && name.ends_with(".safetensors") {
                paths.push(path);
            }
        }
        paths.sort();
        Ok(paths)
    }
}

impl Checkpoint {
    /// The content of the file, for the run with this address.
    ///
    /// # Errors
    /// What keeps it from being written down.
    pub fn to_bytes(&self, address: &Address) -> Result<Vec<u8>, String> {
        let bytes: Vec<(&str, Vec<u8>)> = self
            .buffers
            .iter()
            .map(|(name, values)| (name.as_str(), values.iter().flat_map(|value| value.to_le_bytes()).collect()))
            .collect();
        let (format, sha256, state) = (FORMAT, String::new(), self.state.clone());
        let mut header = Header { format, address: address.clone(), sha256, state };
        let parts = bytes.iter().map(|(name, bytes)| (*name, bytes.as_slice()));
        header.sha256 = seal(&mut header, parts).map_err(|error| error.to_string())?;
        let header = serde_json::to_string(&header).map_err(|error| error.to_string())?;
        let views = bytes
            .iter()
            .map(|(name, bytes)| Ok((*name, TensorView::new(Dtype::F32, vec![bytes.len() / 4], bytes)?)))
            .collect::<Result<Vec<_>, safetensors::SafeTensorError>>()
            .map_err(|error| error.to_string())?;
        let metadata = HashMap::from([(HEADER.to_owned(), header)]);
        safetensors::serialize(views, Some(metadata)).map_err(|error| error.to_string())
    }

    /// Reads the content of a checkpoint of the run with this address. `path` is for messages.
    ///
    /// # Errors
    /// Content that is damaged, of another run, or of a newer release.
    pub fn parse(bytes: &[u8], path: &Path, address: &Address) -> Result<Checkpoint, StoreError> {
        let damaged = |found: String| StoreError::damaged(path, found);
        let (_, metadata) = SafeTensors::read_metadata(bytes).map_err(|error| damaged(error.to_string()))?;
        let header = metadata.metadata().as_ref().and_then(|all| all.get(HEADER));
        let header = header.ok_or_else(|| damaged("it is not a checkpoint of repro".to_owned()))?;
        let mut header: Header = match serde_json::from_str(header) {
            Ok(header) => header,
            Err(error) => {
                refuse_newer(path, header.as_bytes(), FORMAT)?;
                return Err(damaged(error.to_string()));
            }
        };
        let tensors = SafeTensors::deserialize(bytes).map_err(|error| damaged(error.to_string()))?;
        let mut names = tensors.names();
        names.sort_unstable();
        let mut parts = Vec::with_capacity(names.len());
        for name in names {
            parts.push((name, tensors.tensor(name).map_err(|error| damaged(error.to_string()))?.data()));
        }
        let recorded = std::mem::take(&mut header.sha256);
        let sealed = match header.format {
            1 => sum_of_sums(parts.iter().map(|(_, bytes)| *bytes)),
            _ => seal(&mut header, parts.iter().copied()).map_err(|error| damaged(error.to_string()))?,
        };
        // A format that was altered is damage, so the checksum speaks before the format.
        if sealed != recorded {
            return Err(damaged("its checksum does not match its content".to_owned()));
        }
        if header.format > FORMAT {
            return Err(StoreError::Newer { path: path.to_owned(), found: header.format, supported: FORMAT });
        }
        if header.address != *address {
            return Err(damaged(format!("it belongs to the run {}", header.address)));
        }
        let values =
            |bytes: &[u8]| bytes.chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect();
        let buffers = parts.into_iter().map(|(name, bytes)| (name.to_owned(), values(bytes))).collect();
        Ok(Checkpoint { state: header.state, buffers })
    }

    /// Takes out the buffer of this name and length.
    ///
    /// # Errors
    /// What is wrong: it is not there, or of another length.
    pub fn take(&mut self, name: &str, length: usize) -> Result<Vec<f32>, String> {
        let values = self.buffers.remove(name).ok_or_else(|| format!("it holds no `{name}`"))?;
        match values.len() == length {
            true => Ok(values),
            false => Err(format!("`{name}` holds {} values, expected {length}", values.len())),
        }
    }
}

/// Writes checkpoints now and then.
#[derive(Debug)]
pub struct Saver<'a> {
    checkpoints: Checkpoints<'a>,
    least: Duration,
    interval: Duration,
    saved: Instant,
}

impl<'a> Saver<'a> {
    /// `least` is the least time between two checkpoints; zero asks for one whenever there can be one.
    pub fn new(checkpoints: Checkpoints<'a>, least: Duration) -> Saver<'a> {
        Saver { checkpoints, least, interval: least, saved: Instant::now() }
    }

    /// Whether it is time for the next one.
    pub fn is_due(&self) -> bool {
        self.saved.elapsed() >= self.interval
    }

    /// # Errors
    /// As [`Checkpoints::save`].
    pub fn save(&mut self, at: [usize; 2], checkpoint: &Checkpoint) -> Result<(), StoreError> {
        let began = Instant::now();
        self.checkpoints.save(at, checkpoint)?;
        if !self.least.is_zero() {
            self.interval = self.least.max(began.elapsed() * SHARE);
        }
        self.saved = Instant::now();
        Ok(())
    }
}

/// What vouches for a checkpoint: the header without its checksum, and name and bytes of each buffer in the order of the
/// names.
fn seal<'a>(
    header: &mut Header,
    parts: impl Iterator<Item = (&'a str, &'a [u8])>,
) -> Result<String, serde_json::Error> {
    header.sha256.clear();
    let mut sealed = serde_json::to_string(header)?;
    for (name, bytes) in parts {
        sealed.push_str(&format!("\n{name} {}", checksum(bytes)));
    }
    Ok(checksum(sealed.as_bytes()))
}

/// What vouched for the buffers in format 1.
fn sum_of_sums<'a>(parts: impl Iterator<Item = &'a [u8]>) -> String {
    let sums: Vec<String> = parts.map(checksum).collect();
    checksum(sums.join("").as_bytes())
}
