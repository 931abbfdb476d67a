//! The pictures of a split: in memory, or files that are decoded when they are asked for.

use std::borrow::Cow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::recipe::DataSet;

use super::{CHANNELS, DataError, Fault, Pictures, decode, members};

/// Most times that one side of a file's picture may be longer than the other: what it takes to resize a strip grows with
/// it.
const ASPECT: usize = 64;

/// Labelled pictures of a set.
#[derive(Clone, Debug, PartialEq)]
pub enum PictureStore {
    /// All of them, of the set's size.
    Memory(Pictures),
    /// Files of any size.
    Files(PictureFiles),
}

/// Labelled picture files. Names and labels are in memory, pictures never.
#[derive(Clone, Debug, PartialEq)]
pub struct PictureFiles {
    pub set: DataSet,
    /// The folder that the names begin at.
    pub root: PathBuf,
    /// `CLASS/FILE` of each picture.
    pub names: Vec<Arc<str>>,
    /// Class of each picture, from 0.
    pub labels: Vec<u32>,
    /// Length in pixels that the shorter side is resized to before the centre is cut out.
    pub resize: usize,
}

/// A picture of 8-bit red, green and blue.
#[derive(Clone, Debug, PartialEq)]
pub struct Picture<'a> {
    /// `[height, width, channels]`.
    pub pixels: Cow<'a, [u8]>,
    pub height: usize,
    pub width: usize,
}

impl PictureStore {
    /// Class of each picture, from 0.
    pub fn labels(&self) -> &[u32] {
        match self {
            PictureStore::Memory(pictures) => &pictures.labels,
            PictureStore::Files(files) => &files.labels,
        }
    }

    /// The picture at a place, `height` by `width` being the set's size. A file is read and decoded.
    ///
    /// # Errors
    /// A file that cannot be read, that is no whole PNG or JPEG, or whose picture is more than 64 times as long as wide.
    pub fn picture(&self, place: usize, (height, width): (usize, usize)) -> Result<Picture<'_>, DataError> {
        match self {
            PictureStore::Memory(pictures) => {
                let length = height * width * CHANNELS;
                Ok(Picture { pixels: Cow::Borrowed(&pictures.pixels[place * length..][..length]), height, width })
            }
            PictureStore::Files(files) => decode_file(files.set, &files.root.join(&*files.names[place])),
        }
    }

    /// The pictures at these places, in this order; `length` bytes each where they are in memory.
    pub(super) fn gather(&self, places: &[usize], length: usize) -> PictureStore {
        match self {
            PictureStore::Memory(pictures) => PictureStore::Memory(super::pictures::gather(pictures, places, length)),
            PictureStore::Files(files) => PictureStore::Files(PictureFiles {
                names: places.iter().map(|place| files.names[*place].clone()).collect(),
                labels: places.iter().map(|place| files.labels[*place]).collect(),
                root: files.root.clone(),
                ..*files
            }),
        }
    }

    /// The pictures, of a store in memory.
    #[cfg(test)]
    pub fn in_memory(&self) -> &Pictures {
        match self {
            PictureStore::Memory(pictures) => pictures,
            PictureStore::Files(_) => panic!("expected pictures in memory"),
        }
    }

    pub(super) fn labels_mut(&mut self) -> &mut [u32] {
        match self {
            PictureStore::Memory(pictures) => &mut pictures.labels,
            PictureStore::Files(files) => &mut files.labels,
        }
    }
}

/// Reads and decodes the picture of a file, with the errors of [`PictureStore::picture`].
pub(super) fn decode_file(set: DataSet, path: &Path) -> Result<Picture<'static>, DataError> {
    let picture = decode::rgb(&members::whole(set, path)?).map_err(|fault| fault.in_file(set, path))?;
    let (height, width) = (picture.height() as usize, picture.width() as usize);
    if height.max(width) > ASPECT * height.min(width) {
        let expected = format!("a picture at most {ASPECT} times as long as it is wide");
        let found = format!("one of {width} x {height} pixels");
        return Err(Fault::new("the picture", expected, found).in_file(set, path));
    }
    Ok(Picture { pixels: Cow::Owned(picture.into_raw()), height, width })
}
