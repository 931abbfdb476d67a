//! The trials of a cell, as the results folder has them.

use std::collections::BTreeMap;

use crate::data::SetPart;
use crate::experiment::Trial;
use crate::recipe::Unit;
use crate::store::{Results, RunFolder, State, StoreError, read_sealed};

use super::measured::{EpochLoss, FailedTrial, Run, TrialReadings};

/// What was found of the trials of a cell.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Collected {
    /// Trials with at least one reading.
    pub trials: Vec<TrialReadings>,
    pub failures: Vec<FailedTrial>,
    /// Files that could not be used. What they hold counts nowhere.
    pub warnings: Vec<String>,
    /// How much of the data set the evaluations read, where they say it.
    pub part: Option<SetPart>,
}

/// Reads every evaluation of `trials`. A damaged or missing file never ends the reading and never gives a number.
pub fn collect(results: &Results, trials: &[Trial]) -> Collected {
    let mut collected = Collected::default();
    for trial in trials {
        collect_one(results, trial, &mut collected);
    }
    collected
}

fn collect_one(results: &Results, trial: &Trial, collected: &mut Collected) {
    let mut readings = BTreeMap::new();
    let mut evaluations = BTreeMap::new();
    let mut reasons: Vec<String> = Vec::new();
    for evaluation in &trial.evaluations {
        let address = evaluation.address();
        let folder = results.evaluation(&address);
        match folder.verified_result() {
            Ok(Some(result)) => match result.readings.iter().find_map(out_of_range) {
                Some(found) => {
                    collected.warnings.push(left_out(&StoreError::damaged(&folder.file("result.json"), found)));
                }
                None => {
                    let part = result.details.get("part").cloned();
                    collected.part = part.and_then(|part| serde_json::from_value(part).ok()).or(collected.part);
                    readings.extend(result.readings);
                    let run = run(&folder, address.to_string(), collected);
                    evaluations.insert(evaluation.evaluation.id().to_owned(), run);
                }
            },
            Ok(None) => reasons.extend(failure(&folder, RunFolder::evaluation_state, collected)),
            Err(error) => collected.warnings.push(left_out(&error)),
        }
    }
    let pretext = trial.pretext.as_ref().map(|recipe| recipe.address());
    if evaluations.len() < trial.evaluations.len()
        && let Some(address) = &pretext
    {
        reasons.extend(failure(&results.pretext(address), RunFolder::pretext_state, collected));
    }
    if !reasons.is_empty() {
        collected.failures.push(FailedTrial { seed: trial.seed, reason: reasons.join("; ") });
    }
    if !readings.is_empty() {
        let (mut run_of_pretext, mut learning) = (None, Vec::new());
        if let Some(address) = pretext {
            let folder = results.pretext(&address);
            learning = losses(&folder).unwrap_or_else(|error| {
                collected.warnings.push(format!("no learning curve for trial {}: {error}", trial.seed));
                Vec::new()
            });
            run_of_pretext = Some(run(&folder, address.to_string(), collected));
        }
        let seed = trial.seed;
        collected.trials.push(TrialReadings { seed, readings, pretext: run_of_pretext, evaluations, learning });
    }
}

/// A run with its provenance, as far as that can be read.
fn run(folder: &RunFolder, address: String, collected: &mut Collected) -> Run {
    let provenance = read_sealed(&folder.file("provenance.json")).unwrap_or_else(|error| {
        collected.warnings.push(left_out(&error));
        None
    });
    Run { address, provenance }
}

/// The loss of each epoch of a finished pretext run; none where the run is gone.
fn losses(folder: &RunFolder) -> Result<Vec<EpochLoss>, StoreError> {
    let Some(done) = folder.read_done()? else { return Ok(Vec::new()) };
    folder.read_metrics(&done)
}

/// What is wrong with a number that its reading cannot have.
fn out_of_range((name, value): (&String, &f64)) -> Option<String> {
    let unit = Unit::of(name);
    let range = unit.range();
    let expected = || format!("expected a {} from {} to {}", unit.name(), range.start(), range.end());
    (!range.contains(value)).then(|| format!("`{name}` is {value}, {}", expected()))
}

/// Why a run failed, if it did.
fn failure(
    folder: &RunFolder,
    state: impl Fn(&RunFolder) -> Result<State, StoreError>,
    collected: &mut Collected,
) -> Option<String> {
    match state(folder) {
        Ok(State::Failed(failure)) => Some(failure.to_string()),
        Ok(_) => None,
        Err(error) => {
            collected.warnings.push(left_out(&error));
            None
        }
    }
}

fn left_out(error: &StoreError) -> String {
    format!("left out: {error}")
}
