//! Folders of the user's own recordings: `NAME/train/CLASS/*.wav` and `NAME/test/CLASS/*.wav`, or `NAME/CLASS/*.wav`.

use std::collections::BTreeSet;
use std::path::PathBuf;

use crate::data::folder::plain_name;
use crate::data::{DataError, Descriptor, Fault};
use crate::recipe::{DataSet, DataSettings};

use super::files::{Files, NOISE, Reading, Recording};
use super::{Labelled, Sorted};

/// Where the split is not given, one in this many recordings of a class is a test one.
const TEST_SHARE: usize = 5;

pub(in crate::data) static DESCRIPTOR: Descriptor =
    Descriptor::new(DataSet::SpeechFolder, None, "that of the recordings", "Whoever made the recordings.");

/// Finds the folder that settings name in the first root that has it, or that is it, and reads it.
///
/// # Errors
/// No root has it, its name is no plain name, a file cannot be read or is damaged.
pub(super) fn files(
    reading: Reading,
    settings: &DataSettings,
    roots: &[PathBuf],
) -> Result<(Files, PathBuf), DataError> {
    let set = settings.set;
    let name = plain_name(set, settings.folder.as_ref().ok_or(DataError::NoFolder { set })?)?;
    let itself = |root: &&PathBuf| root.file_name().is_some_and(|own| own == name);
    let candidates =
        roots.iter().flat_map(|root| Some(root).filter(itself).cloned().into_iter().chain([root.join(name)]));
    let path = candidates.into_iter().find(|path| path.is_dir()).ok_or_else(|| DataError::MissingFolder {
        what: "recordings",
        name: name.to_owned(),
        inside: name.to_owned(),
        looked_in: roots.to_vec(),
    })?;
    Ok((Files::of_folder(reading, &path)?, path))
}

/// Sorts recordings by folder: classes are those of the training recordings, in the order of their names.
///
/// Without folders named `train` and `test`, a `testing_list.txt` tells the test recordings, as in Speech Commands;
/// without that, every fifth recording of each class in the order of checksums is one.
///
/// # Errors
/// No classes, a class with test recordings alone.
pub(super) fn sort(mut files: Files) -> Result<Sorted, Fault> {
    let is_noise = |recording: &mut Recording| recording.path.iter().any(|folder| folder == NOISE);
    let noise = files.recordings.extract_if(.., is_noise).collect();
    files.recordings.retain(|recording| recording.folder().is_some());
    let split = files.recordings.iter().any(|recording| recording.path.len() > 2 && recording.path[0] == "train");
    let (train, test) = if split { by_folder(files)? } else { by_list(files) };
    let names: BTreeSet<&str> = train.iter().filter_map(Recording::folder).collect();
    let class_names: Vec<String> = names.into_iter().map(str::to_owned).collect();
    if class_names.is_empty() {
        return Err(Fault::new("inside", "folders of recordings that end in .wav, one for each class", "none"));
    }
    let labelled = |recording: Recording| {
        let class = recording.folder().unwrap_or_default();
        match class_names.iter().position(|name| name == class) {
            Some(label) => Ok(Labelled { recording, label: label as u32 }),
            None => Err(Fault::new(format!("test class {class}"), "a training class of the same name", "none")),
        }
    };
    let train = train.into_iter().map(labelled).collect::<Result<_, _>>()?;
    let test = test.into_iter().map(labelled).collect::<Result<_, _>>()?;
    Ok(Sorted { class_names, train, test, noise, silence: None, published: None })
}

type Sides = (Vec<Recording>, Vec<Recording>);

fn by_folder(files: Files) -> Result<Sides, Fault> {
    let (mut train, mut test) = (Vec::new(), Vec::new());
    for recording in files.recordings {
        match (recording.path.len() > 2).then(|| recording.path[0].as_str()) {
            Some("train") => train.push(recording),
            Some("test") => test.push(recording),
            _ => {}
        }
    }
    Ok((train, test))
}

fn by_list(mut files: Files) -> Sides {
    if let Some(list) = files.lists.get("testing_list.txt") {
        let named: BTreeSet<&str> = list.lines().map(str::trim).collect();
        let is_test = |recording: &Recording| named.contains(recording.path.join("/").as_str());
        let (test, train) = files.recordings.into_iter().partition(is_test);
        return (train, test);
    }
    files.recordings.sort_by(|a, b| (a.folder(), a.checksum).cmp(&(b.folder(), b.checksum)));
    let (mut train, mut test) = (Vec::new(), Vec::new());
    let mut before: Option<(String, usize)> = None;
    for recording in files.recordings {
        let class = recording.folder().unwrap_or_default().to_owned();
        let place = before.take().filter(|(last, _)| *last == class).map_or(0, |(_, place)| place + 1);
        let side = if place % TEST_SHARE == TEST_SHARE - 1 { &mut test } else { &mut train };
        side.push(recording);
        before = Some((class, place));
    }
    (train, test)
}
