//! Settings of the self-supervised training.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Precision;

/// Contrastive training of an encoder (official `main_pretext.py`).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Pretext {
    pub method: Method,
    pub mix: Mix,
    /// InputMix, where it stands in for unknown augmentations.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input_mix: Option<InputMix>,
    pub epochs: usize,
    /// Items a step, over all replicas; the last partial batch of an epoch is dropped.
    pub batch: usize,
    /// Equal shares of a batch that the official runs put on one GPU each. BatchNorm statistics, i-Mix partners and
    /// N-pair negatives stay inside a share.
    pub replicas: usize,
    /// Learning rate for a batch of 256; scaled by batch / 256.
    pub base_rate: f64,
    pub momentum: f64,
    /// Applied to every parameter, BatchNorm and biases included.
    pub weight_decay: f64,
    pub schedule: Schedule,
    pub warmup_epochs: usize,
    pub head: Head,
    /// Width of the embedding that the projection head puts out.
    pub embedding: usize,
    /// Divides the logits. BYOL has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub temperature: Option<f64>,
    /// MoCo v2: which classes a query is told from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contrast: Option<Contrast>,
    /// MoCo v2: keys kept from earlier steps (K).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub queue: Option<usize>,
    /// MoCo v2 and BYOL: momentum of the momentum encoder.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_momentum: Option<f64>,
    /// MoCo v2 and BYOL: keys change places between replicas before the key encoder's BatchNorm.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shuffle_bn: Option<bool>,
    /// BYOL: prediction head on the query side.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub predictor: Option<Head>,
    /// What factors of products, and activations, are rounded to: anything but f32 needs
    /// a GPU. Evaluations are always in f32.
    #[serde(default, skip_serializing_if = "Precision::is_f32")]
    pub precision: Precision,
}

/// A contrastive method.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Method {
    /// Multi-class N-pair loss: one-directional, both views in one encoder pass.
    Npair,
    /// NT-Xent over the 2N embeddings of a batch.
    Simclr,
    /// MoCo v2: momentum encoder and queue.
    Moco,
    /// BYOL: momentum encoder and prediction head, no negatives.
    Byol,
}

/// The classes of a MoCo query.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Contrast {
    /// Its own key against the queue: 1 + K classes (official `moco`).
    OnePlusK,
    /// Every key of the batch and the queue: N + K classes, which virtual labels need (official `mocon`).
    NPlusK,
}

/// i-Mix on the query.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Mix {
    pub operator: Operator,
    /// Both parameters of the Beta distribution that lambda is drawn from. Ignored without an operator.
    pub alpha: f64,
    /// Layers to mix at, 0 being the input, in ascending order: each replica draws one of them in every step (manifold
    /// mixup, Verma et al., 2019; official `--mix-layers`). A ResNet has 1 after its stem and 2 to 5 after its stages,
    /// an MLP 1 after the embedding of its inputs and 2 to 5 after its layers with BatchNorm. Inputs only if not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub layers: Option<Vec<usize>>,
}

/// How two inputs become one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Operator {
    /// No i-Mix.
    None,
    /// Weighted sum, with one lambda for each sample.
    Mixup,
    /// A pasted rectangle, with one lambda for each batch, corrected to the pasted area.
    Cutmix,
}

/// InputMix: each input is mixed with others of the batch while its label stays.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct InputMix {
    /// Other inputs that go into each input (k).
    pub auxiliaries: usize,
    /// Concentration of the Dirichlet distribution of the weights (Beta where k = 1).
    pub alpha: f64,
}

/// A projection or prediction head: linear, ReLU, linear, with the hidden layer as wide as its input features.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Head {
    /// No BatchNorm.
    Mlp,
    /// BatchNorm after both linear layers.
    Mlpbn,
    /// BatchNorm after the first linear layer only.
    Mlpbn1,
}

/// Learning rate over epochs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Schedule {
    /// rate x (1 + cos(pi e / E)) / 2, set once an epoch, without a floor.
    Cosine,
    /// Multiplied by `factor` at the start of each epoch of `at`, counted from 0.
    Step { at: Vec<usize>, factor: f64 },
}
