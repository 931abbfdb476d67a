//! `metrics.jsonl`: one line of JSON for each epoch. It holds nothing that differs between two runs of one recipe.
//!
//! That leaves no room for a version of its own, which would make two releases write different bytes. Its lines have the
//! format of whatever vouches for them: the checkpoint while a run goes on, then `done.json` or `result.json`.

use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::{StoreError, write_atomic};

/// A line of a pretext run's log.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EpochMetrics {
    /// From 1.
    pub epoch: usize,
    /// Mean over the steps.
    pub loss: f64,
    /// Learning rate of the last step.
    pub rate: f64,
    /// Mean over the steps of the deviation of the normalised embeddings; 0 at collapse.
    pub spread: f64,
}

/// What the content of a `metrics.jsonl` holds, line by line. `path` is for messages.
///
/// # Errors
/// The first line that is no `T`.
pub fn metric_lines<T: DeserializeOwned>(bytes: &[u8], path: &Path) -> Result<Vec<T>, StoreError> {
    let lines = bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    let line = |(index, line): (usize, &[u8])| {
        serde_json::from_slice(line).map_err(|error| StoreError::damaged(path, format!("line {}: {error}", index + 1)))
    };
    lines.enumerate().map(line).collect()
}

/// The lines so far. Written whole with each checkpoint, for readers: a resumed run goes on from the lines in its checkpoint.
#[derive(Debug)]
pub struct MetricLog {
    path: PathBuf,
    text: String,
}

impl MetricLog {
    /// An empty log, whatever the file holds.
    pub fn new(path: &Path) -> MetricLog {
        MetricLog { path: path.to_owned(), text: String::new() }
    }

    /// A log of this file that goes on after the lines of a checkpoint, whatever the file holds.
    pub fn resume(path: &Path, text: String) -> MetricLog {
        MetricLog { path: path.to_owned(), text }
    }

    /// A log that goes on after the first `lines` lines of its file: those after a checkpoint are written again.
    pub fn read(path: &Path, lines: usize) -> Result<MetricLog, StoreError> {
        let text = std::fs::read_to_string(path).map_err(StoreError::io(path))?;
        let kept: String = text.split_inclusive('\n').filter(|line| line.ends_with('\n')).take(lines).collect();
        if kept.lines().count() < lines {
            return Err(StoreError::damaged(path, format!("it should hold at least {lines} lines")));
        }
        Ok(MetricLog { path: path.to_owned(), text: kept })
    }

    pub fn push(&mut self, line: &impl Serialize) -> Result<(), StoreError> {
        let line = serde_json::to_string(line).map_err(|error| StoreError::damaged(&self.path, error.to_string()))?;
        self.text.push_str(&line);
        self.text.push('\n');
        Ok(())
    }

    pub fn lines(&self) -> usize {
        self.text.lines().count()
    }

    pub fn text(&self) -> &str {
        &self.text
    }

    pub fn write(&self) -> Result<(), StoreError> {
        write_atomic(&self.path, self.text.as_bytes()).map_err(StoreError::io(&self.path))
    }
}
