//! UCI Forest CoverType: 581,012 rows of 54 inputs in 7 classes.
//!
//! A row is ten continuous inputs (elevation to distance to fire points), four wilderness areas and forty soil types
//! one-hot, and the cover type from 1. The first 11,340 rows are training, the next 3,780 validation, the rest test.

mod fault;
mod scaling;
mod table;

use std::io::Read;
use std::path::Path;

use flate2::read::GzDecoder;

use crate::recipe::{DataIdentity, DataSet, DataSettings, Part, Standardise};

use super::content::{self, Content};
use super::layout::{Container, Form, Layout};
use super::{DataError, Descriptor, Fault, PublishedContent, PublishedFile, TabularSet};

use scaling::Scaling;
use table::Table;

/// Training rows, validation included.
const TRAINING: usize = 15_120;
/// First validation row.
const VALIDATION: usize = 11_340;
const TEST: usize = 565_892;
const EMBEDDED_TEST: usize = 12_041;

const CONTENT: PublishedContent =
    PublishedContent { bytes: 75_169_317, sha256: "0a9371cef7c964b5475d6053cc3e0894a5aa6f65ad1ed3ecb01c45aa96217945" };

/// The direct address first. The second is the copy that scikit-learn downloads, byte for byte the same file.
static FILE: PublishedFile = PublishedFile {
    folder: "covtype",
    name: "covtype.data.gz",
    bytes: 11_240_707,
    sha256: "614360d0257557dd1792834a85a1cdebfadc3c4f30b011d56afee7ffb5b15771",
    content: Some(CONTENT),
    urls: &[
        "https://archive.ics.uci.edu/ml/machine-learning-databases/covtype/covtype.data.gz",
        "https://ndownloader.figshare.com/files/5976039",
    ],
};

static LAYOUTS: [Layout; 1] = [Layout {
    form: Form::Text,
    container: Container::File,
    paths: &["covtype/covtype.data.gz", "covtype.data.gz", "covtype/covtype.data", "covtype.data"],
    train: &[],
    test: &[],
}];

pub(super) static DESCRIPTOR: Descriptor = Descriptor::new(
    DataSet::Covtype,
    Some((TRAINING, TEST)),
    "CC BY 4.0",
    "Blackard, Jock A. (1998). Covertype. Colorado State University; UCI Machine Learning Repository, \
     https://doi.org/10.24432/C50K5N.",
)
.with_layouts(&LAYOUTS)
.with_download(&FILE)
.with_embedded((TRAINING, EMBEDDED_TEST));

/// See `embedded/LICENSE.md` for what it is and `embedded/make.py` for how it is made.
static EMBEDDED: &[u8] = include_bytes!("../embedded/covtype.csv.gz");

/// SHA-256 of the uncompressed embedded content, in hex.
const EMBEDDED_SHA256: &str = "f925f9377e3ac85aebc4f52597ded9d719965f0e4333d5ee8c9c1fd00533f67d";

/// The shape of a CovType file.
#[derive(Clone, Debug)]
struct Shape {
    /// Rows of the file.
    rows: usize,
    /// First validation row.
    validation: usize,
    /// First test row.
    test: usize,
}

const PUBLISHED: Shape = Shape { rows: TRAINING + TEST, validation: VALIDATION, test: TRAINING };
const SAMPLE: Shape = Shape { rows: TRAINING + EMBEDDED_TEST, ..PUBLISHED };

/// Columns of the three blocks of inputs: continuous, wilderness area, soil type.
const BLOCKS: [usize; 3] = [10, 4, 40];
const CONTINUOUS: usize = BLOCKS[0];
const WIDTH: usize = 54;
const CLASSES: usize = 7;

/// Names the file's content. Fast: it reads no numbers.
///
/// # Errors
/// The content is not the published one: the error says where it differs, as far as that can be told.
pub(super) fn identify(path: &Path, settings: &DataSettings) -> Result<DataIdentity, DataError> {
    verify(path)?;
    identify_published(settings)
}

/// Checks that a text is what the published file holds.
pub(super) fn check(text: &[u8]) -> Result<(), Fault> {
    Table::parse(text, &PUBLISHED).map(drop)
}

/// Names the published content.
pub(super) fn identify_published(settings: &DataSettings) -> Result<DataIdentity, DataError> {
    identity(settings, CONTENT.sha256.to_owned())
}

/// Checks that a file holds the published content.
pub(super) fn verify(path: &Path) -> Result<(), DataError> {
    match content::check(DataSet::Covtype, path, &FILE)? {
        Ok(()) => Ok(()),
        Err(_) => Err(diagnose(path, &content::read(DataSet::Covtype, path, &CONTENT)?)),
    }
}

/// Training and test rows.
pub(super) fn rows(part: Part) -> (usize, usize) {
    match part {
        Part::Full => (TRAINING, TEST),
        Part::Embedded => (TRAINING, EMBEDDED_TEST),
    }
}

/// Names the embedded content.
pub(super) fn identify_embedded(settings: &DataSettings) -> Result<DataIdentity, DataError> {
    identity(settings, EMBEDDED_SHA256.to_owned())
}

/// Reads the published file. Continuous inputs are standardised over all of its rows or over its training rows.
pub(super) fn load(path: &Path, settings: &DataSettings) -> Result<TabularSet, DataError> {
    let content = content::read(DataSet::Covtype, path, &CONTENT)?;
    if content.digest != CONTENT.sha256 {
        return Err(diagnose(path, &content));
    }
    let identity = identity(settings, content.digest)?;
    assemble(content.bytes, &PUBLISHED, identity).map_err(|fault| fault.in_file(DataSet::Covtype, path))
}

/// Reads the embedded part. "All rows" of its standardisation are the embedded rows.
pub(super) fn load_embedded(settings: &DataSettings) -> Result<TabularSet, DataError> {
    let path = Path::new("embedded covtype.csv.gz");
    let mut bytes = Vec::new();
    GzDecoder::new(EMBEDDED).read_to_end(&mut bytes).map_err(DataError::read(path))?;
    assemble(bytes, &SAMPLE, identify_embedded(settings)?).map_err(|fault| fault.in_file(DataSet::Covtype, path))
}

fn identity(settings: &DataSettings, digest: String) -> Result<DataIdentity, DataError> {
    match settings.standardise {
        Some(_) => Ok(DataIdentity { settings: settings.clone(), digest }),
        None => Err(DataError::Unspecified { set: settings.set }),
    }
}

fn diagnose(path: &Path, content: &Content) -> DataError {
    match fault::first(&content.bytes, &PUBLISHED) {
        Some(fault) => fault.in_file(DataSet::Covtype, path),
        None => DataError::Altered {
            set: DataSet::Covtype,
            path: path.to_owned(),
            expected: CONTENT.sha256.to_owned(),
            found: content.digest.clone(),
        },
    }
}

fn assemble(bytes: Vec<u8>, shape: &Shape, identity: DataIdentity) -> Result<TabularSet, Fault> {
    let table = Table::parse(&bytes, shape)?;
    drop(bytes);
    let basis = match identity.settings.standardise {
        Some(Standardise::TrainingRows) => 0..shape.test,
        Some(Standardise::AllRows) | None => 0..shape.rows,
    };
    let scaling = Scaling::over((0..CONTINUOUS).filter_map(|index| table.column(index)), basis)?;
    Ok(TabularSet {
        identity,
        blocks: BLOCKS.to_vec(),
        continuous: CONTINUOUS,
        classes: CLASSES,
        train: table.rows(0..shape.test, &scaling),
        validation: shape.validation..shape.test,
        test: table.rows(shape.test..shape.rows, &scaling),
        published_rows: (TRAINING, TEST),
    })
}

#[cfg(test)]
mod tests;
