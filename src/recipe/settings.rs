//! Settings of views, network and evaluation, as an experiment file spells them.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{DataSettings, FRECHET, Pretext, Schedule, Subset};

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

impl Settings {
    /// Data that the read-outs train and test on: what the pretext run leaves out of it, they may see.
    pub fn read_out_data(&self) -> DataSettings {
        let data = self.evaluation.data.as_ref().unwrap_or(&self.data);
        DataSettings { subset: self.evaluation.subset, ..data.clone() }
    }

    /// Data of the pretext run and of the read-outs, each once.
    pub fn data_sets(&self) -> impl Iterator<Item = &DataSettings> {
        std::iter::once(&self.data).chain(&self.evaluation.data)
    }
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
    /// How differently training and test items are embedded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub frechet: Option<Frechet>,
    /// A linear classifier on the inputs themselves: what there is to know without an encoder.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub raw: Option<Linear>,
    /// The encoder trained further with labels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fine_tune: Option<EndToEnd>,
    /// The same network trained with labels from scratch; needs no encoder.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub supervised: Option<EndToEnd>,
    /// Data that the read-outs train and test on; those of the pretext run if not given. Another set is a transfer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<DataSettings>,
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

/// Fréchet distance between the features of training and of test items, each scaled to length 1: see
/// `evaluate::frechet`. There is nothing to set.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Frechet {}

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
    Frechet(Frechet),
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
            EvaluationKind::Frechet(_) => FRECHET,
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
            EvaluationKind::Pinv(_) | EvaluationKind::Frechet(_) => None,
        }
    }
}

impl Evaluation {
    /// The read-outs asked for, in a fixed order.
    pub fn kinds(&self) -> Vec<EvaluationKind> {
        let mut kinds = Vec::new();
        kinds.extend(self.linear.clone().map(EvaluationKind::Linear));
        kinds.extend(self.pinv.clone().map(EvaluationKind::Pinv));
        kinds.extend(self.frechet.clone().map(EvaluationKind::Frechet));
        kinds.extend(self.raw.clone().map(EvaluationKind::Raw));
        kinds.extend(self.fine_tune.clone().map(EvaluationKind::FineTune));
        kinds.extend(self.supervised.clone().map(EvaluationKind::Supervised));
        kinds
    }
}
