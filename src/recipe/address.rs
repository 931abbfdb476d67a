//! Addresses: the hash of a recipe, which names its folder.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{DataIdentity, EvaluationKind, Network, Pretext, Views, revision};

/// Raised when a recipe is written in another shape.
const FORMAT: u32 = 1;

/// The address of a result: the first 80 bits of the SHA-256 of its recipe, in hex.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Address(String);

impl Address {
    /// Hashes a recipe written as JSON with its keys sorted and its numbers in shortest round-trip form, so that an
    /// address never depends on the order of keys or on the machine.
    fn of(recipe: &impl Serialize) -> Address {
        let value = serde_json::to_value(recipe).expect("a recipe is plain data");
        let mut hasher = Sha256::new();
        feed(&mut hasher, &value);
        let hex: String = hasher.finalize()[..10].iter().map(|byte| format!("{byte:02x}")).collect();
        Address(hex)
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Display for Address {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

fn feed(hasher: &mut Sha256, value: &serde_json::Value) {
    use serde_json::Value;
    match value {
        Value::Object(map) => {
            let mut keys: Vec<&String> = map.keys().collect();
            keys.sort();
            hasher.update(b"{");
            for key in keys {
                feed(hasher, &Value::String(key.clone()));
                hasher.update(b":");
                feed(hasher, &map[key]);
                hasher.update(b",");
            }
            hasher.update(b"}");
        }
        Value::Array(items) => {
            hasher.update(b"[");
            for item in items {
                feed(hasher, item);
                hasher.update(b",");
            }
            hasher.update(b"]");
        }
        scalar => hasher.update(scalar.to_string().as_bytes()),
    }
}

/// The fully resolved settings of a pretext run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PretextRecipe {
    pub format: u32,
    pub seed: u64,
    pub data: DataIdentity,
    pub views: Views,
    pub network: Network,
    pub pretext: Pretext,
    pub revisions: BTreeMap<String, u32>,
}

impl PretextRecipe {
    pub fn new(seed: u64, data: DataIdentity, views: Views, network: Network, pretext: Pretext) -> PretextRecipe {
        let revisions = named(revision::of_pretext(&data, &views, &network, &pretext));
        PretextRecipe { format: FORMAT, seed, data, views, network, pretext, revisions }
    }

    /// Whether this release makes the same recipe of these settings: its format and every revision are today's.
    pub fn is_current(&self) -> bool {
        let PretextRecipe { seed, data, views, network, pretext, .. } = self.clone();
        *self == PretextRecipe::new(seed, data, views, network, pretext)
    }

    pub fn address(&self) -> Address {
        Address::of(self)
    }
}

/// The fully resolved settings of an evaluation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EvaluationRecipe {
    pub format: u32,
    pub seed: u64,
    /// The pretext run whose encoder is read out; none for training from scratch.
    pub encoder: Option<Address>,
    pub data: DataIdentity,
    pub network: Network,
    pub evaluation: EvaluationKind,
    pub revisions: BTreeMap<String, u32>,
}

impl EvaluationRecipe {
    pub fn new(
        seed: u64,
        encoder: Option<Address>,
        data: DataIdentity,
        network: Network,
        evaluation: EvaluationKind,
    ) -> EvaluationRecipe {
        let revisions = named(revision::of_evaluation(&data, &network, &evaluation));
        EvaluationRecipe { format: FORMAT, seed, encoder, data, network, evaluation, revisions }
    }

    /// Whether this release makes the same recipe of these settings: its format and every revision are today's.
    pub fn is_current(&self) -> bool {
        let EvaluationRecipe { seed, encoder, data, network, evaluation, .. } = self.clone();
        *self == EvaluationRecipe::new(seed, encoder, data, network, evaluation)
    }

    pub fn address(&self) -> Address {
        Address::of(self)
    }
}

fn named(components: Vec<super::Component>) -> BTreeMap<String, u32> {
    components.into_iter().map(|component| (component.name.to_owned(), component.revision)).collect()
}
