//! What can be wrong with a data set.

use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

use crate::recipe::{DataSet, Domain, Part};

use super::descriptor;

/// A data set that cannot be used, and what to do about it.
#[derive(Debug, Error)]
pub enum DataError {
    #[error(
        "data set {id} is missing: no {names} in {places}. To get it, {how}, or name the folder that \
         holds it with --data DIR or REPRO_DATA",
        id = set.id(),
        how = descriptor(*set).how_to_get(),
        names = names.join(" or "),
        places = listed(looked_in)
    )]
    Missing { set: DataSet, names: Vec<String>, looked_in: Vec<PathBuf> },
    #[error(
        "folder of {what} {name} is missing: no {inside} in {}. Name the folder that holds it with --data DIR or REPRO_DATA",
        listed(looked_in)
    )]
    MissingFolder { what: &'static str, name: String, inside: String, looked_in: Vec<PathBuf> },
    /// The content cannot be read as the data set.
    #[error("{}, {place}: expected {expected}, found {found}. {}", path.display(), remedy(*set))]
    Damaged { set: DataSet, path: PathBuf, place: String, expected: String, found: String },
    /// Picture files that cannot be used, the first of them each with what is wrong.
    #[error(
        "{}, {}: expected whole PNGs and JPEGs, found {} that {}:{}\nPut that right, or move them away",
        folder.display(),
        if *of == 1 { "1 picture".to_owned() } else { format!("{of} pictures") },
        faults.len(),
        if faults.len() == 1 { "is not" } else { "are not" },
        first(faults)
    )]
    DamagedPictures { folder: PathBuf, of: usize, faults: Vec<DataError> },
    /// The content reads as the data set, and is not what was published.
    #[error(
        "{}: expected the published content with SHA-256 {expected}, found {found}. {}",
        path.display(),
        remedy(*set)
    )]
    Altered { set: DataSet, path: PathBuf, expected: String, found: String },
    #[error("{}", no_such_part(*set, *part))]
    NoSuchPart { set: DataSet, part: Part },
    /// The content has a name only once its files have been read.
    #[error("which content data set {} has is known only where its files are", set.id())]
    UnknownContent { set: DataSet },
    #[error("data set {}, {setting}: expected {expected}, found {found}", set.id())]
    Setting { set: DataSet, setting: &'static str, expected: String, found: String },
    #[error("data set {} needs the setting data.folder: expected the name of a folder, found nothing", set.id())]
    NoFolder { set: DataSet },
    #[error("data set {} needs the setting data.standardise: expected all-rows or training-rows, found nothing", set.id())]
    Unspecified { set: DataSet },
    #[error("cannot read {}: {source}", path.display())]
    Read { path: PathBuf, source: io::Error },
}

impl DataError {
    pub(super) fn read(path: &Path) -> impl FnOnce(io::Error) -> DataError + use<> {
        let path = path.to_owned();
        move |source| DataError::Read { path, source }
    }
}

fn remedy(set: DataSet) -> String {
    match set {
        DataSet::ImageFolder | DataSet::ImageNet => "Put that right, or move it away".to_owned(),
        DataSet::SpeechFolder => {
            "Put that right, move it away, or have such recordings skipped: set data.speech.damaged to skip".to_owned()
        }
        set if set.domain() == Domain::Speech => format!(
            "Move it away and run `repro data fetch {}`, or have damaged recordings skipped: set data.speech.damaged to skip",
            set.id()
        ),
        set => format!("Move the file away and {}", descriptor(set).how_to_get()),
    }
}

/// A line for each of the first faults, and how many more there are.
fn first(faults: &[DataError]) -> String {
    const SHOWN: usize = 20;
    let line = |fault: &DataError| match fault {
        DataError::Damaged { path, expected, found, .. } => {
            format!("\n  {}: expected {expected}, found {found}", path.display())
        }
        other => format!("\n  {other}"),
    };
    let mut lines: String = faults.iter().take(SHOWN).map(line).collect();
    if faults.len() > SHOWN {
        lines.push_str(&format!("\n  and {} more", faults.len() - SHOWN));
    }
    lines
}

fn no_such_part(set: DataSet, part: Part) -> String {
    let (what, part) = match part {
        Part::Full => ("all of it is embedded in the program", "embedded"),
        Part::Embedded => ("none of it is embedded in the program", "full"),
    };
    format!("data set {}: {what}; set data.part to {part}", set.id())
}

fn listed(places: &[PathBuf]) -> String {
    match places {
        [] => "any folder: there is no --data DIR, no REPRO_DATA and no user cache".to_owned(),
        places => places
            .iter()
            .map(|place| {
                let gone = if place.exists() { "" } else { " (no such folder)" };
                format!("{}{gone}", place.display())
            })
            .collect::<Vec<_>>()
            .join(", "),
    }
}
