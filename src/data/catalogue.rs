//! The data sets this program knows: what was published, where, and under which terms.

use crate::recipe::DataSet;

use super::{Layout, cifar, covtype, emoji, folder, higgs, imagenet, speech};

/// A data set as published.
#[derive(Debug)]
pub struct Descriptor {
    pub set: DataSet,
    /// Training and test rows; none where no source at hand states them.
    pub rows: Option<(usize, usize)>,
    pub licence: &'static str,
    /// Whom to credit.
    pub attribution: &'static str,
    /// In the order in which they are looked for.
    layouts: &'static [Layout],
    /// What `repro data fetch` gets.
    pub download: Option<&'static PublishedFile>,
    /// Where people get it who cannot be given a checksum to fetch it by.
    pub page: Option<&'static str>,
    /// Training and test rows of the part that is embedded in the program.
    pub embedded_rows: Option<(usize, usize)>,
}

/// A file as published.
#[derive(Debug)]
pub struct PublishedFile {
    /// Folder under a root of the library that it is fetched to.
    pub folder: &'static str,
    /// Name it is published under.
    pub name: &'static str,
    pub bytes: u64,
    /// SHA-256 in hex.
    pub sha256: &'static str,
    /// Its uncompressed content, where the checksum of that was published too or could be taken.
    pub content: Option<PublishedContent>,
    /// In the order in which they are tried.
    pub urls: &'static [&'static str],
}

/// The uncompressed content of a published file. This is what counts: the same content compressed anew is the same data.
#[derive(Debug)]
pub struct PublishedContent {
    pub bytes: u64,
    /// SHA-256 in hex.
    pub sha256: &'static str,
}

impl Descriptor {
    pub(super) const fn new(
        set: DataSet,
        rows: Option<(usize, usize)>,
        licence: &'static str,
        attribution: &'static str,
    ) -> Descriptor {
        Descriptor { set, rows, licence, attribution, layouts: &[], download: None, page: None, embedded_rows: None }
    }

    pub(super) const fn with_layouts(self, layouts: &'static [Layout]) -> Descriptor {
        Descriptor { layouts, ..self }
    }

    pub(super) const fn with_download(self, file: &'static PublishedFile) -> Descriptor {
        Descriptor { download: Some(file), ..self }
    }

    pub(super) const fn with_page(self, page: &'static str) -> Descriptor {
        Descriptor { page: Some(page), ..self }
    }

    pub(super) const fn with_embedded(self, rows: (usize, usize)) -> Descriptor {
        Descriptor { embedded_rows: Some(rows), ..self }
    }

    /// How a user gets the set, as the end of a sentence: "download it from", "run `repro data fetch`".
    pub fn how_to_get(&self) -> String {
        match self.page {
            Some(page) => format!("download it from {page}"),
            None => format!("run `repro data fetch {}`", self.set.id()),
        }
    }

    /// The ways in which the set lies on disk, in the order in which they are looked for; none where the program holds
    /// all of it.
    pub fn layouts(&self) -> &'static [Layout] {
        self.layouts
    }
}

/// Every data set with a name of its own, in the order of the paper's tables.
pub const CATALOGUE: [&Descriptor; 11] = [
    &cifar::CIFAR10,
    &cifar::CIFAR100,
    &speech::V1,
    &speech::V2,
    &speech::FSDD,
    &speech::SYNTHETIC,
    &covtype::DESCRIPTOR,
    &higgs::DESCRIPTOR,
    &imagenet::DESCRIPTOR,
    &emoji::THEMES,
    &emoji::GROUPS,
];

/// The descriptor of a set.
pub fn descriptor(set: DataSet) -> &'static Descriptor {
    match set {
        DataSet::Covtype => &covtype::DESCRIPTOR,
        DataSet::Higgs => &higgs::DESCRIPTOR,
        DataSet::Cifar10 => &cifar::CIFAR10,
        DataSet::Cifar100 => &cifar::CIFAR100,
        DataSet::SpeechCommands => &speech::V1,
        DataSet::SpeechCommandsV2 => &speech::V2,
        DataSet::Fsdd => &speech::FSDD,
        DataSet::SyntheticSpeech => &speech::SYNTHETIC,
        DataSet::SpeechFolder => &speech::FOLDER,
        DataSet::Emoji => &emoji::THEMES,
        DataSet::EmojiGroups => &emoji::GROUPS,
        DataSet::ImageFolder => &folder::DESCRIPTOR,
        DataSet::ImageNet => &imagenet::DESCRIPTOR,
    }
}
