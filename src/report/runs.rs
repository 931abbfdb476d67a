//! The runs behind the trials as tables: where each was made, and how its loss went.

use polars::prelude::*;

use super::aggregate::axis_columns;
use super::measured::{EpochLoss, Measured, MeasuredCell, Run, TrialReadings};
use crate::store::Provenance;

/// One row for each run behind a trial: its axes, seed, kind and address, and where and how it was made.
pub fn provenance(measured: &Measured) -> PolarsResult<DataFrame> {
    let rows: Vec<(&MeasuredCell, u64, &str, &Run)> = trials(measured)
        .flat_map(|(cell, trial)| trial.runs().map(move |(kind, run)| (cell, trial.seed, kind, run)))
        .collect();
    let mut columns = axis_columns(measured, rows.iter().map(|(cell, ..)| *cell));
    let text = |name: &str, get: &dyn Fn(&Provenance) -> String| {
        let values: Vec<Option<String>> = rows.iter().map(|(.., run)| run.provenance.as_ref().map(get)).collect();
        Column::new(name.into(), values)
    };
    let threads: Vec<Option<u64>> =
        rows.iter().map(|(.., run)| Some(run.provenance.as_ref()?.threads as u64)).collect();
    let seconds: Vec<Option<f64>> = rows.iter().map(|(.., run)| Some(run.provenance.as_ref()?.wall_seconds)).collect();
    columns.extend([
        Column::new("seed".into(), rows.iter().map(|(_, seed, ..)| *seed).collect::<Vec<_>>()),
        Column::new("scale".into(), vec![measured.scale.id(); rows.len()]),
        Column::new("run".into(), rows.iter().map(|(_, _, kind, _)| *kind).collect::<Vec<_>>()),
        Column::new("address".into(), rows.iter().map(|(.., run)| run.address.as_str()).collect::<Vec<_>>()),
        text("program", &|from| from.program.clone()),
        text("commit", &|from| from.commit.clone()),
        text("crates", &|from| {
            let crates: Vec<String> = from.crates.iter().map(|(name, version)| format!("{name} {version}")).collect();
            crates.join("; ")
        }),
        text("device", &|from| from.device.clone()),
        Column::new("threads".into(), threads),
        text("precision", &|from| from.precision.clone()),
        text("data sha256", &|from| from.data_digest.clone()),
        text("command", &|from| from.command.join(" ")),
        Column::new("seconds".into(), seconds),
    ]);
    DataFrame::new(rows.len(), columns)
}

/// One row for each epoch of the pretext run of a trial.
pub fn learning(measured: &Measured) -> PolarsResult<DataFrame> {
    let rows: Vec<(&MeasuredCell, &TrialReadings, &EpochLoss)> = trials(measured)
        .flat_map(|(cell, trial)| trial.learning.iter().map(move |epoch| (cell, trial, epoch)))
        .collect();
    let mut columns = axis_columns(measured, rows.iter().map(|(cell, ..)| *cell));
    let address = |trial: &TrialReadings| trial.pretext.as_ref().map(|run| run.address.clone());
    columns.extend([
        Column::new("seed".into(), rows.iter().map(|(_, trial, _)| trial.seed).collect::<Vec<_>>()),
        Column::new("scale".into(), vec![measured.scale.id(); rows.len()]),
        Column::new("pretext address".into(), rows.iter().map(|(_, trial, _)| address(trial)).collect::<Vec<_>>()),
        Column::new("epoch".into(), rows.iter().map(|(.., epoch)| epoch.epoch).collect::<Vec<_>>()),
        Column::new("loss".into(), rows.iter().map(|(.., epoch)| epoch.loss).collect::<Vec<_>>()),
    ]);
    DataFrame::new(rows.len(), columns)
}

fn trials(measured: &Measured) -> impl Iterator<Item = (&MeasuredCell, &TrialReadings)> {
    measured.cells.iter().flat_map(|cell| cell.trials.iter().map(move |trial| (cell, trial)))
}
