//! Settings of data, views, network and evaluation, as an experiment file spells them.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Pretext, Schedule};

/// Everything a cell is made of, once scale and axes are applied.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    pub data: DataSettings,
    pub views: Views,
    pub network: Network,
    pub pretext: Pretext,
    pub evaluation: Evaluation,
}

/// Which data a cell trains and tests on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DataSettings {
    pub set: DataSet,
    pub part: Part,
    /// Rows that the mean and deviation of each continuous input are taken over. Tabular sets only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub standardise: Option<Standardise>,
    /// The user's own pictures or recordings. Image and speech folders only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub folder: Option<Folder>,
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
        DataSettings { set, part, standardise: None, folder: None, speech: None, subset: None }
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
/// the data alone, never on the seed of a trial.
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
}

/// What kind of input a data set holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Domain {
    Tabular,
    Images,
    Speech,
}

impl DataSet {
    pub fn domain(self) -> Domain {
        match self {
            DataSet::Covtype => Domain::Tabular,
            DataSet::Cifar10 | DataSet::Cifar100 | DataSet::Emoji | DataSet::EmojiGroups | DataSet::ImageFolder => {
                Domain::Images
            }
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

/// How the two views of an item are drawn.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Views {
    /// Masking noise: each continuous input is set to zero with probability `mask`, drawn for each view on its own,
    /// after standardisation and without rescaling (official `main_pretext.py`, `--inputdrop`).
    Tabular {
        /// In [0, 1). At 0 both views are the input itself.
        mask: f64,
    },
    /// SimCLR's augmentations for CIFAR: random resized crop, colour jitter, greyscale, flip.
    Image {
        /// Smallest share of the area that a random resized crop keeps.
        crop_scale: f64,
        /// Brightness, contrast, saturation and hue strengths.
        jitter: [f64; 4],
        jitter_probability: f64,
        greyscale_probability: f64,
        flip_probability: f64,
        blur_probability: f64,
    },
    /// Waveform and STFT augmentations of the official speech code, each applied with `probability`.
    Speech { probability: f64 },
    /// Both views are the input itself.
    Identity,
}

/// How training pictures are drawn where labels are known: at a random place, flipped left to right every other time
/// (official `main_lincls.py`).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum LightViews {
    /// The picture's own size, cut out of it with a border of zeros.
    PaddedCrop {
        /// Width of the border in pixels.
        padding: usize,
    },
    /// A random part brought back to the picture's size.
    ResizedCrop {
        /// Smallest share of the area that the part keeps.
        crop_scale: f64,
    },
}

/// The encoder, without its projection head.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Network {
    /// Five-layer MLP: one linear layer of 64 units for each block of inputs, then `32w, 32w, 64w, 64w` with BatchNorm
    /// and ReLU, then a linear layer of `128w` and max-out over 4 (official `models/mlp.py`).
    Mlp {
        /// `w`; 64 as published, which gives 2048 features.
        width: usize,
    },
    /// ResNet with features after global average pooling.
    Resnet {
        depth: usize,
        /// Channels of the first stage; 64 as published.
        width: usize,
        stem: Stem,
        input_channels: usize,
    },
}

/// First layers of a ResNet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Stem {
    /// 3x3 convolution with stride 1, no pooling.
    Cifar,
    /// 7x7 convolution with stride 2, then 3x3 max-pooling with stride 2.
    Imagenet,
}

/// The read-outs of an encoder. Each one given is run, and is addressed by its own hash.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Evaluation {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub linear: Option<Linear>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pinv: Option<PseudoInverse>,
    /// A linear classifier on the inputs themselves: what there is to know without an encoder.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub raw: Option<Linear>,
    /// The encoder trained further with labels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fine_tune: Option<EndToEnd>,
    /// The same network trained with labels from scratch; needs no encoder.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub supervised: Option<EndToEnd>,
    /// Training items that the read-outs see; all of them if not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subset: Option<Subset>,
}

/// Linear evaluation (official `main_lincls.py`): a linear classifier on frozen features, before the projection head.
/// Every rate is trained side by side over one pass of the features.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Linear {
    pub epochs: usize,
    pub batch: usize,
    /// Learning rates, not scaled by the batch.
    pub rates: Vec<f64>,
    pub momentum: f64,
    pub weight_decay: f64,
    pub schedule: Schedule,
    /// First epoch, counted from 1, after which test accuracy is measured; the best epoch is one of these.
    pub measure_from: usize,
    /// Trains a second set of classifiers without the data set's validation rows, to choose the rate without
    /// looking at test rows.
    pub validation: bool,
    /// Augmentation of the training pictures, drawn anew for each epoch; each batch is encoded once for all rates.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub views: Option<LightViews>,
}

/// Least squares on one-hot labels in closed form, in f64 (official `main_pretext.py --pinv`, there in f32).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PseudoInverse {
    /// Training rows are taken in batches of this size and the last partial one is dropped.
    pub batch: usize,
}

/// Training of the whole network with labels.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EndToEnd {
    pub epochs: usize,
    pub batch: usize,
    /// For a batch of 256; scaled by batch / 256.
    pub base_rate: f64,
    pub momentum: f64,
    pub weight_decay: f64,
    pub schedule: Schedule,
    pub warmup_epochs: usize,
    /// First epoch, counted from 1, after which test accuracy is measured.
    pub measure_from: usize,
    /// Augmentation of the training pictures, drawn anew for each epoch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub views: Option<LightViews>,
}

/// Which read-out an evaluation recipe asks for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum EvaluationKind {
    Linear(Linear),
    Pinv(PseudoInverse),
    Raw(Linear),
    FineTune(EndToEnd),
    Supervised(EndToEnd),
}

impl EvaluationKind {
    /// The spelling used in reading names, in files and in messages.
    pub fn id(&self) -> &'static str {
        match self {
            EvaluationKind::Linear(_) => "linear",
            EvaluationKind::Pinv(_) => "pinv",
            EvaluationKind::Raw(_) => "raw",
            EvaluationKind::FineTune(_) => "fine-tune",
            EvaluationKind::Supervised(_) => "supervised",
        }
    }

    /// Whether the read-out starts from a pretext encoder.
    pub fn needs_encoder(&self) -> bool {
        !matches!(self, EvaluationKind::Supervised(_) | EvaluationKind::Raw(_))
    }

    /// Augmentation of the training pictures.
    pub fn views(&self) -> Option<&LightViews> {
        match self {
            EvaluationKind::Linear(linear) | EvaluationKind::Raw(linear) => linear.views.as_ref(),
            EvaluationKind::FineTune(training) | EvaluationKind::Supervised(training) => training.views.as_ref(),
            EvaluationKind::Pinv(_) => None,
        }
    }
}

impl Evaluation {
    /// The read-outs asked for, in a fixed order.
    pub fn kinds(&self) -> Vec<EvaluationKind> {
        let mut kinds = Vec::new();
        kinds.extend(self.linear.clone().map(EvaluationKind::Linear));
        kinds.extend(self.pinv.clone().map(EvaluationKind::Pinv));
        kinds.extend(self.raw.clone().map(EvaluationKind::Raw));
        kinds.extend(self.fine_tune.clone().map(EvaluationKind::FineTune));
        kinds.extend(self.supervised.clone().map(EvaluationKind::Supervised));
        kinds
    }
}

/// The data of a recipe, by content: never by path.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DataIdentity {
    #[serde(flatten)]
    pub settings: DataSettings,
    /// SHA-256 of the uncompressed content, in hex.
    pub digest: String,
}
