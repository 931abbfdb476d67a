//! A look at a parquet file's footer before the library reads it: the library makes room for as many items as a list
//! claims to have, however few bytes follow, and goes by a field's number alone, whatever it is of. A footer that lies
//! would take all memory. Fields are those of Parquet's format.

use std::collections::BTreeMap;

use crate::data::Fault;

use super::thrift;
use super::thrift::Shape::{self, Byte, List, Number, Struct, Text, Truth};

/// The length of the metadata and the four letters of the format.
const TAIL: usize = 8;

const FILE: &[(i16, Shape)] = &[
    (1, Number),
    (2, List(&Struct(SCHEMA_ELEMENT))),
    (3, Number),
    (4, List(&Struct(ROW_GROUP))),
    (5, List(&Struct(&[(1, Text), (2, Text)]))),
    (6, Text),
    (7, List(&Struct(&[(1, Struct(&[])), (2, Struct(&[]))]))),
];

const SCHEMA_ELEMENT: &[(i16, Shape)] = &[
    (1, Number),
    (2, Number),
    (3, Number),
    (4, Text),
    (5, Number),
    (6, Number),
    (7, Number),
    (8, Number),
    (9, Number),
    (10, Struct(LOGICAL_TYPE)),
];

/// Only decimals (5), times (7, 8) and whole numbers (10) have fields.
const LOGICAL_TYPE: &[(i16, Shape)] = &[
    (1, Struct(&[])),
    (2, Struct(&[])),
    (3, Struct(&[])),
    (4, Struct(&[])),
    (5, Struct(&[(1, Number), (2, Number)])),
    (6, Struct(&[])),
    (7, Struct(TIME)),
    (8, Struct(TIME)),
    (10, Struct(&[(1, Byte), (2, Truth)])),
    (11, Struct(&[])),
    (12, Struct(&[])),
    (13, Struct(&[])),
    (14, Struct(&[])),
    (15, Struct(&[])),
];

const TIME: &[(i16, Shape)] = &[(1, Truth), (2, Struct(&[(1, Struct(&[])), (2, Struct(&[])), (3, Struct(&[]))]))];

const ROW_GROUP: &[(i16, Shape)] = &[
    (1, List(&Struct(COLUMN_CHUNK))),
    (2, Number),
    (3, Number),
    (4, List(&Struct(&[(1, Number), (2, Truth), (3, Truth)]))),
    (5, Number),
    (6, Number),
    (7, Number),
];

const COLUMN_CHUNK: &[(i16, Shape)] =
    &[(1, Text), (2, Number), (3, Struct(COLUMN)), (4, Number), (5, Number), (6, Number), (7, Number)];

const COLUMN: &[(i16, Shape)] = &[
    (1, Number),
    (2, List(&Number)),
    (3, List(&Text)),
    (4, Number),
    (5, Number),
    (6, Number),
    (7, Number),
    (9, Number),
    (10, Number),
    (11, Number),
    (12, Struct(STATISTICS)),
    (14, Number),
    (15, Number),
];

const STATISTICS: &[(i16, Shape)] =
    &[(1, Text), (2, Text), (3, Number), (4, Number), (5, Text), (6, Text), (7, Truth), (8, Truth)];

/// A column of one group of rows, as the footer has it.
#[derive(Default)]
pub(super) struct Chunk {
    pub values: i64,
    /// Of all its pages, headers included.
    pub bytes: i64,
    /// Where its first page of data is, and that of its dictionary if it has one, which comes before.
    pub data: i64,
    pub dictionary: Option<i64>,
}

/// Checks that every field of the footer is of its kind and every list and text as long as it says, and gives the chunks by
/// group of rows and column. A file without a footer has none: the library says what is wrong with it.
pub(super) fn check(file: &[u8]) -> Result<BTreeMap<(usize, usize), Chunk>, Fault> {
    let mut chunks: BTreeMap<(usize, usize), Chunk> = BTreeMap::new();
    let Some((rest, tail)) = file.split_at_checked(file.len().saturating_sub(TAIL)) else { return Ok(chunks) };
    let Some(length) = tail.first_chunk().map(|length| u32::from_le_bytes(*length) as usize) else { return Ok(chunks) };
    let Some(start) = rest.len().checked_sub(length) else { return Ok(chunks) };
    let read = thrift::read(&rest[start..], FILE, |path, number| {
        let [4, group, 1, column, 3, field] = *path else { return };
        let chunk = chunks.entry((group, column)).or_default();
        match field {
            5 => chunk.values = number,
            7 => chunk.bytes = number,
            9 => chunk.data = number,
            11 => chunk.dictionary = Some(number),
            _ => {}
        }
    });
    let found = "a length beyond its end, or a field of another kind";
    read.map_err(|taken| Fault::new(format!("byte {}", start + taken), "a whole parquet footer", found))?;
    Ok(chunks)
}
