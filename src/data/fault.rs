//! Where a file stops being what it should be.

use std::path::Path;

use crate::recipe::DataSet;

use super::DataError;

/// The first thing wrong with a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    pub place: String,
    pub expected: String,
    pub found: String,
}

impl Fault {
    pub fn new(place: impl Into<String>, expected: impl Into<String>, found: impl Into<String>) -> Fault {
        Fault { place: place.into(), expected: expected.into(), found: found.into() }
    }

    /// A fault of a file inside an archive or a folder.
    pub(super) fn inside(self, member: &str) -> Fault {
        Fault { place: format!("{member}, {}", self.place), ..self }
    }

    pub(super) fn in_file(self, set: DataSet, path: &Path) -> DataError {
        let Fault { place, expected, found } = self;
        DataError::Damaged { set, path: path.to_owned(), place, expected, found }
    }
}
