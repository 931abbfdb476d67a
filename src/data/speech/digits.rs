//! The Free Spoken Digit Dataset: `DIGIT_SPEAKER_TAKE.wav`, at 8,000 Hz.

use crate::data::{Container, Descriptor, Fault, Form, Layout, PublishedFile};
use crate::recipe::{DataSet, DataSettings, Part, Speech, Split};

use super::files::Files;
use super::{Labelled, Sorted};

const NAMES: [&str; 10] = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"];
/// The first takes of each digit by each speaker are test ones: the set's own convention.
const TEST_TAKES: u32 = 5;
/// Speakers whose recordings are all test ones, where the split is by speaker: the last two of six by name.
const TEST_SPEAKERS: [&str; 2] = ["theo", "yweweler"];

/// Six speakers, 50 takes each of ten digits.
const BY_TAKES: (usize, usize) = (2_700, 300);
const BY_SPEAKERS: (usize, usize) = (2_000, 1_000);

/// Release 1.0.9; later recordings came without a published checksum. Size and checksum as in TensorFlow Datasets'
/// `spoken_digit/checksums.tsv`.
static ARCHIVE: PublishedFile = PublishedFile {
    folder: "fsdd",
    name: "free-spoken-digit-dataset-1.0.9.tar.gz",
    bytes: 11_975_353,
    sha256: "8bc44cde129d505cbbb6b365c09f80c663f2aa77578afc634e6141a2f87100c0",
    content: None,
    urls: &["https://github.com/Jakobovski/free-spoken-digit-dataset/archive/v1.0.9.tar.gz"],
};

const RECORDINGS: Layout =
    Layout { form: Form::Wave, container: Container::Folder, paths: &[], train: &["*.wav"], test: &[] };

static LAYOUTS: [Layout; 2] = [
    Layout {
        paths: &[
            "free-spoken-digit-dataset/recordings",
            "fsdd/recordings",
            "free-spoken-digit-dataset-1.0.9/recordings",
            "free-spoken-digit-dataset-master/recordings",
            "recordings",
        ],
        ..RECORDINGS
    },
    Layout {
        container: Container::Archive,
        paths: &[
            "fsdd/free-spoken-digit-dataset-1.0.9.tar.gz",
            "free-spoken-digit-dataset-1.0.9.tar.gz",
            "fsdd.tar.gz",
            "fsdd/fsdd.tar.gz",
        ],
        ..RECORDINGS
    },
];

pub(in crate::data) static DESCRIPTOR: Descriptor = Descriptor::new(
    DataSet::Fsdd,
    Some(BY_TAKES),
    "CC BY-SA 4.0",
    "Jackson, Zohar, and others. Free Spoken Digit Dataset.",
)
.with_layouts(&LAYOUTS)
.with_download(&ARCHIVE);

/// What a copy is verified with.
pub(super) fn settings() -> DataSettings {
    let speech = Speech { words: None, silence: None, split: Some(Split::Takes), damaged: None };
    DataSettings { speech: Some(speech), ..DataSettings::of(DataSet::Fsdd, Part::Full) }
}

/// Sorts recordings by what their names say.
///
/// # Errors
/// Another name, settings that do not say how the set is split.
pub(super) fn sort(files: Files, settings: &DataSettings) -> Result<Sorted, Fault> {
    let split = settings.speech.as_ref().and_then(|speech| speech.split);
    let split = split.ok_or_else(|| Fault::new("data.speech.split", "takes or speakers", "nothing"))?;
    let mut sorted = Sorted {
        class_names: NAMES.map(str::to_owned).to_vec(),
        train: Vec::new(),
        test: Vec::new(),
        noise: Vec::new(),
        silence: None,
        published: Some(if split == Split::Takes { BY_TAKES } else { BY_SPEAKERS }),
    };
    for recording in files.recordings {
        let Some((label, speaker, take)) = parts(recording.name()) else {
            let expected = "names such as 7_jackson_32.wav: digit, speaker, take";
            return Err(Fault::new("inside", expected, recording.name().to_owned()));
        };
        let is_test = match split {
            Split::Takes => take < TEST_TAKES,
            Split::Speakers => TEST_SPEAKERS.contains(&speaker),
        };
        let side = if is_test { &mut sorted.test } else { &mut sorted.train };
        side.push(Labelled { recording, label });
    }
    Ok(sorted)
}

fn parts(name: &str) -> Option<(u32, &str, u32)> {
    let (digit, rest) = name.rsplit_once('.')?.0.split_once('_')?;
    let (speaker, take) = rest.rsplit_once('_')?;
    let digit = digit.parse().ok().filter(|digit| (*digit as usize) < NAMES.len())?;
    Some((digit, speaker, take.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::parts;

    #[test]
    fn names_say_digit_speaker_and_take() {
        assert_eq!(parts("7_jackson_32.wav"), Some((7, "jackson", 32)));
        assert_eq!(parts("0_de_la_cruz_4.WAV"), Some((0, "de_la_cruz", 4)));
        for other in ["10_jackson_1.wav", "7_jackson.wav", "jackson_7_1.wav", "7_jackson_one.wav", "7_jackson_1"] {
            assert_eq!(parts(other), None, "{other}");
        }
    }
}
