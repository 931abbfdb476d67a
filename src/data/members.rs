//! The files of a set in a folder or an archive, read into memory one by one.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;

use crate::recipe::DataSet;

use super::layout::Side;
use super::{Container, DataCopy, DataError, Fault, content};

/// Uncompressed bytes read of one file or archive: more than twice what any set holds, and little enough for any memory.
const LIMIT: u64 = 512 << 20;

/// Gives each file of a copy to `take`: those of a folder by name, those of an archive in its order.
///
/// # Errors
/// A file or the archive cannot be read to its end, is longer than 512 MiB, or is refused by `take`.
pub(super) fn each(
    set: DataSet,
    copy: &DataCopy,
    mut take: impl FnMut(Side, Vec<u8>) -> Result<(), Fault>,
) -> Result<(), DataError> {
    match copy.layout.container {
        Container::Folder => {
            for (side, name) in listed(copy)? {
                let path = copy.path.join(name);
                take(side, whole(set, &path)?).map_err(|fault| fault.in_file(set, &path))?;
            }
            Ok(())
        }
        Container::File | Container::Archive => {
            let side = |path: &Path| copy.layout.side(path.file_name()?.to_str()?);
            archived(set, &copy.path, content::open(&copy.path)?, LIMIT, side, |side, name, bytes| {
                take(side, bytes).map_err(|fault| fault.inside(name).in_file(set, &copy.path))
            })
        }
    }
}

fn listed(copy: &DataCopy) -> Result<Vec<(Side, String)>, DataError> {
    let mut names = Vec::new();
    for entry in fs::read_dir(&copy.path).map_err(DataError::read(&copy.path))? {
        let entry = entry.map_err(DataError::read(&copy.path))?;
        if let Ok(name) = entry.file_name().into_string()
            && let Some(side) = copy.layout.side(&name)
        {
            names.push((side, name));
        }
    }
    names.sort_unstable_by(|(_, a), (_, b)| a.cmp(b));
    Ok(names)
}

/// A file, read whole.
pub(super) fn whole(set: DataSet, path: &Path) -> Result<Vec<u8>, DataError> {
    let mut bytes = Vec::new();
    File::open(path).and_then(|file| file.take(LIMIT + 1).read_to_end(&mut bytes)).map_err(DataError::read(path))?;
    if bytes.len() as u64 > LIMIT { Err(too_long(LIMIT).in_file(set, path)) } else { Ok(bytes) }
}

/// Gives the files of a tar archive that `choose` finds a use for to `take`, with their names, in the archive's order.
/// The archive is read in memory and by the names of its files alone, so nothing in it can reach the disk. `content` is
/// uncompressed and at most `limit` bytes are read of it; `path` is for messages.
pub(super) fn archived<T>(
    set: DataSet,
    path: &Path,
    content: impl Read,
    limit: u64,
    mut choose: impl FnMut(&Path) -> Option<T>,
    mut take: impl FnMut(T, &str, Vec<u8>) -> Result<(), DataError>,
) -> Result<(), DataError> {
    let mut archive = tar::Archive::new(content.take(limit));
    let outcome = (|| -> Result<(), Trouble> {
        for entry in archive.entries()? {
            let mut entry = entry?;
            let name = entry.path()?.into_owned();
            if let Some(chosen) = choose(&name).filter(|_| entry.header().entry_type().is_file()) {
                let mut bytes = Vec::new();
                Read::by_ref(&mut entry).take(LIMIT).read_to_end(&mut bytes)?;
                if (bytes.len() as u64) < entry.size() {
                    return Err(Trouble::Read(io::ErrorKind::UnexpectedEof.into()));
                }
                let name = name.file_name().and_then(|name| name.to_str()).unwrap_or_default();
                take(chosen, name, bytes)?;
            }
        }
        Ok(())
    })();
    if archive.into_inner().limit() == 0 {
        return Err(too_long(limit).in_file(set, path));
    }
    outcome.map_err(|trouble| match trouble {
        Trouble::Refused(error) => error,
        Trouble::Read(error) if content::from_decoder(&error) => {
            let expected = "a tar archive, compressed with gzip, to its end";
            Fault::new("inside", expected, content::trouble(&error)).in_file(set, path)
        }
        Trouble::Read(source) => DataError::read(path)(source),
    })
}

enum Trouble {
    Read(io::Error),
    Refused(DataError),
}

impl From<DataError> for Trouble {
    fn from(error: DataError) -> Trouble {
        Trouble::Refused(error)
    }
}

impl From<io::Error> for Trouble {
    fn from(error: io::Error) -> Trouble {
        Trouble::Read(error)
    }
}

fn too_long(limit: u64) -> Fault {
    Fault::new(format!("byte {limit}"), format!("at most {} MiB", limit >> 20), "more content")
}
