//! HIGGS of UCI: 11,000,000 simulated collisions, 28 numbers each, signal or background.
//!
//! A line is the class, 0 or 1, and 28 inputs: 21 measured by the detector and 7 computed from them. The last 500,000
//! rows are test, all others training (official `tabular.py`). The file is read in blocks, so that only the rows asked
//! for are ever in memory.

mod block;
mod draw;
mod moments;
#[cfg(test)]
mod tests;

use std::path::Path;

use crate::recipe::{DataIdentity, DataSet, DataSettings, Standardise};

use super::layout::{Container, Form, Layout};
use super::{DataError, Descriptor, Inventory, Rows, Standing, TabularSet, content};

use block::{Block, WIDTH};
use moments::Moments;

/// Counts the rows of uncompressed text.
pub(super) fn parse(text: &[u8]) -> Result<usize, super::Fault> {
    block::parsed(text, 0).map(|block| block.rows())
}

/// Rows of the published file.
const PUBLISHED: usize = 11_000_000;
const PUBLISHED_TEST: usize = 500_000;
const CLASSES: usize = 2;

static LAYOUTS: [Layout; 1] = [Layout {
    form: Form::Text,
    container: Container::File,
    paths: &["higgs/HIGGS.csv.gz", "HIGGS.csv.gz", "higgs/HIGGS.csv", "HIGGS.csv"],
    train: &[],
    test: &[],
}];

pub(super) static DESCRIPTOR: Descriptor = Descriptor::new(
    DataSet::Higgs,
    Some((PUBLISHED - PUBLISHED_TEST, PUBLISHED_TEST)),
    "CC BY 4.0",
    "Whiteson, Daniel (2014). HIGGS. UCI Machine Learning Repository, https://doi.org/10.24432/C5V312.",
)
.with_layouts(&LAYOUTS)
.with_page("https://archive.ics.uci.edu/dataset/280/higgs");

/// Training and test rows of a file with so many: of a part of it the same share is test.
fn split(rows: usize) -> (usize, usize) {
    let test = if rows >= PUBLISHED { PUBLISHED_TEST } else { rows * PUBLISHED_TEST / PUBLISHED };
    (rows - test, test)
}

/// Names a file's content and counts its rows. Reads the file through.
pub(super) fn inventory(path: &Path, settings: &DataSettings) -> Result<Inventory, DataError> {
    survey(path, settings).map(|(inventory, _)| inventory)
}

/// The inventory of a file, and its training rows before any are drawn.
fn survey(path: &Path, settings: &DataSettings) -> Result<(Inventory, usize), DataError> {
    if settings.standardise.is_none() {
        return Err(DataError::Unspecified { set: settings.set });
    }
    let (digest, rows) = count(path)?;
    let (train, test) = split(rows);
    if test == 0 {
        let expected = format!("at least {} rows", PUBLISHED.div_ceil(PUBLISHED_TEST));
        return Err(super::Fault::new("the end", expected, format!("{rows} rows")).in_file(DataSet::Higgs, path));
    }
    let rows = (settings.rows.map_or(train, |wanted| wanted.min(train)), test);
    let identity = DataIdentity { settings: settings.clone(), digest };
    Ok((Inventory { identity, rows, warnings: Vec::new() }, train))
}

/// Reads the rows that settings ask for. Inputs are standardised over every row of the file or over the training rows
/// kept: (x - mean) / (deviation + 1e-7), as in the official `tabular.py`.
pub(super) fn load(path: &Path, settings: &DataSettings) -> Result<TabularSet, DataError> {
    let (Inventory { identity, rows: (kept, test), .. }, train) = survey(path, settings)?;
    // Sorted, since rows are taken as the file gives them; their order in memory means nothing.
    let chosen = (kept < train).then(|| draw::rows(train, kept));
    let empty = |rows: usize| Rows { inputs: Vec::with_capacity(rows * WIDTH), labels: Vec::with_capacity(rows) };
    let (mut training, mut testing) = (empty(kept), empty(test));
    let mut moments = Moments::default();
    let all_rows = settings.standardise == Some(Standardise::AllRows);
    let mut next = 0;
    block::each(path, |first, block| {
        if all_rows {
            moments.add(block);
        }
        for row in 0..block.rows() {
            let at = first + row;
            if at >= train {
                block.copy(row, &mut testing);
                continue;
            }
            match &chosen {
                None => block.copy(row, &mut training),
                Some(chosen) if chosen.get(next) == Some(&(at as u32)) => {
                    block.copy(row, &mut training);
                    next += 1;
                }
                Some(_) => {}
            }
        }
    })?;
    if !all_rows {
        moments.add(&Block::of(&training.inputs));
    }
    let scaling = moments.scaling();
    scaling.apply(&mut training.inputs);
    scaling.apply(&mut testing.inputs);
    let published = settings.rows.unwrap_or(PUBLISHED - PUBLISHED_TEST);
    Ok(TabularSet {
        identity,
        blocks: vec![WIDTH],
        continuous: WIDTH,
        classes: CLASSES,
        train: training,
        validation: 0..0,
        test: testing,
        published_rows: (published, PUBLISHED_TEST),
    })
}

/// Reads a copy through.
pub(super) fn verify(path: &Path) -> Result<Standing, DataError> {
    let rows = block::each(path, |_, _| ())?;
    let (have, of) = (split(rows), (PUBLISHED - PUBLISHED_TEST, PUBLISHED_TEST));
    Ok(if rows >= PUBLISHED { Standing::Complete } else { Standing::Part { have, of } })
}

/// The digest of a file's uncompressed content, and its lines.
fn count(path: &Path) -> Result<(String, usize), DataError> {
    let (mut lines, mut last) = (0, b'\n');
    let digest = content::stream(DataSet::Higgs, path, |bytes| {
        lines += bytes.iter().filter(|byte| **byte == b'\n').count();
        last = bytes.last().copied().unwrap_or(last);
        true
    })?;
    Ok((digest, lines + usize::from(last != b'\n')))
}
