//! The on-disk formats of the results folder.
//!
//! ```text
//! results/pretext/<address>/  recipe.json  provenance.json  metrics.jsonl  checkpoint-*.safetensors
//!                             encoder.safetensors  done.json
//! results/eval/<address>/     recipe.json  provenance.json  metrics.jsonl  result.json
//! results/slurm/<submission>/ what was handed to Slurm: see `slurm`
//! ```
//!
//! While a process works on a run, `progress.json` says how far it is. Nothing depends on it. It holds a lock on the file
//! `lock`, which says who it is: see [`Claim`] for what happens where the lock outlives its owner, is taken from it, or
//! cannot be had.
//!
//! Every file that a later run reads is written to a temporary name, synced, renamed, and its folder synced. `done.json`
//! and `result.json` come last and carry the checksum of what they vouch for.
//!
//! Every file has a version: its own, or that of the file that vouches for it (`docs/formats.md`). A file of a newer
//! release is named in an error and left alone, and so is its folder.

mod atomic;
mod checkpoint;
mod claim;
mod failure;
mod folder;
mod format;
mod machine;
mod metrics;
mod outcome;
mod progress;
mod sealed;

pub use atomic::{remove, remove_leftovers, write_atomic};
pub use checkpoint::{Checkpoint, Checkpoints, Saver};
pub use claim::{Claim, Owner, check_locks};
pub use failure::{Failure, FailureKind, ShortOfMemory};
pub use folder::{Results, RunFolder, State};
pub use format::refuse_newer;
pub use machine::{boot, host, now};
pub use metrics::{EpochMetrics, MetricLog, metric_lines};
pub use outcome::{Done, EvaluationResult, Provenance, Trace, TracedStep};
pub use progress::{Position, Progress, Stage};
pub use sealed::{StoreError, checksum, from_sealed, read_sealed, to_sealed, write_sealed};
