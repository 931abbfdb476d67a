//! The parsers alone, of files held in memory: for fuzzing them.

use crate::recipe::DataSet;

use super::{Clip, Fault, Form, Pictures, cifar, covtype, decode, folder, speech};

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
