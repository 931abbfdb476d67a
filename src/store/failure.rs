//! Why a run failed, in a form that outlives its process.

use serde::{Deserialize, Serialize};

/// A failed run. Kept in `failed.json` until the run is tried again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Failure {
    pub kind: FailureKind,
    pub message: String,
}

/// What went wrong.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum FailureKind {
    /// The loss stopped being a number.
    NotFinite { epoch: usize, step: usize },
    /// All embeddings became equal.
    Collapse { epoch: usize, step: usize },
    /// A data file is missing, altered or not what the recipe names.
    Data,
    /// A file of the results folder could not be read or written.
    Store,
    /// The GPU: it cannot be used, or broke off.
    Device,
    /// The GPU had too little memory, in bytes: what was asked for, what it had, and what the whole run needs by its
    /// estimate.
    OutOfMemory { needed: u64, free: u64, total: u64, estimate: Option<u64> },
    /// A worker process ended without saying why.
    Crash,
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message)
    }
}
