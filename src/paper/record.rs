//! Records of published numbers.

use std::sync::LazyLock;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

const RECORDS: &str = include_str!("imix_results.json");

/// How a published number is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Confidence {
    /// Read in a source that shows the paper's own number.
    Confirmed,
    /// Quoted from memory, and in agreement with the official code or a published review.
    Consistent,
    /// Quoted from memory only.
    Recalled,
    /// No number is known.
    Unknown,
}

impl Confidence {
    pub fn id(self) -> &'static str {
        match self {
            Confidence::Confirmed => "confirmed",
            Confidence::Consistent => "consistent",
            Confidence::Recalled => "recalled",
            Confidence::Unknown => "unknown",
        }
    }
}

impl std::fmt::Display for Confidence {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.id())
    }
}

/// What tells a number of a table or figure from the others in it. What is not given may be anything.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Facts {
    /// Element of the paper's records, where it is not the experiment's: `table1`, `figure1` and so on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub element: Option<String>,
    /// As the paper spells it: `CIFAR-10`, `CovType`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dataset: Option<String>,
    /// As the paper spells it: `N-pair`, `MoCo v2`, `BYOL`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub imix: Option<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inputmix: Option<bool>,
    /// `default` or `none`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub augmentation: Option<String>,
    /// The set that the encoder was trained on, where the classifier was trained on another.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pretext_dataset: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub arch: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub epochs: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data_ratio: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metric: Option<String>,
}

impl Facts {
    /// Adds what `other` gives; where both give something, `other` wins.
    pub fn and(self, other: &Facts) -> Facts {
        let other = other.clone();
        Facts {
            element: other.element.or(self.element),
            dataset: other.dataset.or(self.dataset),
            method: other.method.or(self.method),
            imix: other.imix.or(self.imix),
            inputmix: other.inputmix.or(self.inputmix),
            augmentation: other.augmentation.or(self.augmentation),
            pretext_dataset: other.pretext_dataset.or(self.pretext_dataset),
            arch: other.arch.or(self.arch),
            epochs: other.epochs.or(self.epochs),
            data_ratio: other.data_ratio.or(self.data_ratio),
            metric: other.metric.or(self.metric),
        }
    }

    fn hold_for(&self, record: &Facts) -> bool {
        fn agree<T: PartialEq>(asked: &Option<T>, found: &Option<T>) -> bool {
            asked.is_none() || asked == found
        }
        agree(&self.dataset, &record.dataset)
            && agree(&self.method, &record.method)
            && agree(&self.imix, &record.imix)
            && agree(&self.inputmix, &record.inputmix)
            && agree(&self.augmentation, &record.augmentation)
            && agree(&self.pretext_dataset, &record.pretext_dataset)
            && agree(&self.arch, &record.arch)
            && agree(&self.epochs, &record.epochs)
            && agree(&self.data_ratio, &record.data_ratio)
            && agree(&self.metric, &record.metric)
    }
}

/// A number the paper reports.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PaperNumber {
    /// In the unit of the record's metric, percent unless it says otherwise. None where no number is known.
    pub mean: Option<f64>,
    /// Standard deviation over trials.
    pub std: Option<f64>,
    pub trials: Option<u32>,
    pub source: Option<String>,
    pub confidence: Confidence,
    pub note: Option<String>,
}

#[derive(Deserialize)]
struct Record {
    element: String,
    dataset: Option<String>,
    method: Option<String>,
    imix: Option<bool>,
    inputmix: Option<bool>,
    augmentation: Option<String>,
    pretext_dataset: Option<String>,
    arch: Option<String>,
    epochs: Option<u32>,
    data_ratio: Option<f64>,
    metric: Option<String>,
    #[serde(flatten)]
    number: PaperNumber,
}

#[derive(Deserialize)]
struct Records {
    records: Vec<Record>,
}

struct Entry {
    element: String,
    facts: Facts,
    number: PaperNumber,
}

static ENTRIES: LazyLock<Vec<Entry>> = LazyLock::new(|| {
    let records: Records = serde_json::from_str(RECORDS).expect("the embedded records are checked by a test");
    records.records.into_iter().map(entry).collect()
});

fn entry(record: Record) -> Entry {
    let facts = Facts {
        element: None,
        dataset: record.dataset,
        method: record.method,
        imix: record.imix,
        inputmix: record.inputmix,
        augmentation: record.augmentation,
        pretext_dataset: record.pretext_dataset,
        arch: record.arch,
        epochs: record.epochs,
        data_ratio: record.data_ratio,
        metric: record.metric,
    };
    Entry { element: record.element, facts, number: record.number }
}

/// The elements of the paper that have records, each once: `table1`, `table2`, ...
pub fn elements() -> Vec<&'static str> {
    let mut elements: Vec<&str> = Vec::new();
    for entry in ENTRIES.iter() {
        if !elements.contains(&entry.element.as_str()) {
            elements.push(&entry.element);
        }
    }
    elements
}

/// Every number of an element for which `facts` hold.
pub fn numbers(element: &str, facts: &Facts) -> Vec<&'static PaperNumber> {
    ENTRIES
        .iter()
        .filter(|entry| entry.element == element && facts.hold_for(&entry.facts))
        .map(|entry| &entry.number)
        .collect()
}

/// The one number of an element for which `facts` hold; none if there is no such number or more than one.
pub fn number(element: &str, facts: &Facts) -> Option<&'static PaperNumber> {
    match numbers(element, facts)[..] {
        [number] => Some(number),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(dataset: &str, method: &str, imix: bool) -> Facts {
        Facts { dataset: Some(dataset.into()), method: Some(method.into()), imix: Some(imix), ..Facts::default() }
    }

    #[test]
    fn a_number_comes_with_its_source() {
        let number = number("table1", &facts("CovType", "N-pair", true)).expect("a record");
        assert_eq!((number.mean, number.std, number.trials), (Some(72.1), Some(0.2), Some(5)));
        assert_eq!(number.confidence, Confidence::Confirmed);
        assert!(number.source.as_deref().is_some_and(|source| source.contains("slide 22")));
    }

    #[test]
    fn what_is_not_known_or_not_told_apart_is_none() {
        assert_eq!(number("table1", &facts("MNIST", "N-pair", true)), None);
        assert_eq!(number("table9", &facts("CovType", "N-pair", true)), None);
        assert_eq!(number("table1", &Facts::default()), None);
        assert_eq!(numbers("table1", &Facts::default()).len(), 24);
    }

    #[test]
    fn only_an_unknown_number_is_blank() {
        for element in elements() {
            for number in numbers(element, &Facts::default()) {
                assert_eq!(number.mean.is_none(), number.confidence == Confidence::Unknown, "{element}: {number:?}");
            }
        }
    }
}
