//! What stands beneath the table: every reading of each cell.

use super::{Report, text};

/// Readings in words.
pub struct Readings {
    pub header: Vec<String>,
    /// One for each cell that has a reading, as long as the header.
    pub rows: Vec<Vec<String>>,
}

impl Readings {
    /// The readings that the experiment asks for beneath its table, as far as some trial has them; nothing without any.
    pub fn of(report: &Report) -> Option<Readings> {
        let has = |name: &&String| report.summaries.iter().any(|summary| summary.readings.contains_key(*name));
        let names: Vec<&String> = report.measured.layout.readings.iter().filter(has).collect();
        if names.is_empty() {
            return None;
        }
        let header = ["cell", "n"].map(str::to_owned).into_iter().chain(names.iter().map(|name| text::heading(name)));
        let read = report.summaries.iter().enumerate().filter(|(_, summary)| !summary.readings.is_empty());
        let rows = read.map(|(index, summary)| {
            let number = |name: &&String| match summary.readings.get(*name) {
                Some(found) => text::spread_of(name, found),
                None => "-".to_owned(),
            };
            [report.grid.name(index), summary.n().to_string()].into_iter().chain(names.iter().map(number)).collect()
        });
        Some(Readings { header: header.collect(), rows: rows.collect() })
    }
}
