//! Tables of numbers as text.

use std::io::Cursor;
use std::sync::Arc;

use polars::prelude::{CsvParseOptions, CsvReadOptions, DataFrame, DataType, Field, PolarsResult, Schema, SerReader};

/// Reads lines of so many numbers, parted by commas and without a heading. What a line lacks is missing in the frame.
///
/// # Errors
/// A field is no number, or a line has more of them. Polars does not say which.
pub(super) fn read(text: &[u8], columns: usize) -> PolarsResult<DataFrame> {
    let schema = Schema::from_iter((0..columns).map(|index| Field::new(format!("{index}").into(), DataType::Float32)));
    CsvReadOptions::default()
        .with_has_header(false)
        .with_schema(Some(Arc::new(schema)))
        .with_parse_options(CsvParseOptions::default().with_quote_char(None))
        // One column at a time: all of them at once would double the memory.
        .with_rechunk(true)
        .with_low_memory(true)
        .into_reader_with_file_handle(Cursor::new(text))
        .finish()
}

/// The values of a column; none if one is missing.
pub(super) fn column(frame: &DataFrame, index: usize) -> Option<&[f32]> {
    frame.columns().get(index)?.f32().ok()?.cont_slice().ok()
}
