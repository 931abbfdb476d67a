//! `progress.json`: how far a run is, for whoever looks on.
//!
//! It is there while a process works on the run. No result and no checkpoint depends on it, so it is written without
//! waiting for the disk.

use std::fs;
use std::io;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::atomic::replace;
use super::{RunFolder, StoreError, refuse_newer};

const NAME: &str = "progress.json";
/// Raised when the shape of the file changes.
const FORMAT: u32 = 1;

/// Content of `progress.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Progress {
    /// What messages call the work: axis values of a cell that needs it, seed, and what is done.
    pub label: String,
    /// Ids of the experiments that it was started for.
    pub experiments: Vec<String>,
    /// Name of the machine.
    pub host: String,
    /// What tells this start of the machine from every other start of any machine; none where it does not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub boot: Option<String>,
    /// Id of the process there.
    pub process: u32,
    pub threads: usize,
    /// Seconds since 1970, by the clock of that machine.
    pub told_at: u64,
    /// None until the data is read and the first step taken.
    pub at: Option<Position>,
}

/// A place in a stage of work.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Position {
    pub stage: Stage,
    /// Of `of`: epochs or items, as the stage counts.
    pub at: usize,
    pub of: usize,
    /// Share of the stage that is done, in [0, 1].
    pub fraction: f64,
    /// Of the last step, where the work has one.
    pub loss: Option<f64>,
    /// Items taken in, over the stage so far; none while it is too early to tell.
    pub items_per_second: Option<f64>,
    /// Of the stage.
    pub seconds_left: Option<f64>,
}

/// What a run is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stage {
    /// Training; counts epochs, the one at hand included.
    Epoch,
    /// Training of the classifiers that choose the rate; counts epochs.
    Choosing,
    /// Solving in closed form; counts items.
    Solving,
    /// Measuring test accuracy; counts items.
    Testing,
}

#[derive(Serialize, Deserialize)]
struct Versioned<T> {
    format: u32,
    #[serde(flatten)]
    progress: T,
}

impl Progress {
    /// Reads the content of `progress.json`. `path` is for messages.
    ///
    /// # Errors
    /// Content that is no progress, or is of a newer release.
    pub fn parse(bytes: &[u8], path: &Path) -> Result<Progress, StoreError> {
        let damaged = |error: serde_json::Error| StoreError::damaged(path, error.to_string());
        refuse_newer(path, bytes, FORMAT)?;
        let read: Versioned<Progress> = serde_json::from_slice(bytes).map_err(damaged)?;
        Ok(read.progress)
    }
}

impl RunFolder {
    pub fn write_progress(&self, progress: &Progress) -> io::Result<()> {
        let text = serde_json::to_vec(&Versioned { format: FORMAT, progress })?;
        replace(&self.file(NAME), &text)
    }

    /// Takes `progress.json` away, if it is there.
    pub fn remove_progress(&self) -> io::Result<()> {
        fs::remove_file(self.file(NAME))
    }

    /// None where no process is at work, as far as the folder tells: a killed one leaves its file behind.
    ///
    /// # Errors
    /// A file that cannot be read, or is of a newer release.
    pub fn read_progress(&self) -> Result<Option<Progress>, StoreError> {
        let path = self.file(NAME);
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
                return Ok(None);
            }
            Err(source) => return Err(StoreError::Io { path, source }),
        };
        if self.file("done.json").exists() || self.file("result.json").exists() {
            return Ok(None);
        }
        Progress::parse(&bytes, &path).map(Some)
    }
}
