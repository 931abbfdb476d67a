//! The files of a picture folder: what is there, in which class, and what it is called by content.

use std::fs;
use std::path::{Path, PathBuf};

use rayon::prelude::*;
use sha2::{Digest, Sha256};

use crate::data::content::hex;
use crate::data::pictures::Fingerprint;
use crate::data::{DataError, Fault, members};
use crate::recipe::{DataSet, Folder};

const SET: DataSet = DataSet::ImageFolder;
const ENDINGS: [&str; 3] = ["png", "jpg", "jpeg"];

/// A folder of pictures by class.
pub(super) struct Files {
    pub class_names: Vec<String>,
    pub train: Side,
    pub test: Side,
}

/// The pictures of one side of the split, in the order of their checksums.
pub(super) struct Side {
    pub files: Vec<PictureFile>,
}

pub(super) struct PictureFile {
    pub path: PathBuf,
    pub label: u32,
    /// SHA-256 of label and content.
    checksum: Fingerprint,
}

impl Files {
    /// Finds the folder in the first root that has it, or that is it, and lists its pictures.
    ///
    /// # Errors
    /// No root has it; there are no classes; a class has no training pictures; a class is in `test` alone; there are no test
    /// pictures; a file cannot be read.
    pub fn find(roots: &[PathBuf], folder: &Folder) -> Result<Files, DataError> {
        let is_it = |path: &PathBuf| path.join("train").is_dir();
        let itself = |root: &PathBuf| root.file_name().is_some_and(|name| name == folder.name.as_str());
        let candidates = roots
            .iter()
            .flat_map(|root| itself(root).then(|| root.clone()).into_iter().chain([root.join(&folder.name)]));
        let base = candidates.into_iter().find(is_it).ok_or_else(|| DataError::MissingFolder {
            what: "pictures",
            name: folder.name.clone(),
            inside: format!("{}/train", folder.name),
            looked_in: roots.to_vec(),
        })?;
        let (train, test) = (base.join("train"), base.join("test"));
        let class_names = classes(&train)?;
        if class_names.is_empty() {
            return Err(fault("folders of pictures, one for each class", "none", &train));
        }
        if let Some(name) = classes(&test)?.into_iter().find(|name| !class_names.contains(name)) {
            return Err(fault("a class of the same name among the training pictures", "none", &test.join(name)));
        }
        let files =
            Files { train: Side::list(&train, &class_names)?, test: Side::list(&test, &class_names)?, class_names };
        for (label, name) in files.class_names.iter().enumerate() {
            if !files.train.files.iter().any(|file| file.label as usize == label) {
                return Err(fault("pictures that end in .png, .jpg or .jpeg", "none", &train.join(name)));
            }
        }
        if files.test.files.is_empty() {
            return Err(fault("folders of test pictures, named as the classes", "none", &test));
        }
        Ok(files)
    }

    /// Names classes and pictures by content.
    pub fn digest(&self) -> String {
        let mut hasher = Sha256::new();
        for name in &self.class_names {
            hasher.update((name.len() as u64).to_le_bytes());
            hasher.update(name);
        }
        for side in [&self.train, &self.test] {
            hasher.update((side.files.len() as u64).to_le_bytes());
            side.files.iter().for_each(|file| hasher.update(file.checksum));
        }
        hex(&hasher.finalize())
    }
}

impl Side {
    fn list(folder: &Path, class_names: &[String]) -> Result<Side, DataError> {
        let mut listed = Vec::new();
        for (label, name) in class_names.iter().enumerate() {
            let class = folder.join(name);
            if class.is_dir() {
                let paths = entries(&class)?.into_iter().filter(|path| path.is_file() && is_picture(path));
                listed.extend(paths.map(|path| (path, label as u32)));
            }
        }
        let read = |(path, label): (PathBuf, u32)| {
            let hasher = Sha256::new().chain_update(label.to_le_bytes());
            let checksum = hasher.chain_update(members::whole(SET, &path)?).finalize().into();
            Ok(PictureFile { path, label, checksum })
        };
        let mut files = listed.into_par_iter().map(read).collect::<Result<Vec<PictureFile>, DataError>>()?;
        files.sort_unstable_by_key(|file| file.checksum);
        Ok(Side { files })
    }

    pub fn labels(&self) -> Vec<u32> {
        self.files.iter().map(|file| file.label).collect()
    }
}

/// Names of the classes, sorted; none if there is no such folder. Hidden folders do not count.
fn classes(folder: &Path) -> Result<Vec<String>, DataError> {
    if !folder.is_dir() {
        return Ok(Vec::new());
    }
    let folders = entries(folder)?.into_iter().filter(|path| path.is_dir());
    let mut names: Vec<String> = folders
        .filter_map(|path| Some(path.file_name()?.to_str()?.to_owned()))
        .filter(|name| !name.starts_with('.'))
        .collect();
    names.sort_unstable();
    Ok(names)
}

/// What is in a folder, in no order.
pub(in crate::data) fn entries(folder: &Path) -> Result<Vec<PathBuf>, DataError> {
    let entries = fs::read_dir(folder).map_err(DataError::read(folder))?;
    entries.map(|entry| entry.map(|entry| entry.path()).map_err(DataError::read(folder))).collect()
}

/// Whether a file's name is that of a picture. Hidden files are none.
pub(in crate::data) fn is_picture(path: &Path) -> bool {
    let hidden = path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
    let ending = path.extension().and_then(|ending| ending.to_str()).map(str::to_ascii_lowercase);
    !hidden && ending.is_some_and(|ending| ENDINGS.contains(&ending.as_str()))
}

fn fault(expected: &str, found: &str, folder: &Path) -> DataError {
    Fault::new("inside", expected, found).in_file(SET, folder)
}
