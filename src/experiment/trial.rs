//! Cells and trials.

use serde::{Deserialize, Serialize};

use crate::recipe::{EvaluationRecipe, PretextRecipe, Settings};

/// One number of a table or figure.
#[derive(Clone, Debug, PartialEq)]
pub struct Cell {
    /// Axis and value ids, in the order of the experiment file: `[("dataset", "covtype"), ...]`.
    pub axes: Vec<(String, String)>,
    /// Fully resolved at one scale.
    pub settings: Settings,
    /// Trials that the scale asks for.
    pub trials: usize,
    /// The reading that stands in the table, for instance `linear/last/test-rate`.
    pub reading: String,
    /// Where this cell leaves the published protocol.
    pub deviations: Vec<Deviation>,
}

/// A difference from the published protocol, shown wherever the cell is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deviation {
    /// What differs: a setting's path such as `pretext.epochs`, or a word such as `scale`.
    pub what: String,
    pub published: String,
    pub ours: String,
}

/// A cell with a seed: what has to be run for it.
#[derive(Clone, Debug, PartialEq)]
pub struct Trial {
    pub seed: u64,
    /// None where every evaluation trains from scratch.
    pub pretext: Option<PretextRecipe>,
    pub evaluations: Vec<EvaluationRecipe>,
}
