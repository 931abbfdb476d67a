//! The recordings of a folder or an archive, and the lists beside them.

use std::collections::BTreeMap;
use std::fs;
use std::io::Read;
use std::path::Path;

use rayon::prelude::*;
use sha2::{Digest, Sha256};

use crate::data::pictures::Fingerprint;
use crate::data::{Clip, DataError, Fault, members};
use crate::recipe::{Damaged, DataSet, DataSettings};

use super::wav::{self, Extent};

/// Folder of recordings of noise.
pub(super) const NOISE: &str = "_background_noise_";
/// A set's folder holds folders of words, at most inside a folder of one side of the split.
const DEPTH: usize = 3;
/// Uncompressed bytes of an archive: more than twice those of Speech Commands v0.02.
const LIMIT: u64 = 10 << 30;

/// How recordings are read.
#[derive(Clone, Copy)]
pub(super) struct Reading {
    pub set: DataSet,
    /// Whether the sound is wanted, or only what the files are.
    pub sound: bool,
    pub damaged: Damaged,
}

/// A recording.
pub(super) struct Recording {
    /// Names of the folders it is in, and its own, under the folder of the set.
    pub path: Vec<String>,
    /// SHA-256 of the file.
    pub checksum: Fingerprint,
    /// Empty where the sound was not asked for.
    pub clip: Clip,
}

impl Recording {
    pub fn name(&self) -> &str {
        self.path.last().map_or("", String::as_str)
    }

    /// The folder it is in; none for one beside the folders.
    pub fn folder(&self) -> Option<&str> {
        self.path.len().checked_sub(2).map(|at| self.path[at].as_str())
    }
}

/// What there is of a set.
#[derive(Default)]
pub(super) struct Files {
    /// In the order of their paths.
    pub recordings: Vec<Recording>,
    /// Text files by name.
    pub lists: BTreeMap<String, String>,
    /// Why each recording that was skipped could not be read.
    pub skipped: Vec<DataError>,
}

enum File {
    Recording(Recording),
    List(String, String),
    Skipped(DataError),
}

impl Files {
    fn collect(files: impl IntoIterator<Item = File>) -> Files {
        let mut all = Files::default();
        for file in files {
            match file {
                File::Recording(recording) => all.recordings.push(recording),
                File::List(name, text) => drop(all.lists.insert(name, text)),
                File::Skipped(error) => all.skipped.push(error),
            }
        }
        all.recordings.sort_unstable_by(|a, b| a.path.cmp(&b.path));
        all
    }

    /// Reads a folder.
    ///
    /// # Errors
    /// A file that cannot be read or, unless it may be skipped, is damaged.
    pub fn of_folder(reading: Reading, folder: &Path) -> Result<Files, DataError> {
        let mut paths = Vec::new();
        list(folder, &mut Vec::new(), &mut paths)?;
        let read = |path: Vec<String>| {
            let file = path.iter().fold(folder.to_owned(), |folder, name| folder.join(name));
            reading.file(path, members::whole(reading.set, &file)?, |fault| fault.in_file(reading.set, &file))
        };
        Ok(Files::collect(paths.into_par_iter().map(read).collect::<Result<Vec<File>, _>>()?))
    }

    /// Reads an archive; `path` is for messages.
    ///
    /// # Errors
    /// As [`Files::of_folder`].
    pub fn of_archive(reading: Reading, path: &Path, content: Box<dyn Read>) -> Result<Files, DataError> {
        let mut files = Vec::new();
        let wanted = |member: &Path| {
            let names: Option<Vec<String>> = member
                .components()
                .filter(|part| *part != std::path::Component::CurDir)
                .map(|part| part.as_os_str().to_str().map(str::to_owned))
                .collect();
            names.filter(|names| is_wanted(names))
        };
        members::archived(reading.set, path, content, LIMIT, wanted, |names, _, bytes| {
            let member = names.join("/");
            files.push(reading.file(names, bytes, |fault| fault.inside(&member).in_file(reading.set, path))?);
            Ok(())
        })?;
        Ok(Files::collect(files))
    }
}

impl Reading {
    pub fn new(settings: &DataSettings, sound: bool) -> Reading {
        let damaged = settings.speech.as_ref().and_then(|speech| speech.damaged).unwrap_or_default();
        Reading { set: settings.set, sound, damaged }
    }

    fn file(
        self,
        path: Vec<String>,
        bytes: Vec<u8>,
        located: impl FnOnce(Fault) -> DataError,
    ) -> Result<File, DataError> {
        let name = path.last().cloned().unwrap_or_default();
        if is_list(&name) {
            let text = String::from_utf8(bytes);
            return text
                .map(|text| File::List(name, text))
                .map_err(|_| located(Fault::new("the list", "names of files, one a line", "bytes that are no text")));
        }
        let noise = path.iter().any(|folder| folder == NOISE);
        // Read in any case: a run had better not start on damaged files.
        let clip = match wav::read(&bytes, if noise { Extent::All } else { Extent::Clip }) {
            Ok(clip) if self.sound => clip,
            Ok(_) => Clip::Float(Box::default()),
            Err(fault) if self.damaged == Damaged::Skip => return Ok(File::Skipped(located(fault))),
            Err(fault) => return Err(located(fault)),
        };
        Ok(File::Recording(Recording { path, checksum: Sha256::digest(&bytes).into(), clip }))
    }
}

/// Paths of what belongs to a set, under a folder; hidden files and folders do not.
fn list(folder: &Path, above: &mut Vec<String>, found: &mut Vec<Vec<String>>) -> Result<(), DataError> {
    for entry in fs::read_dir(folder).map_err(DataError::read(folder))? {
        let entry = entry.map_err(DataError::read(folder))?;
        let Ok(name) = entry.file_name().into_string() else { continue };
        above.push(name);
        let path = entry.path();
        if path.is_dir() {
            if above.len() < DEPTH && !above.last().is_some_and(|name| name.starts_with('.')) {
                list(&path, above, found)?;
            }
        } else if is_wanted(above) {
            found.push(above.clone());
        }
        above.pop();
    }
    Ok(())
}

fn is_wanted(path: &[String]) -> bool {
    let Some(name) = path.last() else { return false };
    let is_sound = name.len() > 4 && name.to_ascii_lowercase().ends_with(".wav");
    !path.iter().any(|name| name.starts_with('.')) && (is_sound || is_list(name))
}

fn is_list(name: &str) -> bool {
    matches!(name, "testing_list.txt" | "validation_list.txt")
}
