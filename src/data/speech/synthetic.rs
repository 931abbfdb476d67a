//! Synthetic speech: ten words by the voices of two speech synthesisers, embedded in the program.
//!
//! No voice of the training clips speaks test ones. See `embedded/LICENSE.md` for where they come from and
//! `embedded/make_speech.py` for how they are made.

use std::io::Cursor;
use std::path::PathBuf;

use flate2::read::GzDecoder;

use crate::data::{DataError, Descriptor};
use crate::recipe::DataSet;

use super::files::{Files, Reading};

/// Training and test clips.
const ROWS: (usize, usize) = (280, 120);

pub(in crate::data) static DESCRIPTOR: Descriptor = Descriptor::new(
    DataSet::SyntheticSpeech,
    Some(ROWS),
    "no restriction",
    "Output of eSpeak NG and Flite (Carnegie Mellon University).",
)
.with_embedded(ROWS);

static ARCHIVE: &[u8] = include_bytes!("../embedded/synthetic-speech.tar.gz");

/// The clips, as `train/WORD/VOICE.wav` and `test/WORD/VOICE.wav`.
pub(super) fn files(reading: Reading) -> Result<(Files, PathBuf), DataError> {
    let path = PathBuf::from("embedded synthetic-speech.tar.gz");
    let mut files = Files::of_archive(reading, &path, Box::new(GzDecoder::new(Cursor::new(ARCHIVE))))?;
    // The archive has them in a folder of its own name.
    files.recordings.iter_mut().for_each(|recording| drop(recording.path.remove(0)));
    Ok((files, path))
}
