//! Folders of the user's own pictures: `NAME/train/CLASS/*.png` and `NAME/test/CLASS/*.png`, or `.jpg`, `.jpeg`.
//!
//! The classes are the folders of `train`, in the order of their names. The content is named by the files as they are, not
//! by what they decode to, so that `plan` need not decode them: a picture saved anew is another picture.

mod files;
mod fit;

use std::path::PathBuf;

use image::RgbImage;
use rayon::prelude::*;

use crate::recipe::{DataIdentity, DataSet, DataSettings, Folder, LARGEST_SIDE};

use super::{CHANNELS, DataError, Descriptor, ImageSet, Inventory, PictureStore, Pictures, decode, members, subset};

use files::Files;
pub(super) use files::{entries, is_picture};

pub(super) use fit::square;

pub(super) static DESCRIPTOR: Descriptor =
    Descriptor::new(DataSet::ImageFolder, None, "that of the pictures", "Whoever made the pictures.");

/// Names the content of the folder that settings name, and counts its pictures. Reads the files without decoding them.
pub(super) fn inventory(roots: &[PathBuf], settings: &DataSettings) -> Result<Inventory, DataError> {
    let files = Files::find(roots, checked(settings)?.0)?;
    let rows = subset::rows(
        settings.set,
        settings.subset.as_ref(),
        files.class_names.len(),
        &files.train.labels(),
        &files.test.labels(),
    )?;
    Ok(Inventory { identity: identity(settings, &files), rows, warnings: Vec::new() })
}

/// Reads the pictures of the folder that settings name, in the order of the checksums of their files. The last tenth of
/// the training pictures is set aside as validation.
pub(super) fn load(roots: &[PathBuf], settings: &DataSettings) -> Result<ImageSet, DataError> {
    let (folder, side) = checked(settings)?;
    let files = Files::find(roots, folder)?;
    let (train, test) = (read(&files.train, side)?, read(&files.test, side)?);
    let (mean, deviation) = moments(&train.pixels);
    let counts = (train.labels.len(), test.labels.len());
    Ok(ImageSet {
        identity: identity(settings, &files),
        height: side,
        width: side,
        class_names: files.class_names,
        mean,
        deviation,
        train: PictureStore::Memory(train),
        validation: counts.0 - counts.0 / 10..counts.0,
        test: PictureStore::Memory(test),
        published_rows: counts,
    })
}

/// The folder that settings name, if that is a plain name, and a side that can be worked with.
fn checked(settings: &DataSettings) -> Result<(&Folder, usize), DataError> {
    let set = settings.set;
    let folder = settings.folder.as_ref().ok_or(DataError::NoFolder { set })?;
    plain_name(set, folder)?;
    let side = folder.side.unwrap_or_default();
    if !(1..=LARGEST_SIDE).contains(&side) {
        let expected = format!("from 1 to {LARGEST_SIDE} pixels");
        return Err(DataError::Setting { set, setting: "data.folder.side", expected, found: side.to_string() });
    }
    Ok((folder, side))
}

/// The name of a folder of the user's own, if it is nothing more.
pub(super) fn plain_name(set: DataSet, folder: &Folder) -> Result<&str, DataError> {
    if folder.name.is_empty() || folder.name.starts_with('.') || folder.name.contains(['/', '\\']) {
        let expected = "the name of a folder, without the path to it".to_owned();
        let found = format!("`{}`", folder.name);
        return Err(DataError::Setting { set, setting: "data.folder.name", expected, found });
    }
    Ok(&folder.name)
}

fn identity(settings: &DataSettings, files: &Files) -> DataIdentity {
    DataIdentity { settings: settings.clone(), digest: files.digest() }
}

fn read(side: &files::Side, length: usize) -> Result<Pictures, DataError> {
    let decoded = side.files.par_iter().map(|file| {
        let bytes = members::whole(DataSet::ImageFolder, &file.path)?;
        let fitted = decode::rgb(&bytes).and_then(|picture| square(&picture, length as u32));
        fitted.map_err(|fault| fault.in_file(DataSet::ImageFolder, &file.path))
    });
    let decoded = decoded.collect::<Result<Vec<RgbImage>, DataError>>()?;
    let pixels = decoded.iter().flat_map(|picture| picture.as_raw()).copied().collect();
    Ok(Pictures { pixels, labels: side.labels() })
}

/// Mean and standard deviation of each channel, of values in 0 to 1. A channel that never varies gets one level of 255 as
/// its deviation, so that it can be divided by. The sums are whole numbers and so the same in any order.
fn moments(pixels: &[u8]) -> ([f32; CHANNELS], [f32; CHANNELS]) {
    let mut sums = [(0u64, 0u64); CHANNELS];
    for pixel in pixels.chunks_exact(CHANNELS) {
        for (value, (sum, squares)) in pixel.iter().zip(&mut sums) {
            *sum += u64::from(*value);
            *squares += u64::from(*value).pow(2);
        }
    }
    let count = (pixels.len() / CHANNELS) as f64;
    let mean = sums.map(|(sum, _)| sum as f64 / count);
    let mut deviation = [0.; CHANNELS];
    for ((deviation, (_, squares)), mean) in deviation.iter_mut().zip(sums).zip(mean) {
        *deviation = ((squares as f64 / count - mean * mean).max(0.).sqrt().max(1.) / 255.) as f32;
    }
    (mean.map(|mean| (mean / 255.) as f32), deviation)
}

#[cfg(test)]
mod tests;
