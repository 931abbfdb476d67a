//! What a report is made from: a plain structure, so that everything below it can be read and tested without running
//! anything.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::experiment::{Deviation, ReportKind, Scale};
use crate::paper::Confidence;
use crate::store::Provenance;

/// The cells of an experiment at one scale, with what the results folder holds for them.
#[derive(Clone, Debug, PartialEq)]
pub struct Measured {
    /// The experiment's id.
    pub experiment: String,
    pub title: String,
    pub scale: Scale,
    /// What was asked for where that is not the whole experiment, as it stands on the command line.
    pub selection: Option<String>,
    pub layout: Layout,
    /// Half the width, in percentage points, of the band around the paper's number that counts as the same number.
    pub margin: f64,
    pub cells: Vec<MeasuredCell>,
    pub claims: Vec<Claim>,
    /// Results that were left out, and why.
    pub warnings: Vec<String>,
}

/// Which axes run down and which run across. An axis in neither runs down.
#[derive(Clone, Debug, PartialEq)]
pub struct Layout {
    /// What the plot is.
    pub kind: ReportKind,
    pub rows: Vec<String>,
    pub columns: Vec<String>,
    /// Readings shown beneath the table, for the cells that have them.
    pub readings: Vec<String>,
}

/// A cell and its trials.
#[derive(Clone, Debug, PartialEq)]
pub struct MeasuredCell {
    pub coordinates: Vec<Coordinate>,
    /// The reading that stands in the table.
    pub reading: String,
    /// Trials asked for.
    pub asked: usize,
    pub published: Option<Published>,
    pub deviations: Vec<Deviation>,
    pub trials: Vec<TrialReadings>,
    pub failures: Vec<FailedTrial>,
}

impl MeasuredCell {
    /// The reading that stands in the table, of every trial that has it.
    pub fn values(&self) -> Vec<f64> {
        self.trials.iter().filter_map(|trial| trial.readings.get(&self.reading).copied()).collect()
    }
}

/// The value of one axis.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Coordinate {
    pub axis: String,
    /// As on the command line.
    pub value: String,
    /// As in the paper.
    pub label: String,
}

/// A number of the paper, in percent.
#[derive(Clone, Debug, PartialEq)]
pub struct Published {
    pub mean: f64,
    pub std: Option<f64>,
    /// Trials that the mean is over.
    pub trials: usize,
    pub confidence: Confidence,
}

/// The readings of one trial, each in the unit of its name.
#[derive(Clone, Debug, PartialEq)]
pub struct TrialReadings {
    pub seed: u64,
    pub readings: BTreeMap<String, f64>,
    /// None where the encoder starts from its initial weights.
    pub pretext: Option<Run>,
    /// By kind.
    pub evaluations: BTreeMap<String, Run>,
    /// Of the pretext run, from the first epoch on.
    pub learning: Vec<EpochLoss>,
}

impl TrialReadings {
    /// Every run behind the readings, with its kind.
    pub fn runs(&self) -> impl Iterator<Item = (&str, &Run)> {
        let evaluations = self.evaluations.iter().map(|(kind, run)| (kind.as_str(), run));
        self.pretext.iter().map(|run| ("pretext", run)).chain(evaluations)
    }
}

/// A finished run.
#[derive(Clone, Debug, PartialEq)]
pub struct Run {
    pub address: String,
    /// None where its file is gone or damaged.
    pub provenance: Option<Provenance>,
}

/// A line of a pretext run's `metrics.jsonl`.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
pub struct EpochLoss {
    /// From 1.
    pub epoch: u32,
    /// Mean over the epoch's steps.
    pub loss: f64,
}

/// A trial that ended without its readings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FailedTrial {
    pub seed: u64,
    pub reason: String,
}

/// An inequality between cells that the paper states.
#[derive(Clone, Debug, PartialEq)]
pub struct Claim {
    pub id: String,
    pub statement: String,
    /// How sure it is that the paper states it.
    pub confidence: Confidence,
    /// The reading that is compared, where that is not the one in the table.
    pub reading: Option<String>,
    /// The cell said to be higher and the one said to be lower, by index.
    pub pairs: Vec<(usize, usize)>,
}
