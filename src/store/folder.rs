//! Folders of runs, and who may write to them.

use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;

use crate::recipe::Address;

use super::{
    Done, EvaluationResult, Failure, StoreError, checksum, progress, read_sealed, refuse_newer, remove_leftovers,
    sealed,
};

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

    /// Takes the folder for this process, or `None` while another live process has it. The lock goes with its owner,
    /// however that ends.
    ///
    /// # Errors
    /// A folder that cannot be written to, and [`StoreError::Newer`] for one that a newer release has written to.
    pub fn claim(&self) -> Result<Option<Claim>, StoreError> {
        fs::create_dir_all(&self.path).map_err(StoreError::io(&self.path))?;
        let path = self.file("lock");
        let file = File::create(&path).map_err(StoreError::io(&path))?;
        match file.try_lock() {
            Ok(()) => {
                self.refuse_newer()?;
                remove_leftovers(&self.path).map_err(StoreError::io(&self.path))?;
                Ok(Some(Claim { _file: file }))
            }
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(source)) => Err(StoreError::Io { path, source }),
        }
    }

    /// Refuses a folder that a newer release has written to: what it left is not ours to change.
    fn refuse_newer(&self) -> Result<(), StoreError> {
        let sealed = ["recipe.json", "provenance.json", "failed.json", "done.json", "result.json"];
        let versions = sealed.into_iter().map(|name| (name, sealed::FORMAT));
        for (name, supported) in versions.chain([(progress::NAME, progress::FORMAT)]) {
            let path = self.file(name);
            // One that is not there or cannot be read is the business of whoever reads it.
            let Ok(bytes) = fs::read(&path) else { continue };
            if let Err(error @ StoreError::Newer { .. }) = refuse_newer(&path, &bytes, supported) {
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
        let lines = bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        let line = |(index, line): (usize, &[u8])| {
            let found = |error| StoreError::damaged(&self.file(name), format!("line {}: {error}", index + 1));
            serde_json::from_slice(line).map_err(found)
        };
        lines.enumerate().map(line).collect()
    }

    /// The bytes of a file that `done.json` vouches for, checked against it.
    pub fn read_vouched(&self, done: &Done, name: &str) -> Result<Vec<u8>, StoreError> {
        let path = self.file(name);
        let bytes = fs::read(&path).map_err(StoreError::io(&path))?;
        match done.files.get(name) {
            Some(expected) if *expected == checksum(&bytes) => Ok(bytes),
            Some(_) => Err(StoreError::damaged(&path, "its checksum differs from the one in done.json")),
            None => Err(StoreError::damaged(&path, "done.json does not list it")),
        }
    }
}

/// A folder held by this process.
#[derive(Debug)]
pub struct Claim {
    _file: File,
}
