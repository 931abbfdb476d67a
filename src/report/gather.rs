//! From an experiment and a results folder to what a report is made from.

use crate::data::SetPart;
use crate::experiment::{Cell, Experiment, ExperimentError, Filter, Scale};
use crate::paper::PaperNumber;
use crate::recipe::{DataIdentity, DataSettings};
use crate::store::Results;

use super::collect::{Collected, collect};
use super::measured::{Claim, Coordinate, Layout, Measured, MeasuredCell, Published};
use super::text::grouped;

/// Trials that a published mean is over, where its record does not say.
const PUBLISHED_TRIALS: usize = 5;

/// Which cells and trials a report is about.
#[derive(Clone, Debug)]
pub struct Question<'a> {
    pub experiment: &'a Experiment,
    pub scale: Scale,
    pub only: &'a Filter,
    /// Trials of each cell, instead of the number that the scale asks for.
    pub trials: Option<usize>,
}

/// Reads the trials of every cell asked for. `identify` names the data of a cell; a cell whose data it cannot name has no
/// trials and leaves a warning.
///
/// # Errors
/// The selection names an axis or a value that the experiment lacks.
pub fn gather<E: std::fmt::Display>(
    question: &Question,
    results: &Results,
    identify: impl Fn(&DataSettings) -> Result<DataIdentity, E>,
) -> Result<Measured, ExperimentError> {
    let Question { experiment, scale, only, trials } = *question;
    let cells = experiment.cells(scale, only)?;
    let mut warnings: Vec<String> = Vec::new();
    let mut marks = Vec::new();
    let measured = cells.iter().map(|cell| {
        let asked = trials.unwrap_or(cell.trials);
        let found = match cell.identify(&identify) {
            Ok(data) => {
                let trials: Vec<_> = (0..asked as u64).map(|seed| cell.trial(seed, &data)).collect();
                collect(results, &trials)
            }
            Err(error) => Collected { warnings: vec![error.to_string()], ..Collected::default() },
        };
        for warning in found.warnings {
            // Cells that share an encoder or a data set meet the same trouble.
            if !warnings.contains(&warning) {
                warnings.push(warning);
            }
        }
        marks.push(mark(cell, found.part));
        MeasuredCell {
            coordinates: coordinates(experiment, cell, scale),
            reading: cell.reading.clone(),
            asked,
            published: experiment.paper(cell).and_then(published),
            deviations: cell.deviations.clone(),
            trials: found.trials,
            failures: found.failures,
        }
    });
    let mut measured: Vec<MeasuredCell> = measured.collect();
    let layout = experiment.layout();
    let axes: Vec<String> = experiment.axes().into_iter().map(|(axis, _)| axis.to_owned()).collect();
    mark_axis(&axes, &marks, &mut measured);
    if let Some(transfer) = experiment.transfer() {
        let marks: Vec<Option<String>> = cells.iter().map(read_out_mark).collect();
        mark_axis(&[transfer.to_owned()], &marks, &mut measured);
    }
    Ok(Measured {
        experiment: experiment.id().to_owned(),
        title: experiment.title().to_owned(),
        scale,
        selection: selection(only, trials),
        layout: Layout {
            kind: layout.kind,
            rows: layout.rows.as_slice().to_vec(),
            columns: layout.columns.clone(),
            readings: layout.readings.clone(),
        },
        margin: experiment.margin(),
        cells: measured,
        claims: claims(experiment, &cells),
        warnings,
    })
}

/// What a reader must know of a cell's data beside the name of the set: that it is another set, or a part.
fn mark(cell: &Cell, part: Option<SetPart>) -> Option<String> {
    if let Some(other) = cell.deviations.iter().find(|deviation| deviation.what == "data.set") {
        return Some(format!("stand-in: {}", other.ours));
    }
    let part = part?;
    let of = |here: usize, published: usize| format!("{} of {}", grouped(here as u64), grouped(published as u64));
    if part.train < part.published_train {
        Some(format!("part: {}", of(part.train, part.published_train)))
    } else {
        (part.test < part.published_test).then(|| format!("test part: {}", of(part.test, part.published_test)))
    }
}

/// The stand-in that a transfer is read out on.
fn read_out_mark(cell: &Cell) -> Option<String> {
    let set = if cell.settings.evaluation.data.is_some() { "evaluation.data.set" } else { "data.set" };
    let other = cell.deviations.iter().find(|deviation| deviation.what == set)?;
    Some(format!("stand-in: {}", other.ours))
}

/// Adds marks to the labels of the first axis that they go by. A cell without a mark has that of the others with its
/// value.
fn mark_axis(axes: &[String], marks: &[Option<String>], cells: &mut [MeasuredCell]) {
    for axis in axes {
        let values: Vec<Option<String>> = cells.iter().map(|cell| value_on(cell, axis)).collect();
        let mark_of = |value: &Option<String>| {
            let mut found =
                values.iter().zip(marks).filter(|(other, _)| *other == value).filter_map(|(_, mark)| mark.as_ref());
            let first = found.next();
            found.all(|mark| Some(mark) == first).then_some(first)
        };
        let of_values: Option<Vec<Option<&String>>> = values.iter().map(mark_of).collect();
        let Some(of_values) = of_values else { continue };
        for (cell, mark) in cells.iter_mut().zip(of_values) {
            let coordinate = cell.coordinates.iter_mut().find(|it| it.axis == *axis);
            if let Some((coordinate, mark)) = coordinate.zip(mark) {
                coordinate.label = format!("{} ({mark})", coordinate.label);
            }
        }
        return;
    }
}

fn value_on(cell: &MeasuredCell, axis: &str) -> Option<String> {
    cell.coordinates.iter().find(|it| it.axis == axis).map(|it| it.value.clone())
}

fn coordinates(experiment: &Experiment, cell: &Cell, scale: Scale) -> Vec<Coordinate> {
    let coordinate = |(axis, value): &(String, String)| Coordinate {
        axis: axis.clone(),
        value: value.clone(),
        label: experiment.label(axis, value, scale).to_owned(),
    };
    cell.axes.iter().map(coordinate).collect()
}

fn published(number: &PaperNumber) -> Option<Published> {
    Some(Published {
        mean: number.mean?,
        std: number.std,
        trials: number.trials.map_or(PUBLISHED_TRIALS, |trials| trials as usize),
        confidence: number.confidence,
    })
}

/// The claims, as far as both of their cells are among `cells`.
fn claims(experiment: &Experiment, cells: &[Cell]) -> Vec<Claim> {
    let place = |axes: &[(String, String)]| cells.iter().position(|cell| cell.axes == axes);
    let mut claims: Vec<Claim> = Vec::new();
    for inequality in experiment.claims() {
        let Some(pair) = place(&inequality.greater).zip(place(&inequality.than)) else { continue };
        match claims.iter_mut().find(|claim| claim.id == inequality.id) {
            Some(claim) => claim.pairs.push(pair),
            None => claims.push(Claim {
                id: inequality.id,
                statement: inequality.text,
                confidence: inequality.confidence,
                reading: inequality.reading,
                pairs: vec![pair],
            }),
        }
    }
    claims
}

/// What was asked for, as on the command line; none for a whole experiment.
fn selection(only: &Filter, trials: Option<usize>) -> Option<String> {
    let axes = only.axes.iter().flat_map(|(axis, values)| values.iter().map(move |value| format!("{axis}={value}")));
    let axes = axes.collect::<Vec<_>>().join(",");
    let only = (!axes.is_empty()).then(|| format!("--only {axes}"));
    let trials = trials.map(|trials| format!("--trials {trials}"));
    let parts: Vec<String> = only.into_iter().chain(trials).collect();
    (!parts.is_empty()).then(|| parts.join(" "))
}
