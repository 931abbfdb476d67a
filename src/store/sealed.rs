//! JSON files that vouch for their own content.

use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use sha2::{Digest, Sha256};
use thiserror::Error;

use super::{refuse_newer, write_atomic};

/// Raised when the shape of a sealed file changes, that of its body included, or that of a file it vouches for.
const FORMAT: u32 = 1;

/// A file of the results folder that could not be used.
#[derive(Debug, Error)]
pub enum StoreError {
    #[error("cannot read or write {path}: {source}")]
    Io { path: PathBuf, source: io::Error },
    #[error("{path} is not what was written: {found}")]
    Damaged { path: PathBuf, found: String },
    #[error(
        "{path} holds no trace of the run's first steps, as earlier releases left it: compare whole epochs with --epochs 1"
    )]
    Untraced { path: PathBuf },
    #[error(
        "cannot lock {path}: {source}. Several processes share a folder by locks (flock): name a folder on a file system that \
         has them with --results DIR, or mount this one with them"
    )]
    NoLocks { path: PathBuf, source: io::Error },
    #[error(
        "{path} has format {found}; this release reads formats up to {supported} and leaves the file alone: use a newer \
         release of repro"
    )]
    Newer { path: PathBuf, found: u32, supported: u32 },
}

impl StoreError {
    pub fn io(path: &Path) -> impl FnOnce(io::Error) -> StoreError + use<> {
        let path = path.to_owned();
        move |source| StoreError::Io { path, source }
    }

    pub fn damaged(path: &Path, found: impl Into<String>) -> StoreError {
        StoreError::Damaged { path: path.to_owned(), found: found.into() }
    }
}

#[derive(Serialize, Deserialize)]
struct Sealed {
    format: u32,
    /// See [`seal`].
    sha256: String,
    body: serde_json::Value,
}

/// SHA-256 in hex.
pub fn checksum(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What vouches for a body. Every format but the first is part of it, so that an altered number is not taken for a newer
/// release's.
fn vouching(format: u32, body: &serde_json::Value) -> String {
    let body = body.to_string();
    if format == 1 { checksum(body.as_bytes()) } else { checksum(format!("{format} {body}").as_bytes()) }
}

/// Writes `body` with its checksum, atomically.
pub fn write_sealed(path: &Path, body: &impl Serialize) -> Result<(), StoreError> {
    write_atomic(path, to_sealed(body, path)?.as_bytes()).map_err(StoreError::io(path))
}

/// The content of a sealed file. `path` is for messages.
pub fn to_sealed(body: &impl Serialize, path: &Path) -> Result<String, StoreError> {
    let body = serde_json::to_value(body).map_err(|error| StoreError::damaged(path, error.to_string()))?;
    let sealed = Sealed { format: FORMAT, sha256: vouching(FORMAT, &body), body };
    let mut text = serde_json::to_string_pretty(&sealed).map_err(|e| StoreError::damaged(path, e.to_string()))?;
    text.push('\n');
    Ok(text)
}

/// Reads a sealed file. A missing file is `None`; a damaged one is an error that names it.
pub fn read_sealed<T: DeserializeOwned>(path: &Path) -> Result<Option<T>, StoreError> {
    match std::fs::read(path) {
        Ok(bytes) => from_sealed(&bytes, path).map(Some),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(StoreError::Io { path: path.to_owned(), source }),
    }
}

/// What the content of a sealed file vouches for. `path` is for messages.
///
/// # Errors
/// Content that is damaged, of a newer release, or no `T`.
pub fn from_sealed<T: DeserializeOwned>(bytes: &[u8], path: &Path) -> Result<T, StoreError> {
    let damaged = |found: serde_json::Error| StoreError::damaged(path, found.to_string());
    let sealed: Sealed = match serde_json::from_slice(bytes) {
        Ok(sealed) => sealed,
        Err(error) => {
            // A newer release may have given it another shape.
            refuse_newer(path, bytes, FORMAT)?;
            return Err(damaged(error));
        }
    };
    // A format that was altered is damage, so the checksum speaks before the format.
    if vouching(sealed.format, &sealed.body) != sealed.sha256 {
        return Err(StoreError::damaged(path, "its checksum does not match its content"));
    }
    if sealed.format > FORMAT {
        return Err(StoreError::Newer { path: path.to_owned(), found: sealed.format, supported: FORMAT });
    }
    serde_json::from_value(sealed.body).map_err(damaged)
}
