//! Who may write to the folder of a run.

use std::fs::{self, File, TryLockError};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::machine::{host, now};
use super::{RunFolder, StoreError, remove_leftovers};

const NAME: &str = "lock";

/// Content of `lock`: who holds the folder, or held it last. For readers only; the lock itself is what counts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Owner {
    /// Name of the machine.
    pub host: String,
    /// Id of the process there.
    pub process: u32,
    /// Seconds since 1970 at which it took the folder, by the clock of that machine.
    pub since: u64,
}

/// A folder held by this process, until it is dropped: a lock (`flock`) on its file `lock`.
///
/// The lock goes with its owner, however that ends. Three things may still go wrong, and none of them costs a result or
/// changes a number:
///
/// - **The lock outlives its owner**, as on a file server that keeps a lost client's. `lock` says whose it is, so that who
///   waits can say for whom, and after long silence which file to delete.
/// - **The file is deleted while its owner lives.** The next process locks a new file. A claim counts only while its file
///   is the one at the path: the old owner looks now and then, finds that it holds none any more, and leaves the run to the
///   new one. What both write meanwhile is the same, bit for bit, and each file appears whole.
/// - **The file system has no locks.** That is an error before any work begins.
#[derive(Debug)]
pub struct Claim {
    file: File,
    path: PathBuf,
}

impl Claim {
    /// Whether the folder is still held: somebody may have deleted the locked file, and another process taken the folder.
    pub fn holds(&self) -> bool {
        is_at(&self.file, &self.path)
    }

    /// Writes who holds it. Where that fails nobody can be told, and the work goes on.
    fn sign(&mut self) -> io::Result<()> {
        let owner = Owner { host: host(), process: std::process::id(), since: now() };
        self.file.set_len(0)?;
        self.file.write_all(&serde_json::to_vec(&owner)?)
    }
}

impl RunFolder {
    /// The file that is locked while a process has the folder.
    pub fn lock(&self) -> PathBuf {
        self.file(NAME)
    }

    /// Takes the folder for this process, or `None` while another live process has it.
    ///
    /// # Errors
    /// The folder cannot be written to, lies on a file system without locks, or was written to by a newer release
    /// ([`StoreError::Newer`]).
    pub fn claim(&self) -> Result<Option<Claim>, StoreError> {
        fs::create_dir_all(self.path()).map_err(StoreError::io(self.path()))?;
        let Some(mut claim) = take(&self.lock())? else { return Ok(None) };
        self.refuse_newer()?;
        let _ = claim.sign();
        remove_leftovers(self.path()).map_err(StoreError::io(self.path()))?;
        Ok(Some(claim))
    }

    /// Who holds the folder, or held it last; none where `lock` does not say.
    pub fn owner(&self) -> Option<Owner> {
        let mut text = Vec::new();
        // Longer than any that was written: a damaged one must not fill the memory.
        File::open(self.lock()).ok()?.take(1 << 12).read_to_end(&mut text).ok()?;
        serde_json::from_slice(&text).ok()
    }
}

/// Finds out whether files in a folder can be locked, and leaves nothing behind.
///
/// # Errors
/// They cannot, or the folder cannot be written to.
pub fn check_locks(folder: &Path) -> Result<(), StoreError> {
    let path = folder.join(format!(".lockable-{}", std::process::id()));
    let taken = take(&path);
    let removed = fs::remove_file(&path);
    taken?;
    removed.map_err(StoreError::io(&path))
}

/// Locks the file at `path`; `None` while another process has it.
fn take(path: &Path) -> Result<Option<Claim>, StoreError> {
    loop {
        let options = File::options().read(true).write(true).create(true).truncate(false).open(path);
        let file = options.map_err(StoreError::io(path))?;
        match file.try_lock() {
            // Deleted between the two, it would be a lock on nothing that others see.
            Ok(()) if !is_at(&file, path) => {}
            Ok(()) => return Ok(Some(Claim { file, path: path.to_owned() })),
            Err(TryLockError::WouldBlock) => return Ok(None),
            Err(TryLockError::Error(source)) => return Err(StoreError::NoLocks { path: path.to_owned(), source }),
        }
    }
}

#[cfg(unix)]
fn is_at(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    let id = |metadata: fs::Metadata| (metadata.dev(), metadata.ino());
    matches!((file.metadata().map(id), fs::metadata(path).map(id)), (Ok(one), Ok(other)) if one == other)
}

/// Other systems tell no more than whether there is a file.
#[cfg(not(unix))]
fn is_at(_file: &File, path: &Path) -> bool {
    path.exists()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder() -> (tempfile::TempDir, RunFolder) {
        let root = tempfile::tempdir().unwrap();
        let folder = RunFolder::at(root.path().join("pretext/ab"));
        (root, folder)
    }

    #[test]
    fn a_folder_is_held_by_one_and_says_by_whom() {
        let (_root, folder) = folder();
        assert_eq!(folder.owner(), None);
        let claim = folder.claim().unwrap().unwrap();
        assert!(folder.claim().unwrap().is_none());
        let owner = folder.owner().unwrap();
        assert_eq!((owner.host, owner.process), (host(), std::process::id()));
        drop(claim);
        fs::write(folder.lock(), "no owner").unwrap();
        assert_eq!(folder.owner(), None);
        assert!(folder.claim().unwrap().is_some());
    }

    #[cfg(unix)]
    #[test]
    fn a_claim_ends_where_its_file_is_deleted_or_replaced() {
        let (_root, folder) = folder();
        let first = folder.claim().unwrap().unwrap();
        assert!(first.holds());
        fs::remove_file(folder.lock()).unwrap();
        assert!(!first.holds());
        let second = folder.claim().unwrap().unwrap();
        assert!(second.holds() && !first.holds());
        drop(first);
        assert!(folder.claim().unwrap().is_none());
    }

    #[test]
    fn a_folder_is_checked_without_a_trace() {
        let root = tempfile::tempdir().unwrap();
        check_locks(root.path()).unwrap();
        assert_eq!(fs::read_dir(root.path()).unwrap().count(), 0);
        assert!(check_locks(&root.path().join("nowhere")).is_err());
    }
}
