//! Versions of files. Each file says which format it has; a program that is older leaves it alone.

use std::path::Path;

use serde::Deserialize;

use super::StoreError;

/// What every version of a file has.
#[derive(Deserialize)]
struct Versioned {
    format: u32,
}

/// Looks at the `format` of a JSON text before anything else of it is read: the rest may have another shape by then.
///
/// # Errors
/// [`StoreError::Newer`] for a format above `supported`, [`StoreError::Damaged`] for a text without one.
pub fn refuse_newer(path: &Path, json: &[u8], supported: u32) -> Result<(), StoreError> {
    let versioned = serde_json::from_slice(json).map_err(|error| StoreError::damaged(path, error.to_string()))?;
    match versioned {
        Versioned { format } if format > supported => {
            Err(StoreError::Newer { path: path.to_owned(), found: format, supported })
        }
        _ => Ok(()),
    }
}
