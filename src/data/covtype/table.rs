//! The numbers of a CovType text, column by column.

use std::ops::Range;

use polars::prelude::DataFrame;

use crate::data::{Fault, Rows, table};

use super::fault;
use super::scaling::Scaling;
use super::{BLOCKS, CONTINUOUS, Shape, WIDTH};

/// Rows transposed at a time: 1,024 rows of 54 inputs stay in the second-level cache.
const TILE: usize = 1024;

/// 54 input columns and the labels, checked and as published.
pub(super) struct Table {
    frame: DataFrame,
}

impl Table {
    /// Reads a text and checks it: rows, columns, finite numbers, one-hot blocks, labels.
    pub fn parse(bytes: &[u8], shape: &Shape) -> Result<Table, Fault> {
        let trouble = match table::read(bytes, WIDTH + 1) {
            Ok(frame) => {
                let table = Table { frame };
                if table.is_sound(shape) {
                    return Ok(table);
                }
                "a value that breaks a rule of the data set".to_owned()
            }
            Err(error) => error.to_string(),
        };
        // Polars does not say on which line it stumbled, so the text is gone through again.
        Err(fault::first(bytes, shape).unwrap_or_else(|| Fault::new("somewhere", "a table of numbers", trouble)))
    }

    /// The values of a column; none if one is missing.
    pub fn column(&self, index: usize) -> Option<&[f32]> {
        table::column(&self.frame, index)
    }

    fn is_sound(&self, shape: &Shape) -> bool {
        let columns: Option<Vec<&[f32]>> = (0..=WIDTH).map(|index| self.column(index)).collect();
        let Some(columns) = columns else { return false };
        if columns.iter().any(|column| column.len() != shape.rows) {
            return false;
        }
        let (inputs, labels) = columns.split_at(WIDTH);
        let (continuous, binary) = inputs.split_at(CONTINUOUS);
        let (areas, soils) = binary.split_at(BLOCKS[1]);
        continuous.iter().all(|column| column.iter().all(|value| value.is_finite()))
            && is_one_hot(areas, shape.rows)
            && is_one_hot(soils, shape.rows)
            && labels[0].iter().all(|value| fault::is_label(*value))
    }

    /// Copies rows out, row-major, with the continuous inputs standardised and the labels from 0.
    ///
    /// # Panics
    /// If `range` reaches past the rows that `parse` checked.
    pub fn rows(&self, range: Range<usize>, scaling: &Scaling) -> Rows {
        let columns: Vec<&[f32]> = (0..=WIDTH).map(|index| self.column(index).expect("parse checked it")).collect();
        let labels = columns[WIDTH][range.clone()].iter().map(|label| *label as u32 - 1).collect();
        let mut inputs = vec![0.; range.len() * WIDTH];
        for (tile, start) in inputs.chunks_mut(TILE * WIDTH).zip(range.step_by(TILE)) {
            for (index, column) in columns[..WIDTH].iter().enumerate() {
                for (row, value) in tile.chunks_exact_mut(WIDTH).zip(&column[start..]) {
                    row[index] = scaling.apply(index, *value);
                }
            }
        }
        Rows { inputs, labels }
    }
}

fn is_one_hot(columns: &[&[f32]], rows: usize) -> bool {
    let mut ones = vec![0u8; rows];
    for column in columns {
        for (count, value) in ones.iter_mut().zip(*column) {
            if *value != 0. && *value != 1. {
                return false;
            }
            *count += *value as u8;
        }
    }
    ones.iter().all(|count| *count == 1)
}
