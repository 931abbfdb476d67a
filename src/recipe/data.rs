//! Settings of data, as an experiment file spells them, and what names data by content.

use std::ops::RangeInclusive;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Which data a cell trains and tests on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DataSettings {
    pub set: DataSet,
    pub part: Part,
    /// Rows that the mean and deviation of each continuous input are taken over. Tabular sets only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub standardise: Option<Standardise>,
    /// Training rows that are kept, drawn once and for all as the official `tabular.py` draws them; all if not given.
    /// Higgs only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rows: Option<usize>,
    /// The user's own pictures or recordings. Image and speech folders only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub folder: Option<Folder>,
    /// How pictures of any size become squares of one. ImageNet only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub crop: Option<Crop>,
    /// How spoken words are read. Sets of speech only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub speech: Option<Speech>,
    /// Training items that the pretext run sees; all of them if not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subset: Option<Subset>,
}

impl DataSettings {
    /// A set or its part, whole and as it is.
    pub fn of(set: DataSet, part: Part) -> DataSettings {
        DataSettings { set, part, standardise: None, rows: None, folder: None, crop: None, speech: None, subset: None }
    }
}

/// A folder of pictures, as `train/CLASS/NAME.png` and `test/CLASS/NAME.png` (or `.jpg`), or of recordings, as
/// `train/CLASS/NAME.wav` and `test/CLASS/NAME.wav`, or just `CLASS/NAME.wav`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Folder {
    /// Name of the folder under a folder of data sets.
    pub name: String,
    /// Side in pixels of the square that each picture is brought to: resized so that its shorter side fits, then cut
    /// around the centre. Pictures only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub side: Option<usize>,
}

/// The squares that networks see of pictures of any size (official `main_lincls.py`). Random crops come out of the whole
/// picture; where nothing is random, its shorter side is resized and the centre cut out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Crop {
    /// Side of the square in pixels; 224 as published.
    pub side: usize,
    /// Length of the shorter side in pixels before the centre is cut out, at least `side`; 256 as published.
    pub resize: usize,
}

/// Largest side of the squares that pictures are brought to, and largest shorter side before, in pixels.
pub const LARGEST_SIDE: usize = 1024;

impl Crop {
    /// The first setting out of range: its name, what it is, and what it may be.
    ///
    /// # Errors
    /// That setting.
    pub fn check(self) -> Result<(), (&'static str, usize, RangeInclusive<usize>)> {
        let Crop { side, resize } = self;
        let settings = [("side", side, 1..=LARGEST_SIDE), ("resize", resize, side..=LARGEST_SIDE)];
        settings.into_iter().find(|(_, found, range)| !range.contains(found)).map_or(Ok(()), Err)
    }
}

/// How a set of spoken words is read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Speech {
    /// What the classes are. Speech Commands only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub words: Option<Words>,
    /// What clips of silence hold. Speech Commands by keywords only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub silence: Option<Silence>,
    /// Which recordings are test ones. The Free Spoken Digit Dataset only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub split: Option<Split>,
    /// What becomes of recordings that cannot be read; refused if not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub damaged: Option<Damaged>,
}

/// Classes of Speech Commands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Words {
    /// Ten words, unknown for all others, and silence: 12 classes (official `speech_commands_dataset.py`). One clip of
    /// silence is added to every ten training clips, none to the test ones.
    Keywords,
    /// Each word a class of its own: 30 in v0.01, 35 in v0.02.
    All,
}

/// Clips of silence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Silence {
    /// No sound at all, as in the official code: views mix noise with it every other time.
    Zeros,
    /// A second cut from the background noise at a random place, the same in every trial.
    BackgroundNoise,
}

/// Test recordings of the Free Spoken Digit Dataset.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Split {
    /// Takes 0 to 4 of each digit by each speaker: the set's own convention.
    Takes,
    /// All recordings of two of the six speakers.
    Speakers,
}

/// What becomes of recordings that cannot be read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Damaged {
    /// The run does not start.
    #[default]
    Refuse,
    /// They are left out and counted in a warning.
    Skip,
}

/// A smaller training set: fewer classes, fewer items of each class, or both. Which ones depends on these numbers and
/// the data alone, never on the seed of a trial. Of ImageNet they are those that the official `folder.py` draws.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Subset {
    /// Classes kept, test items of the others left out too; all if not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub classes: Option<usize>,
    /// Share of each kept class's training items, in (0, 1]; at least one item of each.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub share: Option<f64>,
}

/// A data set of the paper.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum DataSet {
    /// UCI Forest CoverType: 581,012 rows of 54 inputs, 7 classes.
    Covtype,
    /// HIGGS of UCI: 11,000,000 rows of 28 inputs, 2 classes.
    Higgs,
    Cifar10,
    Cifar100,
    /// Speech Commands v0.01.
    SpeechCommands,
    /// Speech Commands v0.02.
    SpeechCommandsV2,
    /// The Free Spoken Digit Dataset.
    Fsdd,
    /// Ten words by speech synthesisers: our own, embedded in the program.
    SyntheticSpeech,
    /// The user's own recordings.
    SpeechFolder,
    /// Emoji of two designs in 32 x 32 pixels, by theme: our own, embedded in the program.
    Emoji,
    /// The same pictures by the finer groups of their themes.
    EmojiGroups,
    /// The user's own pictures.
    ImageFolder,
    /// ILSVRC2012: 1,281,167 training and 50,000 validation pictures, 1000 classes.
    #[serde(rename = "imagenet")]
    ImageNet,
}

/// What kind of input a data set holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Domain {
    Tabular,
    Images,
    Speech,
}

impl DataSet {
    /// The parts that there are of the set, at least one.
    pub fn parts(self) -> &'static [Part] {
        match self {
            DataSet::Covtype => &[Part::Full, Part::Embedded],
            DataSet::Emoji | DataSet::EmojiGroups | DataSet::SyntheticSpeech => &[Part::Embedded],
            DataSet::Higgs
            | DataSet::Cifar10
            | DataSet::Cifar100
            | DataSet::SpeechCommands
            | DataSet::SpeechCommandsV2
            | DataSet::Fsdd
            | DataSet::SpeechFolder
            | DataSet::ImageFolder
            | DataSet::ImageNet => &[Part::Full],
        }
    }

    pub fn domain(self) -> Domain {
        match self {
            DataSet::Covtype | DataSet::Higgs => Domain::Tabular,
            DataSet::Cifar10
            | DataSet::Cifar100
            | DataSet::Emoji
            | DataSet::EmojiGroups
            | DataSet::ImageFolder
            | DataSet::ImageNet => Domain::Images,
            DataSet::SpeechCommands
            | DataSet::SpeechCommandsV2
            | DataSet::Fsdd
            | DataSet::SyntheticSpeech
            | DataSet::SpeechFolder => Domain::Speech,
        }
    }

    /// The spelling used in experiment files, on the command line and on disk.
    pub fn id(self) -> &'static str {
        match self {
            DataSet::Covtype => "covtype",
            DataSet::Higgs => "higgs",
            DataSet::Cifar10 => "cifar10",
            DataSet::Cifar100 => "cifar100",
            DataSet::SpeechCommands => "speech-commands",
            DataSet::SpeechCommandsV2 => "speech-commands-v2",
            DataSet::Fsdd => "fsdd",
            DataSet::SyntheticSpeech => "synthetic-speech",
            DataSet::SpeechFolder => "speech-folder",
            DataSet::Emoji => "emoji",
            DataSet::EmojiGroups => "emoji-groups",
            DataSet::ImageFolder => "image-folder",
            DataSet::ImageNet => "imagenet",
        }
    }
}

impl Part {
    /// The spelling used in experiment files.
    pub fn id(self) -> &'static str {
        match self {
            Part::Full => "full",
            Part::Embedded => "embedded",
        }
    }
}

impl std::fmt::Display for Domain {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Domain::Tabular => "tables",
            Domain::Images => "images",
            Domain::Speech => "speech",
        })
    }
}

/// How much of a data set is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Part {
    /// The set as published, from the user's disk.
    Full,
    /// The small part that is embedded in the program. Never comparable with a published number.
    Embedded,
}

/// Rows that standardisation statistics are taken over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Standardise {
    /// Every row of the file, test rows included (official `tabular.py`).
    AllRows,
    /// Training rows only.
    TrainingRows,
}

/// The data of a recipe, by content: never by path.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DataIdentity {
    #[serde(flatten)]
    pub settings: DataSettings,
    /// SHA-256 of the uncompressed content, in hex; of ImageNet, that of the names and sizes of its files.
    pub digest: String,
}
