//! The files of a set in a folder or an archive, read into memory one by one.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Component, Path};

use crate::recipe::DataSet;

use super::layout::Side;
use super::ration::Ration;
use super::{Container, DataCopy, DataError, Fault, content};

/// Uncompressed bytes read of one file or archive: more than twice what any set holds, and little enough for any memory.
const LIMIT: u64 = 512 << 20;
/// Uncompressed bytes of an archive for each of its own, where that is more than [`FREE`]. Pictures and sound stay below two.
const EXPANSION: u64 = 100;
const FREE: u64 = 64 << 20;
/// Entries of an archive: more than twice those of the largest set.
const ENTRIES: usize = 250_000;
/// Bytes that an archive may have about an entry beside its content: long names and the like.
const ABOUT: u64 = 1 << 20;

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
        Container::File | Container::Archive => each_archived(set, copy, content::open(&copy.path)?, take),
    }
}

/// [`each`] of an archive's uncompressed content. The copy's path is for messages.
pub(super) fn each_archived(
    set: DataSet,
    copy: &DataCopy,
    content: impl Read,
    mut take: impl FnMut(Side, Vec<u8>) -> Result<(), Fault>,
) -> Result<(), DataError> {
    let side = |path: &Path| copy.layout.side(path.file_name()?.to_str()?);
    archived(set, &copy.path, content, LIMIT, side, |side, name, bytes| {
        take(side, bytes).map_err(|fault| fault.inside(name).in_file(set, &copy.path))
    })
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
/// The archive is read in memory and nothing in it can reach the disk; all the same no set has links, devices, or paths that
/// lead out of it, and an archive that has them is refused. `content` is uncompressed, and of it at most `limit` bytes are
/// read, or [`EXPANSION`] times those of the file at `path`, if there is one.
pub(super) fn archived<T>(
    set: DataSet,
    path: &Path,
    content: impl Read,
    limit: u64,
    mut choose: impl FnMut(&Path) -> Option<T>,
    mut take: impl FnMut(T, &str, Vec<u8>) -> Result<(), DataError>,
) -> Result<(), DataError> {
    let expanded = fs::metadata(path).map_or(u64::MAX, |file| FREE.max(file.len().saturating_mul(EXPANSION)));
    let ration = Ration::new(ABOUT);
    let mut archive = tar::Archive::new(ration.of(content.take(limit.min(expanded))));
    let outcome = (|| -> Result<(), Trouble> {
        for (index, entry) in archive.entries()?.enumerate() {
            let mut entry = entry?;
            // What is left of it is passed over on the way to the next.
            ration.set(entry.size().saturating_add(ABOUT));
            let name = entry.path()?.into_owned();
            if index == ENTRIES {
                return Err(Fault::new("inside", format!("at most {ENTRIES} entries"), "more")
                    .in_file(set, path)
                    .into());
            }
            if let Some(found) = foreign(&name, entry.header().entry_type()) {
                let place = format!("entry {}", shown(&name));
                return Err(Fault::new(place, "files and folders of the archive's own", found)
                    .in_file(set, path)
                    .into());
            }
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
    if archive.into_inner().into_inner().limit() == 0 {
        let fault = if expanded < limit { expands(expanded) } else { too_long(limit) };
        return Err(fault.in_file(set, path));
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

/// What no archive of a data set has an entry for.
fn foreign(name: &Path, kind: tar::EntryType) -> Option<&'static str> {
    for part in name.components() {
        match part {
            Component::ParentDir => return Some("a path with `..`"),
            Component::RootDir | Component::Prefix(_) => return Some("an absolute path"),
            Component::CurDir | Component::Normal(_) => {}
        }
    }
    match kind {
        tar::EntryType::Regular | tar::EntryType::Directory | tar::EntryType::XGlobalHeader => None,
        tar::EntryType::Symlink | tar::EntryType::Link => Some("a link"),
        _ => Some("a device, a pipe or another special file"),
    }
}

/// A name of any length and content, for a message of one line.
fn shown(name: &Path) -> String {
    const LONGEST: usize = 80;
    let name = name.to_string_lossy();
    let start: String = name.chars().take(LONGEST).flat_map(char::escape_debug).collect();
    if name.chars().nth(LONGEST).is_some() { format!("`{start}...`") } else { format!("`{start}`") }
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

fn expands(limit: u64) -> Fault {
    let expected = format!("at most {EXPANSION} times the bytes of the archive, or {} MiB", FREE >> 20);
    Fault::new(format!("byte {limit} of the uncompressed content"), expected, "more content")
}
