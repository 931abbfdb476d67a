//! JSON files that vouch for their own content.

use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use sha2::{Digest, Sha256};
use thiserror::Error;

use super::{refuse_newer, write_atomic};

/// Raised when the shape of a sealed file changes, that of its body included, or that of a file it vouches for.
pub(super) const FORMAT: u32 = 1;

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
        "{path} has format {found}; this release reads formats up to {supported} and leaves the file alone: use a newer release of repro"
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
    /// Of `body`, as compact JSON.
    sha256: String,
    body: serde_json::Value,
}

/// SHA-256 in hex.
pub fn checksum(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Writes `body` with its checksum, atomically.
pub fn write_sealed(path: &Path, body: &impl Serialize) -> Result<(), StoreError> {
    let body = serde_json::to_value(body).map_err(|error| StoreError::damaged(path, error.to_string()))?;
    let sha256 = checksum(body.to_string().as_bytes());
    let sealed = Sealed { format: FORMAT, sha256, body };
    let mut text = serde_json::to_string_pretty(&sealed).map_err(|e| StoreError::damaged(path, e.to_string()))?;
    text.push('\n');
    write_atomic(path, text.as_bytes()).map_err(StoreError::io(path))
}

/// Reads a sealed file. A missing file is `None`; a damaged one is an error that names it.
pub fn read_sealed<T: DeserializeOwned>(path: &Path) -> Result<Option<T>, StoreError> {
    let bytes = match std::fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(StoreError::Io { path: path.to_owned(), source }),
    };
    refuse_newer(path, &bytes, FORMAT)?;
    let sealed: Sealed =
        serde_json::from_slice(&bytes).map_err(|error| StoreError::damaged(path, error.to_string()))?;
    if checksum(sealed.body.to_string().as_bytes()) != sealed.sha256 {
        return Err(StoreError::damaged(path, "its checksum does not match its content"));
    }
    serde_json::from_value(sealed.body).map(Some).map_err(|error| StoreError::damaged(path, error.to_string()))
}
