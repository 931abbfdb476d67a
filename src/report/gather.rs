//! From an experiment and a results folder to what a report is made from.

use crate::experiment::{Cell, Experiment, ExperimentError, Filter, Scale};
use crate::paper::PaperNumber;
use crate::recipe::{DataIdentity, DataSettings};
use crate::store::Results;

use super::collect::{Collected, collect};
use super::measured::{Claim, Coordinate, Layout, Measured, MeasuredCell, Published};
use super::verdict::MARGIN;

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
    let measured = cells.iter().map(|cell| {
        let asked = trials.unwrap_or(cell.trials);
        let not_built = cell.built().err().map(|not_built| not_built.domain.to_string());
        let identity = if not_built.is_some() { None } else { Some(identify(&cell.settings.data)) };
        let found = match identity {
            None => Collected::default(),
            Some(Ok(identity)) => {
                let trials: Vec<_> = (0..asked as u64).map(|seed| cell.trial(seed, &identity)).collect();
                collect(results, &trials)
            }
            Some(Err(error)) => Collected { warnings: vec![error.to_string()], ..Collected::default() },
        };
        for warning in found.warnings {
            // Cells that share an encoder or a data set meet the same trouble.
            if !warnings.contains(&warning) {
                warnings.push(warning);
            }
        }
        MeasuredCell {
            coordinates: coordinates(experiment, cell),
            reading: cell.reading.clone(),
            asked,
            published: experiment.paper(cell).and_then(published),
            deviations: cell.deviations.clone(),
            not_built,
            trials: found.trials,
            failures: found.failures,
        }
    });
    let measured = measured.collect();
    let layout = experiment.layout();
    Ok(Measured {
        experiment: experiment.id().to_owned(),
        title: experiment.title().to_owned(),
        scale,
        selection: selection(only, trials),
        layout: Layout {
            rows: vec![layout.rows.clone()],
            columns: layout.columns.clone(),
            readings: layout.readings.clone(),
        },
        margin: MARGIN,
        cells: measured,
        claims: claims(experiment, &cells),
        warnings,
    })
}

fn coordinates(experiment: &Experiment, cell: &Cell) -> Vec<Coordinate> {
    let coordinate = |(axis, value): &(String, String)| Coordinate {
        axis: axis.clone(),
        value: value.clone(),
        label: experiment.label(axis, value).to_owned(),
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
