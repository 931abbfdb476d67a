//! Experiment files before they are read.

use std::borrow::Cow;
use std::path::{Path, PathBuf};

use super::builtin;
use super::error::{ExperimentError, nearest};

/// Where an experiment file comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Part of the program.
    Embedded,
    File(PathBuf),
}

impl std::fmt::Display for Origin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Origin::Embedded => f.write_str("embedded"),
            Origin::File(path) => path.display().fmt(f),
        }
    }
}

/// The content of an experiment file.
#[derive(Clone, Debug)]
pub struct Source<'a> {
    /// How messages call it.
    pub name: String,
    pub bytes: Cow<'a, [u8]>,
    pub origin: Origin,
}

impl Source<'static> {
    /// The embedded experiment with this id, or the file at this path.
    pub fn find(id_or_path: &str) -> Result<Source<'static>, ExperimentError> {
        if let Some((id, text)) = builtin::FILES.iter().find(|(id, _)| *id == id_or_path) {
            let name = format!("experiments/{id}.json");
            return Ok(Source { name, bytes: text.as_bytes().into(), origin: Origin::Embedded });
        }
        let path = Path::new(id_or_path);
        if !path.exists() && !id_or_path.contains(['/', '\\']) && !id_or_path.ends_with(".json") {
            let file = format!("{id_or_path}.json");
            let file = Path::new(&file).exists().then_some(file);
            let known: Vec<String> = builtin::FILES.iter().map(|(id, _)| (*id).to_owned()).collect();
            return Err(ExperimentError::NoSuchExperiment {
                name: id_or_path.to_owned(),
                nearest: file.or_else(|| nearest(id_or_path, known.iter().map(String::as_str))),
                known,
            });
        }
        let bytes = std::fs::read(path).map_err(|reason| ExperimentError::Read { path: path.to_owned(), reason })?;
        Ok(Source { name: id_or_path.to_owned(), bytes: bytes.into(), origin: Origin::File(path.to_owned()) })
    }

    /// Every embedded experiment, in the order of the paper.
    pub fn embedded() -> impl Iterator<Item = &'static str> {
        builtin::FILES.iter().map(|(id, _)| *id)
    }
}
