//! Where data sets lie on this machine.

use std::path::{Path, PathBuf};

use crate::recipe::{DataIdentity, DataSet, DataSettings, Part};

use super::{DataError, PublishedFile, Set, covtype, descriptor};

/// Folders that data sets are looked for in.
///
/// The folder given on the command line comes first, then the one that the environment variable `REPRO_DATA` names,
/// then the user's cache: `imix-repro/data` in `XDG_CACHE_HOME`, `~/.cache`, or `~/Library/Caches` on macOS. Inside
/// one, a set has the name people already have it under, such as `covtype/covtype.data.gz` or `covtype.data.gz`; a
/// root may also be such a file itself.
#[derive(Clone, Debug)]
pub struct Library {
    roots: Vec<PathBuf>,
}

impl Library {
    /// The library of this process, `data_option` being the value of `--data`.
    pub fn new(data_option: Option<&Path>) -> Library {
        let variable = std::env::var_os("REPRO_DATA").filter(|value| !value.is_empty()).map(PathBuf::from);
        Library::with_roots(data_option.map(Path::to_owned).into_iter().chain(variable).chain(cache()))
    }

    /// A library of these folders, in the order in which they are looked in.
    pub fn with_roots(roots: impl IntoIterator<Item = PathBuf>) -> Library {
        Library { roots: roots.into_iter().collect() }
    }

    /// The folders, in the order in which they are looked in. The first is the one that data is fetched to.
    pub fn roots(&self) -> &[PathBuf] {
        &self.roots
    }

    /// Every copy of a set's file, the one that is used first.
    pub fn copies(&self, file: &PublishedFile) -> Vec<PathBuf> {
        self.roots.iter().flat_map(|root| copies_in(root, file)).collect()
    }

    /// Names the content that settings ask for. Takes less than half a second for the largest tabular set.
    ///
    /// # Errors
    /// The set is missing, is not the published one, or cannot be read by this build.
    pub fn identity(&self, settings: &DataSettings) -> Result<DataIdentity, DataError> {
        match (settings.set, settings.part) {
            (DataSet::Covtype, Part::Embedded) => covtype::identify_embedded(settings),
            (DataSet::Covtype, Part::Full) => covtype::identify(&self.find(settings.set)?, settings),
            (set, _) => Err(not_built(set)),
        }
    }

    /// Names the published content, which is the only one that runs accept, without looking at any copy of it. It tells
    /// where the results of runs on it lie, also on a machine without the data.
    ///
    /// # Errors
    /// The set cannot be read by this build.
    pub fn published(settings: &DataSettings) -> Result<DataIdentity, DataError> {
        match (settings.set, settings.part) {
            (DataSet::Covtype, Part::Embedded) => covtype::identify_embedded(settings),
            (DataSet::Covtype, Part::Full) => covtype::identify_published(settings),
            (set, _) => Err(not_built(set)),
        }
    }

    /// Loads what settings ask for, checked against the published content.
    ///
    /// # Errors
    /// As [`Library::identity`].
    pub fn load(&self, settings: &DataSettings) -> Result<Set, DataError> {
        match (settings.set, settings.part) {
            (DataSet::Covtype, Part::Embedded) => covtype::load_embedded(settings).map(Set::Table),
            (DataSet::Covtype, Part::Full) => covtype::load(&self.find(settings.set)?, settings).map(Set::Table),
            (set, _) => Err(not_built(set)),
        }
    }

    /// Checks one copy of a set against the published content.
    ///
    /// # Errors
    /// [`DataError::Altered`] if it reads as the set and is not what was published, [`DataError::Damaged`] if it does
    /// not read as the set.
    pub fn verify(&self, set: DataSet, copy: &Path) -> Result<(), DataError> {
        match set {
            DataSet::Covtype => covtype::verify(copy),
            other => Err(not_built(other)),
        }
    }

    fn find(&self, set: DataSet) -> Result<PathBuf, DataError> {
        let files = descriptor(set).files()?;
        files.iter().flat_map(|file| self.copies(file)).next().ok_or_else(|| DataError::Missing {
            set,
            names: files.iter().map(|file| format!("{}/{}", file.folder, file.name)).collect(),
            looked_in: self.roots.clone(),
        })
    }
}

fn not_built(set: DataSet) -> DataError {
    DataError::NotBuilt { domain: set.domain() }
}

fn copies_in(root: &Path, file: &PublishedFile) -> Vec<PathBuf> {
    let names_itself = |name: &str| root.file_name().is_some_and(|own| own == name);
    if root.is_file() {
        let is_it = names_itself(file.name) || names_itself(file.plain_name);
        return is_it.then(|| root.to_owned()).into_iter().collect();
    }
    file.candidates().iter().map(|name| root.join(name)).filter(|path| path.is_file()).collect()
}

/// The user's cache of this program, where the platform has one.
fn cache() -> Option<PathBuf> {
    let folder = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let base = if cfg!(target_os = "macos") {
        folder("HOME").map(|home| home.join("Library/Caches"))
    } else if cfg!(windows) {
        folder("LOCALAPPDATA")
    } else {
        // The XDG specification has relative values ignored.
        folder("XDG_CACHE_HOME").or_else(|| folder("HOME").map(|home| home.join(".cache")))
    };
    base.map(|base| base.join("imix-repro").join("data"))
}
