//! Speech Commands v0.01 and v0.02.

use std::collections::BTreeSet;

use crate::data::{Container, Descriptor, Fault, Form, Layout, PublishedFile};
use crate::recipe::{DataSet, DataSettings, Part, Speech, Words};

use super::files::{Files, NOISE, Recording};
use super::{Labelled, Sorted};

/// Classes by keywords, in the order of the official `speech_commands_dataset.py`. Every other word is unknown.
const BY_KEYWORD: [&str; 12] =
    ["unknown", "silence", "yes", "no", "up", "down", "left", "right", "on", "off", "stop", "go"];
const UNKNOWN: u32 = 0;
const SILENCE: u32 = 1;

/// The words of v0.01, in alphabetical order.
const WORDS_V1: [&str; 30] = [
    "bed", "bird", "cat", "dog", "down", "eight", "five", "four", "go", "happy", "house", "left", "marvin", "nine",
    "no", "off", "on", "one", "right", "seven", "sheila", "six", "stop", "three", "tree", "two", "up", "wow", "yes",
    "zero",
];
/// The words of v0.02, in alphabetical order.
const WORDS_V2: [&str; 35] = [
    "backward", "bed", "bird", "cat", "dog", "down", "eight", "five", "follow", "forward", "four", "go", "happy",
    "house", "learn", "left", "marvin", "nine", "no", "off", "on", "one", "right", "seven", "sheila", "six", "stop",
    "three", "tree", "two", "up", "visual", "wow", "yes", "zero",
];

/// Recordings outside the validation list, and in the testing list.
const PUBLISHED_V1: (usize, usize) = (51_088, 6_835);
const PUBLISHED_V2: (usize, usize) = (84_843, 11_005);

const LICENCE: &str = "CC BY 4.0";
const ATTRIBUTION: &str =
    "Warden, Pete (2018). Speech Commands: A Dataset for Limited-Vocabulary Speech Recognition. arXiv 1804.03209.";

/// Checksum as in torchaudio's `speechcommands.py`, size as the server states it.
static ARCHIVE_V1: PublishedFile = PublishedFile {
    folder: "speech-commands",
    name: "speech_commands_v0.01.tar.gz",
    bytes: 1_489_096_277,
    sha256: "743935421bb51cccdb6bdd152e04c5c70274e935c82119ad7faeec31780d811d",
    content: None,
    urls: &[
        "https://storage.googleapis.com/download.tensorflow.org/data/speech_commands_v0.01.tar.gz",
        "http://download.tensorflow.org/data/speech_commands_v0.01.tar.gz",
    ],
};

/// Checksum and size as in TensorFlow Datasets' `speech_commands.txt`.
static ARCHIVE_V2: PublishedFile = PublishedFile {
    folder: "speech-commands",
    name: "speech_commands_v0.02.tar.gz",
    bytes: 2_428_923_189,
    sha256: "af14739ee7dc311471de98f5f9d2c9191b18aedfe957f4a6ff791c709868ff58",
    content: None,
    urls: &[
        "https://storage.googleapis.com/download.tensorflow.org/data/speech_commands_v0.02.tar.gz",
        "http://download.tensorflow.org/data/speech_commands_v0.02.tar.gz",
    ],
};

const FOLDER: Layout =
    Layout { form: Form::Wave, container: Container::Folder, paths: &[], train: &["train", "yes", "no"], test: &[] };
const ARCHIVE: Layout = Layout { container: Container::Archive, ..FOLDER };

static LAYOUTS_V1: [Layout; 2] = [
    Layout {
        paths: &[
            "speech_commands_v0.01",
            "SpeechCommands/speech_commands_v0.01",
            "speech-commands/speech_commands_v0.01",
            "speech_commands",
        ],
        ..FOLDER
    },
    Layout { paths: &["speech-commands/speech_commands_v0.01.tar.gz", "speech_commands_v0.01.tar.gz"], ..ARCHIVE },
];

static LAYOUTS_V2: [Layout; 2] = [
    Layout {
        paths: &[
            "speech_commands_v0.02",
            "SpeechCommands/speech_commands_v0.02",
            "speech-commands/speech_commands_v0.02",
        ],
        ..FOLDER
    },
    Layout { paths: &["speech-commands/speech_commands_v0.02.tar.gz", "speech_commands_v0.02.tar.gz"], ..ARCHIVE },
];

/// Rows by keywords, silence included.
const fn with_silence((train, test): (usize, usize)) -> Option<(usize, usize)> {
    Some((train + train / 10, test))
}

pub(in crate::data) static V1: Descriptor =
    Descriptor::new(DataSet::SpeechCommands, with_silence(PUBLISHED_V1), LICENCE, ATTRIBUTION)
        .with_layouts(&LAYOUTS_V1)
        .with_download(&ARCHIVE_V1);

pub(in crate::data) static V2: Descriptor =
    Descriptor::new(DataSet::SpeechCommandsV2, with_silence(PUBLISHED_V2), LICENCE, ATTRIBUTION)
        .with_layouts(&LAYOUTS_V2)
        .with_download(&ARCHIVE_V2);

/// What a copy is verified with: the words as they are.
pub(super) fn settings(set: DataSet) -> DataSettings {
    let speech = Speech { words: Some(Words::All), silence: None, split: None, damaged: None };
    DataSettings { speech: Some(speech), ..DataSettings::of(set, Part::Full) }
}

/// Where a recording belongs.
enum Side {
    Train,
    Test,
    /// Split off and never used, as in the official code.
    Validation,
}

/// Sorts recordings by the published lists; in the layout of the official `split_dataset.py`, which moved them by the
/// same lists, by the folders `train`, `valid` and `test`.
///
/// # Errors
/// A list that is not there, a folder that is no word of this version, settings that do not say what the classes are.
pub(super) fn sort(files: Files, settings: &DataSettings) -> Result<Sorted, Fault> {
    let setting = |name: &str| Fault::new(format!("data.speech.{name}"), "a value", "nothing");
    let speech = settings.speech.as_ref().ok_or_else(|| setting("words"))?;
    let words = speech.words.ok_or_else(|| setting("words"))?;
    let (known, published): (&[&str], _) = match settings.set {
        DataSet::SpeechCommandsV2 => (&WORDS_V2, PUBLISHED_V2),
        _ => (&WORDS_V1, PUBLISHED_V1),
    };
    let (class_names, silence): (&[&str], _) = match words {
        Words::Keywords => (&BY_KEYWORD, Some((SILENCE, speech.silence.ok_or_else(|| setting("silence"))?))),
        Words::All => (known, None),
    };
    let label = |word: &str| {
        let place = class_names.iter().position(|name| *name == word);
        match words {
            Words::Keywords => place.map_or(UNKNOWN, |place| place as u32),
            // Checked to be among the known words.
            Words::All => place.unwrap_or_default() as u32,
        }
    };
    let lists = Lists::of(&files)?;
    let mut sorted = Sorted {
        class_names: class_names.iter().map(|name| name.to_string()).collect(),
        train: Vec::new(),
        test: Vec::new(),
        noise: Vec::new(),
        silence,
        published: Some(published),
    };
    for recording in files.recordings {
        let Some(word) = recording.folder().map(str::to_owned) else { continue };
        if word == NOISE {
            sorted.noise.push(recording);
            continue;
        }
        if !known.contains(&word.as_str()) {
            let expected = format!("a word of {}, such as {}", settings.set.id(), known[0]);
            return Err(Fault::new(format!("folder {word}"), expected, "another"));
        }
        let labelled = |recording| Labelled { recording, label: label(&word) };
        match lists.side(&recording, &word) {
            Side::Train => sorted.train.push(labelled(recording)),
            Side::Test => sorted.test.push(labelled(recording)),
            Side::Validation => {}
        }
    }
    Ok(sorted)
}

enum Lists {
    /// Paths as the lists have them, `word/name.wav`.
    Named { test: BTreeSet<String>, validation: BTreeSet<String> },
    /// By folder.
    Moved,
}

impl Lists {
    fn of(files: &Files) -> Result<Lists, Fault> {
        let moved = |recording: &Recording| recording.path.len() > 2 && recording.path[0] == "test";
        if files.recordings.iter().any(moved) {
            return Ok(Lists::Moved);
        }
        let list = |name: &str| match files.lists.get(name) {
            Some(text) => Ok(text.lines().map(|line| line.trim().to_owned()).collect()),
            None => Err(Fault::new("inside", format!("{name}, or folders named train and test"), "neither")),
        };
        Ok(Lists::Named { test: list("testing_list.txt")?, validation: list("validation_list.txt")? })
    }

    fn side(&self, recording: &Recording, word: &str) -> Side {
        match self {
            Lists::Moved => match recording.path[0].as_str() {
                "train" => Side::Train,
                "test" => Side::Test,
                _ => Side::Validation,
            },
            Lists::Named { test, validation } => {
                let path = format!("{word}/{}", recording.name());
                if test.contains(&path) {
                    Side::Test
                } else if validation.contains(&path) {
                    Side::Validation
                } else {
                    Side::Train
                }
            }
        }
    }
}
