//! Folders of runs.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::de::{DeserializeOwned, IgnoredAny};

use crate::recipe::Address;

use super::{Done, EvaluationResult, Failure, StoreError, checksum, from_sealed, metric_lines, read_sealed};

/// The results folder.
#[derive(Clone, Debug)]
pub struct Results {
    root: PathBuf,
}

impl Results {
    pub fn new(root: impl Into<PathBuf>) -> Results {
        Results { root: root.into() }
    }

    pub fn root(&self) -> &Path {
        &self.root
    }

    pub fn pretext(&self, address: &Address) -> RunFolder {
        RunFolder { path: self.root.join("pretext").join(address.as_str()) }
    }

    pub fn evaluation(&self, address: &Address) -> RunFolder {
        RunFolder { path: self.root.join("eval").join(address.as_str()) }
    }
}

/// The folder of one pretext run or evaluation.
#[derive(Clone, Debug)]
pub struct RunFolder {
    path: PathBuf,
}

/// How far a run has come, as its folder tells.
#[derive(Clone, Debug, PartialEq)]
pub enum State {
    Absent,
    /// Started and not finished; may have a checkpoint.
    Started,
    Failed(Failure),
    Done,
}

impl RunFolder {
    /// A run's folder wherever it lies.
    pub fn at(path: impl Into<PathBuf>) -> RunFolder {
        RunFolder { path: path.into() }
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    pub fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Refuses a folder that a newer release has written to: what it left is not ours to change.
    pub(super) fn refuse_newer(&self) -> Result<(), StoreError> {
        for name in ["recipe.json", "provenance.json", "failed.json", "done.json", "result.json"] {
            let path = self.file(name);
            // One that is not there or cannot be read is the business of whoever reads it.
            let Ok(bytes) = fs::read(&path) else { continue };
            if let Err(error @ StoreError::Newer { .. }) = from_sealed::<IgnoredAny>(&bytes, &path) {
                return Err(error);
            }
        }
        Ok(())
    }

    /// The state of a pretext run.
    pub fn pretext_state(&self) -> Result<State, StoreError> {
        let done = self.read_done()?.is_some();
        self.state(done)
    }

    /// The state of an evaluation.
    pub fn evaluation_state(&self) -> Result<State, StoreError> {
        let done = self.read_result()?.is_some();
        self.state(done)
    }

    fn state(&self, done: bool) -> Result<State, StoreError> {
        if done {
            return Ok(State::Done);
        }
        if let Some(failure) = read_sealed(&self.file("failed.json"))? {
            return Ok(State::Failed(failure));
        }
        Ok(if self.file("recipe.json").exists() { State::Started } else { State::Absent })
    }

    /// `done.json`, once the pretext run is finished.
    pub fn read_done(&self) -> Result<Option<Done>, StoreError> {
        read_sealed(&self.file("done.json"))
    }

    /// `result.json`, once the evaluation is finished.
    pub fn read_result(&self) -> Result<Option<EvaluationResult>, StoreError> {
        read_sealed(&self.file("result.json"))
    }

    /// The lines of a pretext run's `metrics.jsonl`, checked against `done.json`.
    pub fn read_metrics<T: DeserializeOwned>(&self, done: &Done) -> Result<Vec<T>, StoreError> {
        let name = "metrics.jsonl";
        let bytes = self.read_vouched(done, name)?;
        metric_lines(&bytes, &self.file(name))
    }

    /// `done.json`, once the pretext run is finished and each file it vouches for is what it was.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] where one of them was altered or lost: such a run has to be done again. Others are about this
    /// machine or this release.
    pub fn verified_done(&self) -> Result<Option<Done>, StoreError> {
        let Some(done) = self.read_done()? else { return Ok(None) };
        for name in done.files.keys() {
            self.read_vouched(&done, name)?;
        }
        Ok(Some(done))
    }

    /// `result.json`, once the evaluation is finished and the metrics it vouches for are what they were.
    ///
    /// # Errors
    /// As [`RunFolder::verified_done`].
    pub fn verified_result(&self) -> Result<Option<EvaluationResult>, StoreError> {
        let Some(result) = self.read_result()? else { return Ok(None) };
        self.vouched("metrics.jsonl", &result.metrics, "result.json")?;
        Ok(Some(result))
    }

    /// The bytes of a file that `done.json` vouches for, checked against it.
    pub fn read_vouched(&self, done: &Done, name: &str) -> Result<Vec<u8>, StoreError> {
        match done.files.get(name) {
            Some(expected) => self.vouched(name, expected, "done.json"),
            None => Err(StoreError::damaged(&self.file(name), "done.json does not list it")),
        }
    }

    fn vouched(&self, name: &str, expected: &str, by: &str) -> Result<Vec<u8>, StoreError> {
        let path = self.file(name);
        match fs::read(&path) {
            Ok(bytes) if checksum(&bytes) == expected => Ok(bytes),
            Ok(_) => Err(StoreError::damaged(&path, format!("its checksum differs from the one in {by}"))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Err(StoreError::damaged(&path, "it is gone")),
            Err(source) => Err(StoreError::Io { path, source }),
        }
    }
}
