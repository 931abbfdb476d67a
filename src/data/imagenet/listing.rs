//! The files of ImageNet: which there are, of which class, and what the content is called.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use rayon::prelude::*;
use sha2::{Digest, Sha256};

use super::is_class;
use crate::data::content::hex;
use crate::data::folder::{entries, is_picture};
use crate::data::picture_store::decode_file;
use crate::data::{DataError, Fault};
use crate::recipe::DataSet;

/// Folders of the training and of the validation pictures; the paper tests on the latter.
pub const TRAIN: &str = "train";
pub const TEST: &str = "val";

/// What must be in a folder of either.
const CLASS_FOLDERS: &str = "folders of pictures that are named as the classes, such as n01440764";

/// The copies that a process has listed so far, each once: over a network it takes minutes.
#[derive(Clone, Debug, Default)]
pub struct Listings(Arc<Mutex<BTreeMap<PathBuf, Arc<Listing>>>>);

/// The pictures of a copy.
#[derive(Debug)]
pub struct Listing {
    /// Of the classes that are there, sorted.
    pub class_names: Vec<String>,
    pub train: Side,
    pub test: Side,
    /// SHA-256, in hex, of the classes, names and sizes of the files: what names the content.
    pub digest: String,
}

/// The pictures of one side of the split, by class and then by name.
#[derive(Debug)]
pub struct Side(Vec<File>);

#[derive(Debug)]
struct File {
    /// `CLASS/FILE`.
    name: Arc<str>,
    label: u32,
    bytes: u64,
}

impl Listings {
    /// The listing of a copy, made if there is none yet.
    ///
    /// # Errors
    /// As [`Listing::new`], and where files are empty: the commonest damage, and the one that sizes show.
    pub fn of(&self, base: &Path) -> Result<Arc<Listing>, DataError> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let listing = match known.get(base) {
            Some(listing) => listing.clone(),
            None => {
                let listing = Arc::new(Listing::new(base)?);
                known.insert(base.to_owned(), listing.clone());
                listing
            }
        };
        let mut faults = Vec::new();
        for (folder, side) in listing.sides() {
            for file in side.0.iter().filter(|file| file.bytes == 0) {
                let path = base.join(folder).join(&*file.name);
                let fault = Fault::new("the picture", "a PNG or JPEG", "an empty file");
                faults.push(fault.in_file(DataSet::ImageNet, &path));
            }
        }
        listing.judged(base, faults)?;
        Ok(listing)
    }
}

impl Listing {
    /// Lists the pictures below a folder, files of no bytes too.
    ///
    /// # Errors
    /// `train` or `val` is missing, holds pictures or archives where folders of classes should be, or a folder that is none
    /// of the 1000 classes; a class has no training pictures or is in `val` alone; a folder cannot be read.
    pub fn new(base: &Path) -> Result<Listing, DataError> {
        let class_names = classes(&base.join(TRAIN))?;
        let tested = classes(&base.join(TEST))?;
        if let Some(name) = tested.iter().find(|name| class_names.binary_search(name).is_err()) {
            let place = base.join(TEST).join(name);
            // An empty folder is at fault itself.
            pictures(&place)?;
            return Err(fault("a class of the same name among the training pictures", "none", &place));
        }
        let train = Side::list(&base.join(TRAIN), &class_names, &class_names)?;
        let test = Side::list(&base.join(TEST), &tested, &class_names)?;
        let digest = digest([&train, &test]);
        Ok(Listing { class_names, train, test, digest })
    }

    /// Decodes every picture, on all threads, and gives the faults of those that cannot be, in the order of the listing.
    pub fn faults(&self, base: &Path) -> Vec<DataError> {
        let of_side = |(folder, side): (&str, &Side)| {
            let fault = |file: &File| decode_file(DataSet::ImageNet, &base.join(folder).join(&*file.name)).err();
            side.0.par_iter().filter_map(fault).collect::<Vec<DataError>>()
        };
        self.sides().into_iter().flat_map(of_side).collect()
    }

    /// Passes if none of the pictures is at fault.
    ///
    /// # Errors
    /// [`DataError::DamagedPictures`] where some are.
    pub fn judged(&self, base: &Path, faults: Vec<DataError>) -> Result<(), DataError> {
        if faults.is_empty() {
            return Ok(());
        }
        Err(DataError::DamagedPictures { folder: base.to_owned(), of: self.train.len() + self.test.len(), faults })
    }

    /// Both sides, with the folders that they are in.
    fn sides(&self) -> [(&'static str, &Side); 2] {
        [(TRAIN, &self.train), (TEST, &self.test)]
    }
}

impl Side {
    fn list(folder: &Path, present: &[String], class_names: &[String]) -> Result<Side, DataError> {
        let of_class = |class: &String| {
            let label = class_names.partition_point(|name| name < class) as u32;
            let named = |(name, bytes)| File { name: format!("{class}/{name}").into(), label, bytes };
            let mut files: Vec<File> = pictures(&folder.join(class))?.into_iter().map(named).collect();
            files.sort_unstable_by(|one, other| one.name.cmp(&other.name));
            Ok(files)
        };
        let files = present.par_iter().map(of_class).collect::<Result<Vec<Vec<File>>, DataError>>()?;
        Ok(Side(files.into_iter().flatten().collect()))
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    pub fn labels(&self) -> Vec<u32> {
        self.0.iter().map(|file| file.label).collect()
    }

    pub fn names(&self) -> Vec<Arc<str>> {
        self.0.iter().map(|file| file.name.clone()).collect()
    }
}

/// Names and sizes of the pictures in the folder of a class, in no order; at least one.
fn pictures(folder: &Path) -> Result<Vec<(String, u64)>, DataError> {
    let mut pictures = Vec::new();
    for file in entries(folder)? {
        if let Some(name) = file.file_name().and_then(|name| name.to_str())
            && is_picture(&file)
        {
            let about = fs::metadata(&file).map_err(DataError::read(&file))?;
            if about.is_file() {
                pictures.push((name.to_owned(), about.len()));
            }
        }
    }
    if pictures.is_empty() {
        return Err(fault("pictures that end in .JPEG, .jpg or .png", "none", folder));
    }
    Ok(pictures)
}

fn digest(sides: [&Side; 2]) -> String {
    let mut hasher = Sha256::new();
    for side in sides {
        hasher.update((side.0.len() as u64).to_le_bytes());
        for file in &side.0 {
            hasher.update((file.name.len() as u64).to_le_bytes());
            hasher.update(file.name.as_bytes());
            hasher.update(file.bytes.to_le_bytes());
        }
    }
    hex(&hasher.finalize())
}

/// Names of the classes below a folder, sorted. Hidden folders do not count.
fn classes(folder: &Path) -> Result<Vec<String>, DataError> {
    if !folder.is_dir() {
        return Err(fault(CLASS_FOLDERS, "no such folder", folder));
    }
    let (folders, others): (Vec<PathBuf>, Vec<PathBuf>) = entries(folder)?.into_iter().partition(|path| path.is_dir());
    let mut names: Vec<String> =
        folders.iter().filter_map(|path| Some(path.file_name()?.to_str()?.to_owned())).collect();
    names.retain(|name| !name.starts_with('.'));
    names.sort_unstable();
    if let Some(name) = names.iter().find(|name| !is_class(name)) {
        return Err(fault("one of the 1000 classes of ILSVRC2012", "another name", &folder.join(name)));
    }
    if names.is_empty() {
        return Err(fault(CLASS_FOLDERS, &instead(&others), folder));
    }
    Ok(names)
}

/// What a folder without classes holds, and the way from there.
fn instead(files: &[PathBuf]) -> String {
    let name = |path: &PathBuf| path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let first = |of: &dyn Fn(&PathBuf) -> bool| files.iter().filter(|path| of(path)).map(name).min();
    let pictures = files.iter().filter(|path| is_picture(path)).count();
    if let Some(first) = first(&|path| is_picture(path)) {
        return format!(
            "{pictures} pictures in no folder, such as {first}: move each into the folder of its class, as the script \
             valprep.sh of the repository soumith/imagenetloader.torch does for val"
        );
    }
    if let Some(first) = first(&|path| path.extension().is_some_and(|ending| ending == "tar")) {
        return format!("archives, such as {first}: extract each into a folder of its name without .tar");
    }
    if files.is_empty() { "an empty folder" } else { "none" }.to_owned()
}

fn fault(expected: &str, found: &str, folder: &Path) -> DataError {
    Fault::new("inside", expected, found).in_file(DataSet::ImageNet, folder)
}
