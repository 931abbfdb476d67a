//! Why a trial runs again: what sets its recipes apart from those of finished runs.

use std::fs;
use std::path::Path;

use serde::Serialize;
use serde_json::Value;

use crate::recipe::Address;
use crate::store::{Results, State, StoreError, read_sealed};

use super::Trial;
use super::difference::{Difference, differences};

/// A run of the results folder that has ended well.
#[derive(Clone, Debug, PartialEq)]
pub struct FinishedRun {
    pub address: String,
    pub recipe: Value,
}

/// Every finished run.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Finished {
    pub pretext: Vec<FinishedRun>,
    pub evaluations: Vec<FinishedRun>,
    /// Files that could not be read, and so are not compared with.
    pub warnings: Vec<String>,
}

impl Finished {
    /// Reads the recipes of every finished run.
    pub fn read(results: &Results) -> Finished {
        let mut finished = Finished::default();
        finished.pretext = finished.runs(&results.root().join("pretext"), "done.json");
        finished.evaluations = finished.runs(&results.root().join("eval"), "result.json");
        finished
    }

    fn runs(&mut self, folder: &Path, last: &str) -> Vec<FinishedRun> {
        // No folder, no runs.
        let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
        let mut runs = Vec::new();
        for path in entries.flatten().map(|entry| entry.path()).filter(|path| path.join(last).exists()) {
            match read_sealed(&path.join("recipe.json")) {
                Ok(Some(recipe)) => {
                    let address = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
                    runs.push(FinishedRun { address, recipe });
                }
                Ok(None) => self.warnings.push(format!("{} has no recipe.json: left out", path.display())),
                Err(error) => self.warnings.push(format!("{error}: left out")),
            }
        }
        runs.sort_by(|one, other| one.address.cmp(&other.address));
        runs
    }
}

/// The finished run whose recipe has the fewest differences, and these: theirs left, ours right.
#[derive(Clone, Debug, PartialEq)]
pub struct Closest {
    pub address: String,
    pub differences: Vec<Difference>,
}

/// A piece of a trial that is not done.
#[derive(Clone, Debug, PartialEq)]
pub struct Missing {
    /// `pretext run`, `linear evaluation` and so on.
    pub what: String,
    pub address: Address,
    pub state: State,
    /// None where nothing like it is finished.
    pub closest: Option<Closest>,
}

/// What of a trial is not done, the pretext run alone if its evaluations wait for it. Empty if all is.
///
/// # Errors
/// A result that is there and cannot be read.
pub fn missing(trial: &Trial, results: &Results, finished: &Finished) -> Result<Vec<Missing>, StoreError> {
    let mut evaluations = Vec::new();
    for recipe in &trial.evaluations {
        let address = recipe.address();
        let state = results.evaluation(&address).evaluation_state()?;
        if state != State::Done {
            let kind = recipe.evaluation.id();
            let like = finished.evaluations.iter().filter(|run| run.recipe["evaluation"]["kind"] == kind);
            evaluations.push((
                recipe.encoder.is_some(),
                Missing { what: format!("{kind} evaluation"), closest: closest(recipe, like), address, state },
            ));
        }
    }
    if let Some(recipe) = &trial.pretext
        && evaluations.iter().any(|(waits, _)| *waits)
    {
        let address = recipe.address();
        let state = results.pretext(&address).pretext_state()?;
        if state != State::Done {
            evaluations.retain(|(waits, _)| !waits);
            let closest = closest(recipe, finished.pretext.iter());
            evaluations.insert(0, (false, Missing { what: "pretext run".to_owned(), address, state, closest }));
        }
    }
    Ok(evaluations.into_iter().map(|(_, missing)| missing).collect())
}

fn closest<'a>(recipe: &impl Serialize, runs: impl Iterator<Item = &'a FinishedRun>) -> Option<Closest> {
    let ours = serde_json::to_value(recipe).ok()?;
    runs.map(|run| Closest { address: run.address.clone(), differences: differences(&run.recipe, &ours) })
        .min_by_key(|closest| closest.differences.len())
}
