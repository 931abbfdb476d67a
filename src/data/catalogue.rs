//! The data sets this program knows: what was published, where, and under which terms.

use crate::recipe::DataSet;

use super::{DataError, Layout, cifar, covtype, emoji, folder, speech_commands};

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
        Descriptor { set, rows, licence, attribution, layouts: &[], download: None, embedded_rows: None }
    }

    pub(super) const fn with_layouts(self, layouts: &'static [Layout]) -> Descriptor {
        Descriptor { layouts, ..self }
    }

    pub(super) const fn with_download(self, file: &'static PublishedFile) -> Descriptor {
        Descriptor { download: Some(file), ..self }
    }

    pub(super) const fn with_embedded(self, rows: (usize, usize)) -> Descriptor {
        Descriptor { embedded_rows: Some(rows), ..self }
    }

    /// The ways in which the set lies on disk, in the order in which they are looked for; none where the program holds
    /// all of it. [`DataError::NotBuilt`] where this build cannot read it.
    pub fn layouts(&self) -> Result<&'static [Layout], DataError> {
        match (self.layouts, self.embedded_rows) {
            ([], None) => Err(DataError::NotBuilt { domain: self.set.domain() }),
            (layouts, _) => Ok(layouts),
        }
    }
}

/// Every data set with a name of its own, in the order of the paper's tables.
pub const CATALOGUE: [&Descriptor; 6] = [
    &cifar::CIFAR10,
    &cifar::CIFAR100,
    &speech_commands::DESCRIPTOR,
    &covtype::DESCRIPTOR,
    &emoji::THEMES,
    &emoji::GROUPS,
];

/// The descriptor of a set.
pub fn descriptor(set: DataSet) -> &'static Descriptor {
    match set {
        DataSet::Covtype => &covtype::DESCRIPTOR,
        DataSet::Cifar10 => &cifar::CIFAR10,
        DataSet::Cifar100 => &cifar::CIFAR100,
        DataSet::SpeechCommands => &speech_commands::DESCRIPTOR,
        DataSet::Emoji => &emoji::THEMES,
        DataSet::EmojiGroups => &emoji::GROUPS,
        DataSet::ImageFolder => &folder::DESCRIPTOR,
    }
}
