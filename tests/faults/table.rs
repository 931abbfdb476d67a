//! Tables of a report, cell by cell.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// Cells that are not empty, by the key of their line and the name of their column.
pub type Table = BTreeMap<(String, String), String>;

/// Reads a CSV file whose lines are told apart by the columns `keys`. One that is not there is empty.
pub fn read(path: &Path, keys: &[&str]) -> Table {
    let text = fs::read_to_string(path).unwrap_or_default();
    let mut lines = records(&text).into_iter();
    let Some(names) = lines.next() else { return Table::new() };
    let mut table = Table::new();
    for line in lines {
        let cells = || names.iter().zip(&line);
        let key: Vec<&str> =
            cells().filter(|(name, _)| keys.contains(&name.as_str())).map(|(_, v)| v.as_str()).collect();
        for (name, value) in cells().filter(|(_, value)| !value.is_empty()) {
            table.insert((key.join("/"), name.clone()), value.clone());
        }
    }
    table
}

fn records(text: &str) -> Vec<Vec<String>> {
    let (mut records, mut record, mut cell, mut quoted) = (Vec::new(), Vec::new(), String::new(), false);
    for character in text.chars() {
        match character {
            '"' => quoted = !quoted,
            ',' if !quoted => record.push(std::mem::take(&mut cell)),
            '\n' if !quoted => {
                record.push(std::mem::take(&mut cell));
                records.push(std::mem::take(&mut record));
            }
            _ => cell.push(character),
        }
    }
    records
}
