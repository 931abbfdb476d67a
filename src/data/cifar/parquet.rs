//! Hugging Face's parquet files: a column of PNG pictures and one of labels.

use std::io::Cursor;

use polars::prelude::{Column, DataFrame, DataType, ParquetReader, PolarsError, SerReader};
use rayon::prelude::*;

use crate::data::guard::guarded;
use crate::data::{Fault, Pictures, decode};

use super::{PICTURE, PUBLISHED, SIDE, Variant, footer, pages};

/// Names that the column of pictures has.
const COLUMNS: [&str; 2] = ["img", "image"];

/// Reads a file of pictures, however many.
pub(super) fn parse(variant: &Variant, bytes: Vec<u8>) -> Result<Pictures, Fault> {
    pages::check(&bytes, &footer::check(&bytes)?)?;
    let frame = guarded("the file", "a parquet file of pictures", || read(bytes))?;
    let labels = labels(variant, &frame)?;
    let pixels = pixels(&frame)?;
    Ok(Pictures { pixels, labels })
}

fn read(bytes: Vec<u8>) -> Result<DataFrame, Fault> {
    let mut reader = ParquetReader::new(Cursor::new(bytes));
    let rows = reader.num_rows().map_err(damaged)?;
    if rows > PUBLISHED.0 {
        return Err(Fault::new("the file", format!("at most {} records", PUBLISHED.0), format!("{rows}")));
    }
    reader.finish().map_err(damaged)
}

fn damaged(error: PolarsError) -> Fault {
    Fault::new("the file", "a parquet file of pictures", format!("damage ({error})"))
}

/// The first column there is of these names.
fn column<'a>(frame: &'a DataFrame, names: &[&str]) -> Result<&'a Column, Fault> {
    names.iter().find_map(|name| frame.column(name).ok()).ok_or_else(|| {
        let found: Vec<&str> = frame.get_column_names().iter().map(|name| name.as_str()).collect();
        Fault::new("the file", format!("a column `{}`", names.join("` or `")), format!("columns {}", found.join(", ")))
    })
}

fn labels(variant: &Variant, frame: &DataFrame) -> Result<Vec<u32>, Fault> {
    let column = column(frame, variant.label_columns)?;
    let values = column.cast(&DataType::Int64).map_err(damaged)?;
    let label = |(index, value): (usize, Option<i64>)| match value {
        Some(value) => variant.label(value).ok_or_else(|| variant.label_fault(index, value)),
        None => Err(Fault::new(format!("record {}", index + 1), "a label", "nothing")),
    };
    values.i64().map_err(damaged)?.iter().enumerate().map(label).collect()
}

fn pixels(frame: &DataFrame) -> Result<Vec<u8>, Fault> {
    let pictures =
        column(frame, &COLUMNS)?.struct_().and_then(|fields| fields.field_by_name("bytes")).map_err(damaged)?;
    let pictures = pictures.binary().map_err(damaged)?;
    let files: Vec<Option<&[u8]>> = pictures.iter().collect();
    let mut pixels = vec![0; files.len() * PICTURE];
    pixels.par_chunks_exact_mut(PICTURE).zip(&files).enumerate().try_for_each(|(index, (pixels, file))| {
        let record = format!("record {}", index + 1);
        let Some(file) = file else { return Err(Fault::new(record, "a PNG picture", "nothing")) };
        let picture = decode::rgb(file).map_err(|fault| fault.inside(&record))?;
        if picture.dimensions() != (SIDE as u32, SIDE as u32) {
            let found = format!("one of {} x {}", picture.width(), picture.height());
            return Err(Fault::new(record, format!("a picture of {SIDE} x {SIDE} pixels"), found));
        }
        pixels.copy_from_slice(picture.as_raw());
        Ok(())
    })?;
    Ok(pixels)
}
