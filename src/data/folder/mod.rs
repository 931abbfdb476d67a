//! Folders of the user's own pictures.

use std::path::PathBuf;

use crate::recipe::{DataSet, DataSettings};

use super::{DataError, Descriptor, ImageSet, Inventory};

pub(super) static DESCRIPTOR: Descriptor = Descriptor::new(DataSet::ImageFolder, None, "the user's", "the user");

pub(super) fn inventory(_roots: &[PathBuf], settings: &DataSettings) -> Result<Inventory, DataError> {
    Err(DataError::NotBuilt { domain: settings.set.domain() })
}

pub(super) fn load(_roots: &[PathBuf], settings: &DataSettings) -> Result<ImageSet, DataError> {
    Err(DataError::NotBuilt { domain: settings.set.domain() })
}
