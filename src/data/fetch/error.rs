//! Why a download failed.

use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

/// A download that failed.
#[derive(Debug, Error)]
pub enum FetchError {
    #[error("{url} answers with HTTP status {status}")]
    Status { url: String, status: u16 },
    #[error("{url}: {reason}")]
    Network { url: String, reason: String },
    #[error("{url}: the connection ended after {have} of {total} bytes")]
    Short { url: String, have: u64, total: u64 },
    #[error("{url}: the server's answer does not continue the {have} bytes at hand")]
    Mismatch { url: String, have: u64 },
    #[error("{url} does not give the published file: expected about {expected} bytes, found {found} or more")]
    TooLong { url: String, expected: u64, found: u64 },
    #[error("{url} does not give the published file: expected SHA-256 {expected}, found {found}")]
    Wrong { url: String, expected: &'static str, found: String },
    #[error("{url} does not give the published file: expected {expected} bytes, found {found}")]
    Length { url: String, expected: u64, found: u64 },
    #[error(
        "cannot lock {}: {source}. Name a folder on a file system with locks (flock) with --data DIR, or mount this one with them",
        path.display()
    )]
    NoLocks { path: PathBuf, source: io::Error },
    #[error("cannot write {}: {source}", path.display())]
    Disk { path: PathBuf, source: io::Error },
    #[error("another process is downloading to {}: wait for it to end", folder.display())]
    Busy { folder: PathBuf },
    #[error("REPRO_DATA_TIMEOUT: expected a positive number of seconds, found `{found}`")]
    Timeout { found: String },
    #[error(
        "cannot download {name}: {}. Run the command again, or set REPRO_DATA_URL to the address of a mirror",
        causes.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
    )]
    Failed { name: String, causes: Vec<FetchError> },
}

impl FetchError {
    pub(super) fn disk(path: &Path) -> impl FnOnce(io::Error) -> FetchError + use<> {
        let path = path.to_owned();
        move |source| FetchError::Disk { path, source }
    }

    /// Whether the fault is on this machine, so that no other address helps.
    pub(super) fn is_local(&self) -> bool {
        matches!(self, FetchError::Disk { .. } | FetchError::NoLocks { .. } | FetchError::Busy { .. })
    }

    /// Whether the same address may do better next time.
    pub(super) fn is_passing(&self) -> bool {
        match self {
            FetchError::Status { status, .. } => matches!(status, 408 | 429 | 500..=599),
            FetchError::Network { .. }
            | FetchError::Short { .. }
            | FetchError::Mismatch { .. }
            // Met only where the beginning of the file was resumed.
            | FetchError::Wrong { .. } => true,
            FetchError::TooLong { .. }
            | FetchError::Length { .. }
            | FetchError::Disk { .. }
            | FetchError::NoLocks { .. }
            | FetchError::Busy { .. }
            | FetchError::Timeout { .. }
            | FetchError::Failed { .. } => false,
        }
    }
}
