//! Files that appear whole or not at all.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;

use super::StoreError;

/// Marks a file that was being written when its process ended.
const TEMPORARY: &str = ".partial-";

/// Writes `bytes` to `path` so that a reader sees the old file or the new one, also after a power cut.
pub fn write_atomic(path: &Path, bytes: &[u8]) -> io::Result<()> {
    put(path, |temporary| write_synced(temporary, bytes))?;
    File::open(folder(path))?.sync_all()
}

/// Writes `bytes` to `path` so that a reader sees the old file or the new one, but for a power cut. It does not wait for
/// the disk.
pub fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    put(path, |temporary| fs::write(temporary, bytes))
}

fn put(path: &Path, write: impl FnOnce(&Path) -> io::Result<()>) -> io::Result<()> {
    let name = path.file_name().ok_or(io::ErrorKind::InvalidInput)?.to_string_lossy();
    let temporary = folder(path).join(format!("{TEMPORARY}{}-{name}", std::process::id()));
    let written = write(&temporary).and_then(|()| fs::rename(&temporary, path));
    if written.is_err() {
        // Leaves the disk as it was; the error that matters is the first one.
        let _ = fs::remove_file(&temporary);
    }
    written
}

/// The parent of a bare name is the empty path, which no folder can be opened by.
fn folder(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

fn write_synced(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = File::create(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

/// Removes a file, if it is there.
pub fn remove(path: &Path) -> Result<(), StoreError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(StoreError::io(path)(error)),
        _ => Ok(()),
    }
}

/// Removes temporary files that a killed process left in a folder. Call it only with the folder claimed.
pub fn remove_leftovers(folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_name().to_string_lossy().starts_with(TEMPORARY) {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}
