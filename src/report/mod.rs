//! Reports: from the files of the results folder to tables, plots and verdicts. Nothing here trains or runs anything.
//!
//! [`gather()`] puts the trials of each cell beside the paper's number, [`Report::new`] does the statistics, and the rest writes it down: every file
//! is a function of the results alone, so writing a report again gives the same bytes.

mod aggregate;
mod axis;
mod claim;
mod collect;
mod comparison;
mod figure;
mod gather;
mod grid;
mod html;
mod json;
mod latex;
mod learning;
mod ledger;
mod markdown;
mod measured;
mod overview;
mod plot;
mod readings;
mod runs;
mod statistics;
#[cfg(test)]
mod statistics_tests;
mod terminal;
mod text;
mod tone;
mod verdict;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use thiserror::Error;

pub use claim::{ClaimOutcome, ClaimVerdict, Comparison};
pub use collect::{Collected, collect};
pub use gather::{Question, gather};
pub use grid::{Grid, Heading};
pub use measured::{
    Claim, Coordinate, EpochLoss, FailedTrial, Layout, Measured, MeasuredCell, Published, Run, TrialReadings,
};
pub use overview::write_overview;
pub use statistics::{Estimate, Interval, Spread};
pub use text::grouped;
pub use verdict::{Doubt, Verdict};

use crate::drawing::DrawingError;
use crate::store::write_atomic;

use learning::Chart;

/// A report that could not be made or written.
#[derive(Debug, Error)]
pub enum ReportError {
    #[error("cannot make the table of trials: {0}")]
    Table(#[from] polars::error::PolarsError),
    #[error("cannot draw the plot: {0}")]
    Plot(#[from] DrawingError),
    #[error("cannot write {path}: {source}; give another folder with --reports")]
    Write { path: PathBuf, source: std::io::Error },
}

/// What the trials of a cell come to.
#[derive(Clone, Debug, PartialEq)]
pub struct Summary {
    /// Of the reading that stands in the table. `None` without trials.
    pub ours: Option<Spread>,
    /// 95% interval of our mean. `None` below two trials.
    pub interval: Option<Interval>,
    /// The same by bootstrap.
    pub bootstrap: Option<Interval>,
    /// Ours minus the paper's, in percentage points.
    pub difference: Option<f64>,
    /// Welch's 95% interval of the difference.
    pub difference_interval: Option<Interval>,
    pub verdict: Verdict,
    /// Every reading, the one in the table included.
    pub readings: BTreeMap<String, Spread>,
}

impl Summary {
    /// Trials that have the reading of the table.
    pub fn n(&self) -> usize {
        self.ours.map_or(0, |ours| ours.n)
    }
}

/// A report, ready to be written in any of its formats.
#[derive(Debug)]
pub struct Report {
    pub measured: Measured,
    /// In the order of the cells.
    pub summaries: Vec<Summary>,
    pub claims: Vec<ClaimOutcome>,
    pub grid: Grid,
    trials: polars::prelude::DataFrame,
}

impl Report {
    /// Does the statistics.
    pub fn new(measured: Measured) -> Result<Report, ReportError> {
        let trials = aggregate::trials(&measured)?;
        let spreads = aggregate::spreads(&measured, &trials)?;
        let summaries = measured.cells.iter().zip(spreads).map(|(cell, readings)| {
            let ours = readings.get(&cell.reading).copied();
            let verdict = verdict::judge(cell, measured.scale, measured.margin, ours.as_ref());
            let theirs = cell.published.as_ref();
            let estimate = ours.zip(theirs.and_then(Published::spread));
            Summary {
                ours,
                interval: ours.as_ref().and_then(Estimate::mean).map(|mean| mean.interval(0.95)),
                bootstrap: statistics::bootstrap(&cell.values()),
                difference: ours.zip(theirs).map(|(ours, theirs)| ours.mean - theirs.mean),
                difference_interval: estimate
                    .and_then(|(ours, theirs)| Estimate::difference(&ours, &theirs))
                    .map(|difference| difference.interval(0.95)),
                verdict,
                readings,
            }
        });
        let summaries = summaries.collect();
        let claims = claim::evaluate(&measured.claims, &measured.cells);
        let grid = Grid::new(&measured.layout, &measured.cells);
        Ok(Report { measured, summaries, claims, grid, trials })
    }

    /// The table for a terminal, with ANSI colours if `colour`.
    pub fn terminal(&self, colour: bool) -> String {
        terminal::table(self, colour)
    }

    /// Cell by cell and claim by claim, for a terminal.
    pub fn comparison(&self, colour: bool) -> String {
        comparison::text(self, colour)
    }

    /// Whether every published number is reproduced and every claim holds, and there is at least one of them.
    pub fn is_reproduced(&self) -> bool {
        let verdicts = || self.summaries.iter().map(|summary| &summary.verdict);
        let judged = verdicts().any(|verdict| *verdict != Verdict::NoPublishedNumber) || !self.claims.is_empty();
        judged
            && verdicts().all(|verdict| matches!(verdict, Verdict::Reproduced | Verdict::NoPublishedNumber))
            && self.claims.iter().all(|claim| claim.verdict == ClaimVerdict::Holds)
    }

    /// The cells as JSON objects.
    pub fn cells_json(&self) -> Vec<serde_json::Value> {
        json::cells(self)
    }

    /// Every file of the report, by name.
    pub fn files(&self) -> Result<Vec<(&'static str, Vec<u8>)>, ReportError> {
        let measured = &self.measured;
        let (plot, charts) = (plot::svg(self)?, Chart::all(self));
        Ok(vec![
            ("trials.csv", aggregate::csv(&self.trials)?),
            ("cells.csv", aggregate::csv(&aggregate::cells(measured, &self.summaries)?)?),
            ("runs.csv", aggregate::csv(&runs::provenance(measured)?)?),
            ("learning.csv", aggregate::csv(&runs::learning(measured)?)?),
            ("learning.svg", plot::learning::svg(measured, &charts)?.into_bytes()),
            ("learning.png", plot::learning::png(measured, &charts)?),
            ("table.md", markdown::document(self).into_bytes()),
            ("table.tex", latex::table(self).into_bytes()),
            ("plot.png", plot::png(self)?),
            ("verdicts.json", json::document(self).into_bytes()),
            ("index.html", html::page(self, &plot, &charts)?.into_bytes()),
            ("plot.svg", plot.into_bytes()),
        ])
    }

    /// The folder of this report under `reports`.
    pub fn folder(&self, reports: &Path) -> PathBuf {
        reports.join(&self.measured.experiment).join(self.measured.scale.id())
    }

    /// Writes every file, each whole or not at all, and returns their folder.
    pub fn write(&self, reports: &Path) -> Result<PathBuf, ReportError> {
        let folder = self.folder(reports);
        let failed = |path: &Path| {
            let path = path.to_owned();
            move |source| ReportError::Write { path, source }
        };
        std::fs::create_dir_all(&folder).map_err(failed(&folder))?;
        for (name, bytes) in self.files()? {
            let path = folder.join(name);
            write_atomic(&path, &bytes).map_err(failed(&path))?;
        }
        Ok(folder)
    }

    /// Failed trials, one line each.
    fn failures(&self) -> Vec<String> {
        let cells = self.measured.cells.iter().enumerate();
        cells
            .flat_map(|(index, cell)| {
                let name = self.grid.name(index);
                cell.failures.iter().map(move |failed| format!("{name}, seed {}: {}", failed.seed, failed.reason))
            })
            .collect()
    }

    /// Our number as it stands in the table: with what is missing, if anything is.
    fn ours(&self, index: usize) -> String {
        let (cell, summary) = (&self.measured.cells[index], &self.summaries[index]);
        match &summary.ours {
            Some(ours) if ours.n < cell.asked => format!("{} ({} of {})", text::spread(ours), ours.n, cell.asked),
            Some(ours) => text::spread(ours),
            None => format!("- (0 of {})", cell.asked),
        }
    }

    /// Whether the paper has a number for some cell of a row.
    fn is_published(&self, row: usize) -> bool {
        self.grid.cells[row].iter().flatten().any(|cell| self.measured.cells[*cell].published.is_some())
    }

    /// A sign beside our number for the verdict, at paper scale.
    fn sign(&self, index: usize) -> Option<&'static str> {
        match self.summaries[index].verdict {
            Verdict::Reproduced => Some("✓"),
            Verdict::Above => Some("▲"),
            Verdict::Below => Some("▼"),
            Verdict::Inconclusive(_) => Some("?"),
            _ => None,
        }
    }

    /// Lines that explain the marks and signs which occur in the table.
    fn legend(&self) -> Vec<String> {
        let published = || self.measured.cells.iter().filter_map(|cell| cell.published.as_ref());
        let mut lines = Vec::new();
        for (confidence, letter, meaning) in text::LEGEND {
            if published().any(|published| published.confidence == confidence) {
                lines.push(format!("{} {meaning}", text::raised(letter)));
            }
        }
        if (0..self.summaries.len()).any(|index| self.sign(index).is_some()) {
            lines.push(format!(
                "✓ reproduced within {} points   ▲ above   ▼ below   ? inconclusive",
                text::percent(self.measured.margin)
            ));
        }
        lines
    }
}
