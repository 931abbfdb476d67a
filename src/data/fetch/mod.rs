//! Downloading published files.
//!
//! A file grows under its name with `.part` added and gets its name only once its content is known to be the published
//! one, so that no reader ever sees half a file or a wrong one. What a cut leaves is resumed.

mod error;
mod transfer;

use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::recipe::DataSet;

use super::{DataError, PublishedFile, content};

pub use error::FetchError;

use transfer::Transfer;

/// Tries for each address, those that resume included.
const TRIES: u32 = 4;
/// Longest wait for a connection or for the next bytes, unless `REPRO_DATA_TIMEOUT` says otherwise.
const STALL: Duration = Duration::from_secs(30);
/// Wait before the second try; each later one waits twice as long.
const PAUSE: Duration = Duration::from_millis(500);

/// Where files come from and how long to wait for them.
#[derive(Clone, Debug)]
pub struct Origin {
    /// Stands in for the published addresses: a file is then at `<base>/<folder>/<name>`.
    pub base: Option<String>,
    /// Longest wait for a connection or for the next bytes.
    pub stall: Duration,
}

impl Origin {
    /// Reads `REPRO_DATA_URL`, the base address of a mirror, and `REPRO_DATA_TIMEOUT`, in seconds.
    ///
    /// # Errors
    /// [`FetchError::Timeout`] if the timeout is not a positive number of seconds.
    pub fn from_environment() -> Result<Origin, FetchError> {
        let text = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        let stall = match text("REPRO_DATA_TIMEOUT") {
            None => STALL,
            Some(seconds) => seconds
                .parse()
                .ok()
                .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
                .filter(|stall| !stall.is_zero())
                .ok_or(FetchError::Timeout { found: seconds })?,
        };
        Ok(Origin { base: text("REPRO_DATA_URL"), stall })
    }

    fn addresses(&self, file: &PublishedFile) -> Vec<String> {
        match &self.base {
            Some(base) => vec![format!("{}/{}/{}", base.trim_end_matches('/'), file.folder, file.name)],
            None => file.urls.iter().map(|&url| url.to_owned()).collect(),
        }
    }
}

/// Told how a download goes.
pub trait Progress {
    /// A transfer starts with `have` bytes already there, of `total` if the server says.
    fn start(&mut self, url: &str, have: u64, total: Option<u64>);
    /// There are `have` bytes now.
    fn advance(&mut self, have: u64);
    /// Something went wrong, and is tried again.
    fn note(&mut self, text: &str);
}

/// Downloads a file to `<root>/<folder>/<name>` and returns that path.
///
/// # Errors
/// No address gave the published content, the disk refused, or another process is downloading the file.
pub fn fetch(
    set: DataSet,
    file: &PublishedFile,
    root: &Path,
    origin: &Origin,
    progress: &mut dyn Progress,
) -> Result<PathBuf, FetchError> {
    let folder = root.join(file.folder);
    fs::create_dir_all(&folder).map_err(FetchError::disk(&folder))?;
    let lock_path = folder.join(format!(".{}.lock", file.name));
    let lock = File::create(&lock_path).map_err(FetchError::disk(&lock_path))?;
    match lock.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Err(FetchError::Busy { folder }),
        Err(TryLockError::Error(source)) => return Err(FetchError::NoLocks { path: lock_path, source }),
    }

    let part = folder.join(format!("{}.part", file.name));
    let target = folder.join(file.name);
    let transfer = Transfer::new(file, &part, origin.stall);
    let mut causes = Vec::new();
    for url in origin.addresses(file) {
        match download(set, file, &transfer, &url, progress) {
            Ok(()) => {
                fs::rename(&part, &target).map_err(FetchError::disk(&target))?;
                sync(&folder)?;
                return Ok(target);
            }
            Err(error) if error.is_local() => return Err(error),
            Err(error) => causes.push(error),
        }
    }
    Err(FetchError::Failed { name: file.name.to_owned(), causes })
}

/// Tries one address until it gives the published content, a few times.
fn download(
    set: DataSet,
    file: &PublishedFile,
    transfer: &Transfer,
    url: &str,
    progress: &mut dyn Progress,
) -> Result<(), FetchError> {
    let mut tried = 1;
    loop {
        let resumed = transfer.have() > 0;
        let error = match transfer.run(url, progress) {
            Ok(()) => match check(set, file, transfer.part(), url) {
                Ok(()) => return Ok(()),
                Err(error) => {
                    fs::remove_file(transfer.part()).map_err(FetchError::disk(transfer.part()))?;
                    // The beginning may have come from elsewhere; only a file from one piece tells about its source.
                    if error.is_local() || !resumed {
                        return Err(error);
                    }
                    error
                }
            },
            Err(error) => error,
        };
        if tried == TRIES || !error.is_passing() {
            return Err(error);
        }
        let pause = PAUSE * 2u32.pow(tried - 1);
        tried += 1;
        progress.note(&format!("{error}; try {tried} of {TRIES} in {:.1} s", pause.as_secs_f64()));
        std::thread::sleep(pause);
    }
}

fn check(set: DataSet, file: &PublishedFile, part: &Path, url: &str) -> Result<(), FetchError> {
    let expected = file.content.as_ref().map_or(file.sha256, |content| content.sha256);
    let wrong = |found| FetchError::Wrong { url: url.to_owned(), expected, found };
    match content::check(set, part, file) {
        Ok(outcome) => outcome.map_err(wrong),
        Err(DataError::Read { path, source }) => Err(FetchError::Disk { path, source }),
        Err(DataError::Damaged { found, .. }) => Err(wrong(found)),
        Err(other) => Err(wrong(other.to_string())),
    }
}

#[cfg(unix)]
fn sync(folder: &Path) -> Result<(), FetchError> {
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(FetchError::disk(folder))
}

/// Only Unix lets a folder be opened and synced.
#[cfg(not(unix))]
fn sync(_folder: &Path) -> Result<(), FetchError> {
    Ok(())
}
