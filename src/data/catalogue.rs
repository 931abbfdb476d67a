//! The data sets this program knows: what was published, where, and under which terms.

use crate::recipe::DataSet;

use super::{DataError, cifar, covtype, speech_commands};

/// A data set as published.
#[derive(Debug)]
pub struct Descriptor {
    pub set: DataSet,
    /// Training and test rows; none where no source at hand states them.
    pub rows: Option<(usize, usize)>,
    pub licence: &'static str,
    /// Whom to credit.
    pub attribution: &'static str,
    /// Empty until this build can read the set.
    files: &'static [PublishedFile],
    /// Training and test rows of the part that is embedded in the program.
    pub embedded_rows: Option<(usize, usize)>,
}

/// A file of a data set.
#[derive(Debug)]
pub struct PublishedFile {
    /// Folder under a root of the library.
    pub folder: &'static str,
    /// Name it is published under.
    pub name: &'static str,
    /// Name without its compression.
    pub plain_name: &'static str,
    /// Bytes of the file as published.
    pub bytes: u64,
    /// SHA-256 of the file as published, in hex.
    pub sha256: &'static str,
    /// Bytes once uncompressed.
    pub content_bytes: u64,
    /// SHA-256 once uncompressed, in hex. This is what counts: the same content compressed anew is the same data.
    pub content_sha256: &'static str,
    /// In the order in which they are tried.
    pub urls: &'static [&'static str],
}

impl Descriptor {
    pub(super) const fn new(
        set: DataSet,
        rows: Option<(usize, usize)>,
        licence: &'static str,
        attribution: &'static str,
    ) -> Descriptor {
        Descriptor { set, rows, licence, attribution, files: &[], embedded_rows: None }
    }

    pub(super) const fn with_files(self, files: &'static [PublishedFile]) -> Descriptor {
        Descriptor { files, ..self }
    }

    pub(super) const fn with_embedded(self, rows: (usize, usize)) -> Descriptor {
        Descriptor { embedded_rows: Some(rows), ..self }
    }

    /// The files of the set, or [`DataError::NotBuilt`] where this build cannot read it.
    pub fn files(&self) -> Result<&'static [PublishedFile], DataError> {
        match self.files {
            [] => Err(DataError::NotBuilt { domain: self.set.domain() }),
            files => Ok(files),
        }
    }
}

impl PublishedFile {
    /// Paths under a root that the file may have, the one it is fetched to first.
    pub fn candidates(&self) -> [String; 4] {
        [
            format!("{}/{}", self.folder, self.name),
            self.name.to_owned(),
            format!("{}/{}", self.folder, self.plain_name),
            self.plain_name.to_owned(),
        ]
    }
}

/// Every data set, in the order of the paper's tables.
pub const CATALOGUE: [&Descriptor; 4] =
    [&cifar::CIFAR10, &cifar::CIFAR100, &speech_commands::DESCRIPTOR, &covtype::DESCRIPTOR];

/// The descriptor of a set.
pub fn descriptor(set: DataSet) -> &'static Descriptor {
    match set {
        DataSet::Covtype => &covtype::DESCRIPTOR,
        DataSet::Emoji | DataSet::EmojiGroups | DataSet::ImageFolder | DataSet::Cifar10 => &cifar::CIFAR10,
        DataSet::Cifar100 => &cifar::CIFAR100,
        DataSet::SpeechCommands => &speech_commands::DESCRIPTOR,
    }
}
