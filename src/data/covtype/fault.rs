//! Where a CovType text goes wrong.

use crate::data::Fault;

use super::{BLOCKS, CLASSES, CONTINUOUS, Shape, WIDTH};

/// Goes through a text line by line and stops at the first fault; none if every rule holds. Lines and columns count
/// from 1.
pub(super) fn first(bytes: &[u8], shape: &Shape) -> Option<Fault> {
    let body = bytes.strip_suffix(b"\n").unwrap_or(bytes);
    let lines = if body.is_empty() { 0 } else { body.split(|byte| *byte == b'\n').count() };
    for (index, line) in body.split(|byte| *byte == b'\n').enumerate().take(lines) {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if let Some(fault) = in_line(index, line) {
            return Some(fault);
        }
    }
    (lines != shape.rows).then(|| Fault::new("end of file", format!("{} rows", shape.rows), format!("{lines} rows")))
}

fn in_line(index: usize, line: &[u8]) -> Option<Fault> {
    let number = index + 1;
    let fields: Vec<&[u8]> = line.split(|byte| *byte == b',').collect();
    let mut values = [0f32; WIDTH + 1];
    for (column, (field, value)) in fields.iter().zip(&mut values).enumerate() {
        match std::str::from_utf8(field).ok().and_then(|text| text.parse::<f32>().ok()) {
            Some(parsed) if parsed.is_finite() => *value = parsed,
            _ if fields.len() == 1 && field.is_empty() => {
                return Some(Fault::new(format!("line {number}"), "a row of 55 numbers", "an empty line"));
            }
            _ => {
                let header = if index == 0 { " (the published file has no header line)" } else { "" };
                return Some(Fault::new(place(number, column), format!("a number{header}"), quoted(field)));
            }
        }
    }
    if fields.len() != WIDTH + 1 {
        let found = format!("{} columns", fields.len());
        return Some(Fault::new(format!("line {number}"), format!("{} columns", WIDTH + 1), found));
    }
    let mut start = CONTINUOUS;
    for block in &BLOCKS[1..] {
        let columns = start..start + block;
        if let Some(column) = columns.clone().find(|column| values[*column] != 0. && values[*column] != 1.) {
            return Some(Fault::new(place(number, column), "0 or 1", quoted(fields[column])));
        }
        let ones = values[columns.clone()].iter().filter(|value| **value == 1.).count();
        if ones != 1 {
            let place = format!("line {number}, columns {} to {}", columns.start + 1, columns.end);
            return Some(Fault::new(place, "one 1, the others 0", format!("{ones} ones")));
        }
        start = columns.end;
    }
    let label = values[WIDTH];
    (!is_label(label))
        .then(|| Fault::new(place(number, WIDTH), format!("a cover type from 1 to {CLASSES}"), quoted(fields[WIDTH])))
}

/// Whether a number is a class label.
pub(super) fn is_label(value: f32) -> bool {
    value.fract() == 0. && (1.0..=CLASSES as f32).contains(&value)
}

fn place(line: usize, column: usize) -> String {
    format!("line {line}, column {}", column + 1)
}

fn quoted(field: &[u8]) -> String {
    const SHOWN: usize = 30;
    if field.is_empty() {
        return "nothing".to_owned();
    }
    let text = String::from_utf8_lossy(field);
    let mut shown = String::new();
    for character in text.chars().take(SHOWN) {
        if character.is_control() {
            shown.extend(character.escape_default());
        } else {
            shown.push(character);
        }
    }
    let more = if text.chars().count() > SHOWN { "..." } else { "" };
    format!("`{shown}{more}`")
}
