//! The on-disk formats of the results folder.
//!
//! ```text
//! results/pretext/<address>/  recipe.json  provenance.json  metrics.jsonl  checkpoint-*.safetensors
//!                             encoder.safetensors  done.json
//! results/eval/<address>/     recipe.json  provenance.json  metrics.jsonl  result.json
//! ```
//!
//! While a process works on a run, `progress.json` says how far it is. Nothing depends on it.
//!
//! Every file that a later run reads is written to a temporary name, synced, renamed, and its folder synced. `done.json`
//! and `result.json` come last and carry the checksum of what they vouch for.
//!
//! Every file has a version: its own, or that of the file that vouches for it (`docs/formats.md`). A file of a newer
//! release is named in an error and left alone, and so is its folder.

mod atomic;
mod checkpoint;
mod failure;
mod folder;
mod format;
mod metrics;
mod outcome;
mod progress;
mod sealed;

pub use atomic::{remove_leftovers, write_atomic};
pub use checkpoint::{Checkpoint, Checkpoints, Saver};
pub use failure::{Failure, FailureKind};
pub use folder::{Claim, Results, RunFolder, State};
pub use format::refuse_newer;
pub use metrics::{EpochMetrics, MetricLog};
pub use outcome::{Done, EvaluationResult, Provenance, Trace, TracedStep};
pub use progress::{Position, Progress, Stage};
pub use sealed::{StoreError, checksum, read_sealed, write_sealed};
