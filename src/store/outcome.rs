//! What a finished run leaves behind.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// `done.json`: a pretext run ended as its recipe says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Done {
    /// SHA-256 of each file that a later run reads, by name.
    pub files: BTreeMap<String, String>,
    /// None where a release that kept none had a part in the run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trace: Option<Trace>,
}

/// How a run began, so that anyone can take its first steps again and compare.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Trace {
    /// The first steps, in order.
    pub steps: Vec<TracedStep>,
    /// SHA-256 of the encoder's parameters after the last of them, heads included, as little-endian f32; none until that
    /// is taken.
    pub parameters: Option<String>,
}

impl Trace {
    /// Whether it goes as far as it is meant to.
    pub fn is_whole(&self) -> bool {
        self.parameters.is_some()
    }
}

/// What one step gave, to the last bit.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct TracedStep {
    pub loss: f64,
    /// Standard deviation over the batch of the normalised embeddings, averaged over dimensions.
    pub spread: f64,
}

/// `result.json`: every reading of an evaluation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EvaluationResult {
    /// By name, for instance `linear/last/test-rate`, most of them test accuracies in percent: see `evaluate`.
    pub readings: BTreeMap<String, f64>,
    /// What was chosen along the way and what the readings are over: rates by rule, rows tested.
    pub details: BTreeMap<String, serde_json::Value>,
    /// SHA-256 of `metrics.jsonl`.
    pub metrics: String,
}

/// `provenance.json`: where and how a run was made. Never hashed, never compared.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Provenance {
    pub program: String,
    /// Git commit of the build, `-dirty` where the tree had changes, `unknown` outside a checkout.
    pub commit: String,
    pub crates: BTreeMap<String, String>,
    /// Each device that it was on, in order, between semicolons.
    pub device: String,
    pub threads: usize,
    pub precision: String,
    pub data_digest: String,
    pub command: Vec<String>,
    pub host: String,
    /// Seconds of work, summed over the sessions it took.
    pub wall_seconds: f64,
    /// Times it was started, the first included.
    pub sessions: u32,
    /// Seconds since 1970 at the end of the last session.
    pub finished_at: u64,
}
