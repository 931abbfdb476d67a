//! Rows of the file, block after block.

use std::path::Path;

use crate::data::{DataError, Fault, Rows, content, table};
use crate::recipe::DataSet;

/// Inputs of a row.
pub(super) const WIDTH: usize = 28;
/// Bytes of text that are parsed at a time.
const BYTES: usize = 1 << 25;
/// Bytes that a line of 29 numbers never has.
const LONGEST_LINE: usize = 1 << 16;

/// Some rows.
pub(super) struct Block {
    /// Row-major.
    inputs: Vec<f32>,
    labels: Vec<u32>,
}

impl Block {
    /// Rows without labels, row-major.
    pub fn of(inputs: &[f32]) -> Block {
        Block { inputs: inputs.to_vec(), labels: Vec::new() }
    }

    pub fn rows(&self) -> usize {
        self.inputs.len() / WIDTH
    }

    pub fn column(&self, column: usize) -> impl Iterator<Item = f32> {
        self.inputs.iter().skip(column).step_by(WIDTH).copied()
    }

    /// Appends a row to others.
    pub fn copy(&self, row: usize, to: &mut Rows) {
        to.inputs.extend_from_slice(&self.inputs[row * WIDTH..][..WIDTH]);
        to.labels.push(self.labels[row]);
    }

    /// Reads whole lines.
    fn parse(text: &[u8]) -> Result<Block, Trouble> {
        let frame = table::read(text, WIDTH + 1).map_err(|error| Trouble(error.to_string()))?;
        let columns: Option<Vec<&[f32]>> = (0..=WIDTH).map(|index| table::column(&frame, index)).collect();
        let Some((labels, inputs)) = columns.as_deref().and_then(|columns| columns.split_first()) else {
            return Err(Trouble("a value that is not there".to_owned()));
        };
        if labels.iter().any(|label| !is_label(*label))
            || inputs.iter().flat_map(|it| it.iter()).any(|it| !it.is_finite())
        {
            return Err(Trouble("a value out of range".to_owned()));
        }
        let mut block = Block { inputs: vec![0.0; labels.len() * WIDTH], labels: Vec::new() };
        for (column, values) in inputs.iter().enumerate() {
            for (row, value) in block.inputs.chunks_exact_mut(WIDTH).zip(*values) {
                row[column] = *value;
            }
        }
        block.labels = labels.iter().map(|label| *label as u32).collect();
        Ok(block)
    }
}

/// What polars says of a text it cannot read. It does not say where.
struct Trouble(String);

fn is_label(value: f32) -> bool {
    value == 0.0 || value == 1.0
}

/// Hands a file's rows over in order, each block with the number of its first row, and returns how many there are.
///
/// # Errors
/// The file cannot be read, or a line is not 29 numbers of which the first is 0 or 1.
pub(super) fn each(path: &Path, mut take: impl FnMut(usize, &Block)) -> Result<usize, DataError> {
    let mut rows = 0;
    let mut pending: Vec<u8> = Vec::with_capacity(BYTES + LONGEST_LINE);
    let mut fault = None;
    let mut hand_over = |text: &[u8]| match parsed(text, rows) {
        Ok(block) => {
            take(rows, &block);
            rows += block.rows();
            true
        }
        Err(found) => {
            fault = Some(found);
            false
        }
    };
    content::stream(DataSet::Higgs, path, |bytes| {
        pending.extend_from_slice(bytes);
        if pending.len() < BYTES {
            return true;
        }
        let whole = pending.iter().rposition(|byte| *byte == b'\n').map_or(pending.len(), |at| at + 1);
        let more = hand_over(&pending[..whole]);
        pending.drain(..whole);
        more
    })?;
    if !pending.is_empty() {
        hand_over(&pending);
    }
    match fault {
        Some(fault) => Err(fault.in_file(DataSet::Higgs, path)),
        None => Ok(rows),
    }
}

/// Reads lines of which the first is row `first` of its file.
///
/// # Errors
/// The first line that is no row.
pub(super) fn parsed(text: &[u8], first: usize) -> Result<Block, Fault> {
    let lines = text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).count();
    match Block::parse(text) {
        Ok(block) if block.rows() == lines => Ok(block),
        Ok(_) => Err(first_fault(text, first).unwrap_or_else(|| unknown(first, "lines that are no rows"))),
        Err(Trouble(trouble)) => Err(first_fault(text, first).unwrap_or_else(|| unknown(first, &trouble))),
    }
}

fn unknown(first: usize, trouble: &str) -> Fault {
    Fault::new(format!("after line {first}"), "a table of numbers", trouble)
}

/// The first line that is no row.
fn first_fault(text: &[u8], first: usize) -> Option<Fault> {
    text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).enumerate().find_map(|(index, line)| {
        let place = format!("line {}", first + index + 1);
        let line = String::from_utf8_lossy(line);
        let fields: Vec<&str> = line.trim_end_matches('\r').split(',').collect();
        if fields.len() != WIDTH + 1 {
            let expected = format!("{} numbers", WIDTH + 1);
            return Some(Fault::new(place, expected, format!("{} fields", fields.len())));
        }
        fields.iter().enumerate().find_map(|(column, field)| {
            let value: Option<f32> = field.trim().parse().ok().filter(|value: &f32| value.is_finite());
            let place = format!("{place}, column {}", column + 1);
            let found = format!("`{}`", field.chars().take(40).collect::<String>());
            match value {
                None => Some(Fault::new(place, "a finite number", found)),
                Some(label) if column == 0 && !is_label(label) => Some(Fault::new(place, "0 or 1", found)),
                Some(_) => None,
            }
        })
    })
}
