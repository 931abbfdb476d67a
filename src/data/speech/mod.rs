//! Sets of spoken words: Speech Commands, the Free Spoken Digit Dataset, folders of the user's own, and the synthetic
//! speech that is embedded in the program.

mod commands;
mod digits;
mod files;
mod folder;
mod noise;
mod resample;
mod synthetic;
mod wav;

#[cfg(test)]
mod tests;

use std::io::Cursor;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::recipe::{DataIdentity, DataSet, DataSettings, Silence};

use super::content::hex;
use super::{
    Clip, Clips, Container, DataCopy, DataError, Descriptor, Fault, Inventory, SpeechSet, Standing, content, subset,
};

use files::{Files, Reading, Recording};

pub(super) use commands::{V1, V2};
pub(super) use digits::DESCRIPTOR as FSDD;
pub(super) use folder::DESCRIPTOR as FOLDER;
pub(super) use synthetic::DESCRIPTOR as SYNTHETIC;

/// A clip as the parser of WAV files gives it: for fuzzing.
pub(super) fn parse(bytes: &[u8]) -> Result<Clip, Fault> {
    wav::read(bytes, wav::Extent::Clip)
}

/// Training and test recordings of an uncompressed tar archive; `path` is for messages.
pub(super) fn parse_archive(settings: &DataSettings, path: &Path, bytes: Vec<u8>) -> Result<(usize, usize), DataError> {
    let files = Files::of_archive(Reading::new(settings, true), path, Box::new(Cursor::new(bytes)))?;
    let (sorted, _) = sorted(settings, files, path)?;
    Ok((sorted.train.len(), sorted.test.len()))
}

/// The recordings of a set by their part in it.
struct Sorted {
    class_names: Vec<String>,
    train: Vec<Labelled>,
    test: Vec<Labelled>,
    noise: Vec<Recording>,
    /// Class of silence among the training clips, and what it holds.
    silence: Option<(u32, Silence)>,
    /// Recordings as published, training and test, without silence; those at hand where nothing was published.
    published: Option<(usize, usize)>,
}

struct Labelled {
    recording: Recording,
    label: u32,
}

/// Clips of silence for each other training clip (official `speech_commands_dataset.py`, `silence_percentage`).
fn silences(train: usize) -> usize {
    (train as f64 * 0.1) as usize
}

impl Sorted {
    /// Training and test clips, those of silence included.
    fn labels(&self) -> [Vec<u32>; 2] {
        let [mut train, test] =
            [&self.train, &self.test].map(|side| side.iter().map(|it| it.label).collect::<Vec<_>>());
        if let Some((label, _)) = self.silence {
            train.resize(train.len() + silences(train.len()), label);
        }
        [train, test]
    }

    fn published_rows(&self) -> (usize, usize) {
        let (train, test) = self.published.unwrap_or((self.train.len(), self.test.len()));
        (train + self.silence.map_or(0, |_| silences(train)), test)
    }

    /// Names the content: sides, classes, names of files and what is in them.
    fn digest(&self) -> String {
        let mut hasher = Sha256::new();
        let mut text = |text: &str| {
            hasher.update((text.len() as u64).to_le_bytes());
            hasher.update(text);
        };
        self.class_names.iter().for_each(|name| text(name));
        for side in [&self.train, &self.test] {
            hasher.update((side.len() as u64).to_le_bytes());
            for Labelled { recording, label } in side {
                hasher.update(label.to_le_bytes());
                hasher.update((recording.name().len() as u64).to_le_bytes());
                hasher.update(recording.name());
                hasher.update(recording.checksum);
            }
        }
        self.noise.iter().for_each(|recording| hasher.update(recording.checksum));
        hex(&hasher.finalize())
    }

    /// # Errors
    /// One side has no recordings.
    fn checked(self, set: DataSet, path: &Path) -> Result<Sorted, DataError> {
        for (name, side) in [("training", &self.train), ("test", &self.test)] {
            if side.is_empty() {
                return Err(Fault::new("inside", format!("{name} recordings"), "none").in_file(set, path));
            }
        }
        Ok(self)
    }

    fn identity(&self, settings: &DataSettings) -> DataIdentity {
        DataIdentity { settings: settings.clone(), digest: self.digest() }
    }

    fn inventory(&self, settings: &DataSettings, skipped: &[DataError]) -> Result<Inventory, DataError> {
        let [train, test] = self.labels();
        let rows = subset::rows(settings.set, settings.subset.as_ref(), self.class_names.len(), &train, &test)?;
        Ok(Inventory { identity: self.identity(settings), rows, warnings: warnings(settings.set, skipped) })
    }

    /// The set, its clips in the order of their paths; silence comes last.
    fn load(self, settings: &DataSettings) -> SpeechSet {
        let identity = self.identity(settings);
        let published_rows = self.published_rows();
        let background = noise::of(&self.noise);
        let clips = |side: Vec<Labelled>| {
            let (clips, labels) = side.into_iter().map(|it| (it.recording.clip, it.label)).unzip();
            Clips { clips, labels }
        };
        let mut train = clips(self.train);
        if let Some((label, silence)) = self.silence {
            let count = silences(train.clips.len());
            train.clips.extend((0..count).map(|at| noise::silence(silence, at, &background)));
            train.labels.resize(train.labels.len() + count, label);
        }
        SpeechSet { identity, class_names: self.class_names, train, test: clips(self.test), background, published_rows }
    }
}

/// Tells of recordings that were skipped.
fn warnings(set: DataSet, skipped: &[DataError]) -> Vec<String> {
    let first = skipped.iter().map(ToString::to_string).min();
    first
        .map(|first| format!("{}: {} recordings skipped; the first: {first}", set.id(), skipped.len()))
        .into_iter()
        .collect()
}

/// The recordings of a set, sorted, and those skipped.
fn read(
    settings: &DataSettings,
    copy: Option<&DataCopy>,
    roots: &[PathBuf],
    sound: bool,
) -> Result<(Sorted, Vec<DataError>), DataError> {
    let set = settings.set;
    let reading = Reading::new(settings, sound);
    let (files, path) = match (set, copy) {
        (DataSet::SyntheticSpeech, _) => synthetic::files(reading)?,
        (DataSet::SpeechFolder, _) => folder::files(reading, settings, roots)?,
        (_, Some(copy)) => (of_copy(reading, copy)?, copy.path.clone()),
        (set, None) => return Err(DataError::UnknownContent { set }),
    };
    sorted(settings, files, &path)
}

/// Sorts the files of a set; `path` is for messages.
fn sorted(settings: &DataSettings, mut files: Files, path: &Path) -> Result<(Sorted, Vec<DataError>), DataError> {
    let set = settings.set;
    let skipped = std::mem::take(&mut files.skipped);
    let sorted = match set {
        DataSet::SpeechCommands | DataSet::SpeechCommandsV2 => commands::sort(files, settings),
        DataSet::Fsdd => digits::sort(files, settings),
        _ => folder::sort(files),
    };
    let sorted = sorted.map_err(|fault| fault.in_file(set, path))?;
    Ok((sorted.checked(set, path)?, skipped))
}

fn of_copy(reading: Reading, copy: &DataCopy) -> Result<Files, DataError> {
    match copy.layout.container {
        Container::Folder => Files::of_folder(reading, &copy.path),
        Container::File | Container::Archive => Files::of_archive(reading, &copy.path, content::open(&copy.path)?),
    }
}

/// Names the content that settings ask for and counts it. Reads every file. `copy` is none for sets that are found in
/// another way.
pub(super) fn inventory(
    settings: &DataSettings,
    copy: Option<&DataCopy>,
    roots: &[PathBuf],
) -> Result<Inventory, DataError> {
    let (sorted, skipped) = read(settings, copy, roots, false)?;
    sorted.inventory(settings, &skipped)
}

/// Loads what settings ask for.
pub(super) fn load(
    settings: &DataSettings,
    copy: Option<&DataCopy>,
    roots: &[PathBuf],
) -> Result<SpeechSet, DataError> {
    let (sorted, _) = read(settings, copy, roots, true)?;
    Ok(sorted.load(settings))
}

/// Reads a copy, every recording of it, and says what it is worth. Only archives have published checksums.
pub(super) fn verify(copy: &DataCopy, descriptor: &Descriptor) -> Result<Standing, DataError> {
    if let (Container::Archive, Some(archive)) = (copy.layout.container, descriptor.download)
        && content::check(descriptor.set, &copy.path, archive)?.is_ok()
    {
        return Ok(Standing::Official);
    }
    let settings = match descriptor.set {
        DataSet::Fsdd => digits::settings(),
        set => commands::settings(set),
    };
    let (sorted, _) = read(&settings, Some(copy), &[], true)?;
    let have = (sorted.train.len(), sorted.test.len());
    Ok(match sorted.published {
        Some(of) if have != of => Standing::Part { have, of },
        _ => Standing::Complete,
    })
}
