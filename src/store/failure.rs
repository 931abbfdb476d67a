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
    Device {
        /// Where it had too little.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        memory: Option<ShortOfMemory>,
    },
    /// A worker process ended without saying why.
    Crash,
}

/// Memory of a GPU that ran out, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShortOfMemory {
    /// What was asked for.
    pub needed: u64,
    /// What was free, of `total`.
    pub free: u64,
    pub total: u64,
    /// What the whole work needs on one GPU, by its estimate.
    pub estimate: Option<u64>,
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Releases that knew nothing of memory wrote and read the kind alone.
    #[test]
    fn a_failed_gpu_is_one_kind_with_memory_or_without() {
        let plain = FailureKind::Device { memory: None };
        assert_eq!(serde_json::to_string(&plain).unwrap(), r#"{"kind":"device"}"#);
        assert_eq!(serde_json::from_str::<FailureKind>(r#"{"kind":"device"}"#).unwrap(), plain);
        let memory = Some(ShortOfMemory { needed: 3, free: 2, total: 8, estimate: None });
        let short = FailureKind::Device { memory };
        let text = serde_json::to_string(&short).unwrap();
        assert_eq!(serde_json::from_str::<FailureKind>(&text).unwrap(), short);

        #[derive(Debug, PartialEq, Deserialize)]
        #[serde(tag = "kind", rename_all = "kebab-case")]
        enum Earlier {
            Device,
        }
        assert_eq!(serde_json::from_str::<Earlier>(&text).unwrap(), Earlier::Device);
    }
}
