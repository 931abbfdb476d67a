//! The parsers alone, of files held in memory: for fuzzing them.

use std::path::PathBuf;

use crate::recipe::{DataSet, DataSettings};

use super::{
    Clip, Container, DataCopy, DataError, Fault, Form, Layout, Pictures, cifar, covtype, decode, descriptor, folder,
    higgs, speech,
};

/// The pictures of a file of CIFAR-10, or of CIFAR-100.
///
/// # Errors
/// The first thing wrong with it.
pub fn cifar(set: DataSet, form: Form, bytes: Vec<u8>) -> Result<Pictures, Fault> {
    cifar::parse(set, form, bytes)
}

/// A PNG or JPEG of an image folder as a square of `side` pixels, `[side, side, channels]`.
///
/// # Errors
/// The first thing wrong with it.
pub fn picture(bytes: &[u8], side: u32) -> Result<Vec<u8>, Fault> {
    folder::square(&decode::rgb(bytes)?, side).map(image::RgbImage::into_raw)
}

/// A recording of speech in a WAV file.
///
/// # Errors
/// The first thing wrong with it.
pub fn recording(bytes: &[u8]) -> Result<Clip, Fault> {
    speech::parse(bytes)
}

/// Checks CovType's uncompressed text.
///
/// # Errors
/// The first thing wrong with it.
pub fn covtype(bytes: &[u8]) -> Result<(), Fault> {
    covtype::check(bytes)
}

/// Counts the rows of HIGGS's uncompressed text.
///
/// # Errors
/// The first line that is no row.
pub fn higgs(bytes: &[u8]) -> Result<usize, Fault> {
    higgs::parse(bytes)
}

/// Training and test items of the uncompressed tar archive that a set is published as: of CIFAR in this form, or of
/// recordings of speech.
///
/// # Errors
/// The first thing wrong with it, and a set that is published otherwise.
pub fn archive(settings: &DataSettings, form: Form, bytes: Vec<u8>) -> Result<(usize, usize), DataError> {
    let set = settings.set;
    let is_it = |layout: &&Layout| layout.container == Container::Archive && layout.form == form;
    let layout = descriptor(set).layouts().iter().find(is_it).ok_or(DataError::UnknownContent { set })?;
    let copy = DataCopy { path: PathBuf::from(layout.paths[0]), layout };
    match set {
        DataSet::Cifar10 | DataSet::Cifar100 => cifar::parse_archive(set, &copy, &bytes),
        _ => speech::parse_archive(settings, &copy.path, bytes),
    }
}
