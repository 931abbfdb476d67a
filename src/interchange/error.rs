use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

/// Why an encoder could not be read or written.
#[derive(Debug, Error)]
pub enum InterchangeError {
    #[error("cannot read {path}: {source}")]
    Read { path: PathBuf, source: io::Error },
    #[error("{}", mismatch(path, tensor, found, expected))]
    Mismatch {
        path: PathBuf,
        /// The tensor it is about; none where it is about the file.
        tensor: Option<String>,
        found: String,
        expected: String,
    },
    /// Another format than those that can be read, with the way to one of them.
    #[error("{path} is {found}; convert it in Python:\n  {conversion}")]
    Format { path: PathBuf, found: &'static str, conversion: &'static str },
}

/// What is wrong inside a file whose name is not known at that place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fault {
    pub tensor: Option<String>,
    pub found: String,
    pub expected: String,
}

impl Fault {
    pub fn new(found: impl Into<String>, expected: impl Into<String>) -> Fault {
        Fault { tensor: None, found: found.into(), expected: expected.into() }
    }

    pub fn of(self, tensor: &str) -> Fault {
        Fault { tensor: Some(tensor.to_owned()), ..self }
    }

    pub fn at(self, path: &Path) -> InterchangeError {
        let Fault { tensor, found, expected } = self;
        InterchangeError::Mismatch { path: path.to_owned(), tensor, found, expected }
    }
}

fn mismatch(path: &Path, tensor: &Option<String>, found: &str, expected: &str) -> String {
    let tensor = tensor.as_ref().map(|name| format!(", tensor `{name}`")).unwrap_or_default();
    format!("{}{tensor}: found {found}, expected {expected}", path.display())
}

/// Text of unknown length and content, for a message of one line.
pub(super) fn shortened(text: &str) -> String {
    const LONGEST: usize = 80;
    let mut shown: String = text.chars().take(LONGEST).flat_map(char::escape_debug).collect();
    if text.chars().nth(LONGEST).is_some() {
        shown.push_str("...");
    }
    shown
}
