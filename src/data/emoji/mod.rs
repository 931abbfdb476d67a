//! Emoji of two designs in 32 x 32 pixels: our own small set of colour pictures, embedded in the program.
//!
//! By theme it has ten balanced classes; by finer group, Unicode's subgroups, those pictures whose group has enough of
//! them. See `embedded/LICENSE.md` for where they come from and `embedded/make_emoji.py` for how they are chosen.

use std::io::Cursor;
use std::path::Path;

use image::ImageFormat;

use crate::recipe::{DataIdentity, DataSet, DataSettings};

use super::{CHANNELS, DataError, Descriptor, Fault, ImageSet, Inventory, PictureStore, Pictures, subset};

const SIDE: usize = 32;
const PICTURE: usize = SIDE * SIDE * CHANNELS;

/// Training and test pictures by theme and by group.
const BY_THEME: (usize, usize) = (960, 400);
const BY_GROUP: (usize, usize) = (674, 280);

const LICENCE: &str = "Apache 2.0, CC BY 4.0";
const ATTRIBUTION: &str =
    "Noto Emoji, Google and contributors (Apache 2.0); Twemoji, Twitter and contributors (CC BY 4.0).";

pub(super) static THEMES: Descriptor =
    Descriptor::new(DataSet::Emoji, Some(BY_THEME), LICENCE, ATTRIBUTION).with_embedded(BY_THEME);

pub(super) static GROUPS: Descriptor =
    Descriptor::new(DataSet::EmojiGroups, Some(BY_GROUP), LICENCE, ATTRIBUTION).with_embedded(BY_GROUP);

/// The pictures, row by row, in the order of the table.
static SHEET: &[u8] = include_bytes!("../embedded/emoji.png");
/// `split,theme,group,emoji,design` of each picture; the group is empty where it has too few.
static TABLE: &str = include_str!("../embedded/emoji.csv");

/// SHA-256 of the table, a zero byte and the sheet's pixels, in hex.
const DIGEST: &str = "d6f22ae7864a5f2d41204b10eb9bb50257b29f8b05b5f6157d9160530d450a26";

/// Of each channel over the training pictures by theme. The finer classes take the same, so that an encoder sees the same
/// inputs in both.
const MEAN: [f32; CHANNELS] = [0.8218, 0.7605, 0.6865];
const DEVIATION: [f32; CHANNELS] = [0.2701, 0.2732, 0.3402];

/// A row of the table.
struct Row {
    /// Place on the sheet, row by row from 0.
    place: usize,
    is_training: bool,
    class: &'static str,
}

/// The pictures that a set takes.
fn rows(set: DataSet) -> Vec<Row> {
    let parse = |(place, line): (usize, &'static str)| {
        let mut fields = line.split(',');
        let (split, theme, group) = (fields.next()?, fields.next()?, fields.next()?);
        let class = if set == DataSet::EmojiGroups { group } else { theme };
        (!class.is_empty()).then_some(Row { place, is_training: split == "train", class })
    };
    TABLE.lines().skip(1).enumerate().filter_map(parse).collect()
}

fn class_names(rows: &[Row]) -> Vec<&'static str> {
    let mut names: Vec<&str> = rows.iter().map(|row| row.class).collect();
    names.sort_unstable();
    names.dedup();
    names
}

/// Labels of the training or the test pictures.
fn labels(rows: &[Row], names: &[&str], training: bool) -> Vec<u32> {
    let side = rows.iter().filter(|row| row.is_training == training);
    side.map(|row| names.partition_point(|name| *name < row.class) as u32).collect()
}

/// Names the content.
pub(super) fn identity(settings: &DataSettings) -> DataIdentity {
    DataIdentity { settings: settings.clone(), digest: DIGEST.to_owned() }
}

/// Names the content and counts it.
pub(super) fn inventory(settings: &DataSettings) -> Result<Inventory, DataError> {
    let table = rows(settings.set);
    let names = class_names(&table);
    let (train, test) = (labels(&table, &names, true), labels(&table, &names, false));
    let rows = subset::rows(settings.set, settings.subset.as_ref(), names.len(), &train, &test)?;
    Ok(Inventory { identity: identity(settings), rows, warnings: Vec::new() })
}

/// Takes the pictures from the sheet. The last tenth of the training pictures is set aside as validation; the table is in
/// an order that makes any range a fair sample and keeps renderings of one emoji together.
pub(super) fn load(settings: &DataSettings) -> Result<ImageSet, DataError> {
    let rows = rows(settings.set);
    let names = class_names(&rows);
    let sheet = sheet(settings.set)?;
    let pictures = |training: bool| {
        let side = rows.iter().filter(|row| row.is_training == training);
        let pixels: Vec<u8> = side.flat_map(|row| picture(&sheet, row.place)).collect();
        PictureStore::Memory(Pictures { pixels, labels: labels(&rows, &names, training) })
    };
    let (train, test) = (pictures(true), pictures(false));
    let counts = (train.labels().len(), test.labels().len());
    Ok(ImageSet {
        identity: identity(settings),
        height: SIDE,
        width: SIDE,
        class_names: names.iter().map(|name| name.to_string()).collect(),
        mean: MEAN,
        deviation: DEVIATION,
        train,
        validation: counts.0 - counts.0 / 10..counts.0,
        test,
        published_rows: counts,
    })
}

fn sheet(set: DataSet) -> Result<image::RgbImage, DataError> {
    match image::load(Cursor::new(SHEET), ImageFormat::Png) {
        Ok(sheet) => Ok(sheet.into_rgb8()),
        Err(error) => {
            let fault = Fault::new("the file", "a PNG sheet of emoji", error.to_string());
            Err(fault.in_file(set, Path::new("embedded emoji.png")))
        }
    }
}

/// Pixels of the picture at a place of the sheet.
fn picture(sheet: &image::RgbImage, place: usize) -> Vec<u8> {
    let width = sheet.width() as usize;
    let columns = width / SIDE;
    let (top, left) = (place / columns * SIDE, place % columns * SIDE);
    let line = |row: usize| &sheet.as_raw()[((top + row) * width + left) * CHANNELS..][..SIDE * CHANNELS];
    let mut pixels = Vec::with_capacity(PICTURE);
    (0..SIDE).for_each(|row| pixels.extend_from_slice(line(row)));
    pixels
}

#[cfg(test)]
mod tests;
