//! The trials and the cells as tables, and means and deviations over the trials.

use std::collections::{BTreeMap, BTreeSet};

use polars::prelude::*;

use super::Summary;
use super::measured::{Measured, MeasuredCell};
use super::statistics::Spread;
use super::text;

/// Index of a trial's cell in the table of trials. Not written: the axes say the same to a reader.
const CELL: &str = "\u{0}cell";

/// One row for each trial: its axes, seed, scale, every reading, and the addresses of its runs.
pub fn trials(measured: &Measured) -> PolarsResult<DataFrame> {
    let rows: Vec<_> = measured
        .cells
        .iter()
        .enumerate()
        .flat_map(|(index, cell)| cell.trials.iter().map(move |trial| (index, cell, trial)))
        .collect();
    let indices: Vec<u32> = rows.iter().map(|(index, _, _)| *index as u32).collect();
    let mut columns = vec![Column::new(CELL.into(), indices)];
    columns.extend(axis_columns(measured, rows.iter().map(|(_, cell, _)| *cell)));
    columns.push(Column::new("seed".into(), rows.iter().map(|(_, _, trial)| trial.seed).collect::<Vec<_>>()));
    columns.push(Column::new("scale".into(), vec![measured.scale.id(); rows.len()]));
    for reading in readings(measured) {
        let values: Vec<Option<f64>> = rows.iter().map(|(_, _, trial)| trial.readings.get(&reading).copied()).collect();
        columns.push(Column::new(reading.into(), values));
    }
    let pretext: Vec<Option<&str>> =
        rows.iter().map(|(_, _, trial)| Some(trial.pretext.as_ref()?.address.as_str())).collect();
    columns.push(Column::new("pretext address".into(), pretext));
    let kinds: BTreeSet<&String> = rows.iter().flat_map(|(_, _, trial)| trial.evaluations.keys()).collect();
    for kind in kinds {
        let addresses: Vec<Option<&str>> =
            rows.iter().map(|(_, _, trial)| Some(trial.evaluations.get(kind)?.address.as_str())).collect();
        columns.push(Column::new(format!("{kind} address").into(), addresses));
    }
    DataFrame::new(rows.len(), columns)
}

/// Spread of every reading over the trials of each cell, in the order of the cells.
pub fn spreads(measured: &Measured, trials: &DataFrame) -> PolarsResult<Vec<BTreeMap<String, Spread>>> {
    let readings = readings(measured);
    let owners = trials.column(CELL)?.u32()?;
    (0..measured.cells.len())
        .map(|index| {
            let own = trials.filter(&owners.equal(index as u32))?;
            let mut spreads = BTreeMap::new();
            for reading in &readings {
                let values = own.column(reading)?.f64()?;
                let n = values.len() - values.null_count();
                if let Some(mean) = values.mean() {
                    spreads.insert(reading.clone(), Spread { n, mean, std: values.std(1) });
                }
            }
            Ok(spreads)
        })
        .collect()
}

/// One row for each cell: ours, the paper's, the difference and the verdict.
pub fn cells(measured: &Measured, summaries: &[Summary]) -> PolarsResult<DataFrame> {
    let rows: Vec<(&MeasuredCell, &Summary)> = measured.cells.iter().zip(summaries).collect();
    let mut columns = axis_columns(measured, rows.iter().map(|(cell, _)| *cell));
    let text = |name: &str, get: &dyn Fn(&MeasuredCell, &Summary) -> Option<String>| {
        Column::new(name.into(), rows.iter().map(|(cell, summary)| get(cell, summary)).collect::<Vec<_>>())
    };
    let count = |name: &str, get: &dyn Fn(&MeasuredCell, &Summary) -> Option<usize>| {
        let values: Vec<Option<u64>> =
            rows.iter().map(|(cell, summary)| get(cell, summary).map(|it| it as u64)).collect();
        Column::new(name.into(), values)
    };
    let number = |name: &str, get: &dyn Fn(&MeasuredCell, &Summary) -> Option<f64>| {
        Column::new(name.into(), rows.iter().map(|(cell, summary)| get(cell, summary)).collect::<Vec<_>>())
    };
    columns.extend([
        text("scale", &|_, _| Some(measured.scale.id().to_owned())),
        text("reading", &|cell, _| Some(cell.reading.clone())),
        count("n", &|_, summary| Some(summary.n())),
        count("trials asked", &|cell, _| Some(cell.asked)),
        count("trials failed", &|cell, _| Some(cell.failures.len())),
        number("mean", &|_, summary| summary.ours.map(|ours| ours.mean)),
        number("std", &|_, summary| summary.ours.and_then(|ours| ours.std)),
        number("ci95 low", &|_, summary| summary.interval.map(|interval| interval.low)),
        number("ci95 high", &|_, summary| summary.interval.map(|interval| interval.high)),
        number("bootstrap95 low", &|_, summary| summary.bootstrap.map(|interval| interval.low)),
        number("bootstrap95 high", &|_, summary| summary.bootstrap.map(|interval| interval.high)),
        number("paper mean", &|cell, _| cell.published.as_ref().map(|published| published.mean)),
        number("paper std", &|cell, _| cell.published.as_ref().and_then(|published| published.std)),
        count("paper n", &|cell, _| cell.published.as_ref().map(|published| published.trials)),
        text("paper confidence", &|cell, _| Some(cell.published.as_ref()?.confidence.id().to_owned())),
        number("difference", &|_, summary| summary.difference),
        number("difference ci95 low", &|_, summary| summary.difference_interval.map(|interval| interval.low)),
        number("difference ci95 high", &|_, summary| summary.difference_interval.map(|interval| interval.high)),
        text("verdict", &|_, summary| Some(summary.verdict.to_string())),
        text("deviations", &|cell, _| {
            let deviations: Vec<String> = cell.deviations.iter().map(text::deviation).collect();
            (!deviations.is_empty()).then(|| deviations.join("; "))
        }),
    ]);
    DataFrame::new(rows.len(), columns)
}

/// A column for each axis, with its value in each of `rows`.
pub fn axis_columns<'a>(measured: &Measured, rows: impl Iterator<Item = &'a MeasuredCell> + Clone) -> Vec<Column> {
    let column = |axis: String| {
        let values: Vec<Option<&str>> = rows.clone().map(|cell| value(cell, &axis)).collect();
        Column::new(axis.into(), values)
    };
    axes(measured).into_iter().map(column).collect()
}

/// The table as CSV, with numbers in full precision and missing values empty.
pub fn csv(frame: &DataFrame) -> PolarsResult<Vec<u8>> {
    let mut frame = if frame.column(CELL).is_ok() { frame.drop(CELL)? } else { frame.clone() };
    let mut bytes = Vec::new();
    CsvWriter::new(&mut bytes).n_threads(1).finish(&mut frame)?;
    Ok(bytes)
}

/// Every axis, in order of first appearance.
fn axes(measured: &Measured) -> Vec<String> {
    let mut axes: Vec<String> = Vec::new();
    for coordinate in measured.cells.iter().flat_map(|cell| &cell.coordinates) {
        if !axes.contains(&coordinate.axis) {
            axes.push(coordinate.axis.clone());
        }
    }
    axes
}

/// Every reading that some trial has, sorted.
pub fn readings(measured: &Measured) -> Vec<String> {
    let trials = measured.cells.iter().flat_map(|cell| &cell.trials);
    let readings: BTreeSet<&String> = trials.flat_map(|trial| trial.readings.keys()).collect();
    readings.into_iter().cloned().collect()
}

fn value<'a>(cell: &'a MeasuredCell, axis: &str) -> Option<&'a str> {
    cell.coordinates.iter().find(|coordinate| coordinate.axis == axis).map(|coordinate| coordinate.value.as_str())
}
