//! What an undisturbed run leaves, to hold disturbed ones against.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use crate::bench::{Bench, Ran};
use crate::table::{self, Table};
use crate::tally::Figures;

/// Files of a report that depend on nothing but the results.
const REPORTED: [&str; 6] = ["trials.csv", "cells.csv", "learning.csv", "table.md", "table.tex", "verdicts.json"];

pub struct Reference {
    outcome: BTreeMap<String, Vec<u8>>,
    report: BTreeMap<String, Vec<u8>>,
    trials: Table,
    learning: Table,
}

/// Finished runs, `pretext/ADDRESS` or `eval/ADDRESS`, with the number of sessions that each took.
pub type Finished = BTreeMap<String, u64>;

fn tables(folder: &Path) -> (Table, Table) {
    let trials = table::read(&folder.join("trials.csv"), &["method", "seed"]);
    (trials, table::read(&folder.join("learning.csv"), &["method", "seed", "epoch"]))
}

impl Reference {
    /// Runs the bench undisturbed, into folders of its own.
    pub fn of(bench: &Bench, arguments: &[&str]) -> Reference {
        bench.run(&[arguments, &["--results", "reference", "--reports", "reference-reports"]].concat()).ended(0);
        let folder = bench.path("reference-reports/tiny/demo");
        let (trials, learning) = tables(&folder);
        let report = REPORTED.map(|name| (name.to_owned(), fs::read(folder.join(name)).unwrap()));
        Reference { outcome: bench.outcome("reference"), report: report.into(), trials, learning }
    }

    /// Files of a run that its recipe determines.
    fn files<'a>(&'a self, run: &'a str) -> impl Iterator<Item = (&'a String, &'a Vec<u8>)> {
        self.outcome.iter().filter(move |(name, _)| name.rsplit_once('/').is_some_and(|(folder, _)| folder == run))
    }

    fn runs(&self) -> BTreeSet<String> {
        self.outcome.keys().filter_map(|name| Some(name.rsplit_once('/')?.0.to_owned())).collect()
    }

    /// What of a results folder is finished and whole.
    pub fn finished(&self, results: &Path) -> Finished {
        let whole = |run: &String| {
            self.files(run).all(|(name, bytes)| fs::read(results.join(name)).is_ok_and(|it| it == *bytes))
        };
        self.runs().into_iter().filter(whole).map(|run| (run.clone(), sessions(&results.join(run)))).collect()
    }

    /// Counts what was finished before a fault and is not as it was after it, and results that are not the reference's.
    pub fn check(&self, results: &Path, before: &Finished, figures: &mut Figures, fault: &str) {
        let after = self.finished(results);
        for (run, sessions) in before {
            if after.get(run) != Some(sessions) {
                figures.lost += 1;
                figures.note(format!("{fault}: {run} was finished, and is {:?}", after.get(run)));
            }
        }
        for (name, bytes) in self.outcome.iter().filter(|(name, _)| name.ends_with("/result.json")) {
            if fs::read(results.join(name)).is_ok_and(|found| found != *bytes) {
                figures.wrong += 1;
                figures.note(format!("{fault}: {name} differs"));
            }
        }
    }

    /// Counts numbers of a report that are not the reference's. Those left out are none.
    pub fn check_report(&self, reports: &Path, figures: &mut Figures, fault: &str) {
        let (trials, learning) = tables(&reports.join("tiny/demo"));
        for (ours, theirs) in [(&trials, &self.trials), (&learning, &self.learning)] {
            for (place, value) in ours.iter().filter(|(place, value)| theirs.get(*place) != Some(*value)) {
                figures.wrong += 1;
                figures.note(format!("{fault}: {place:?} is {value}, expected {:?}", theirs.get(place)));
            }
        }
        self.check_means(&trials, &table::read(&reports.join("tiny/demo/cells.csv"), &["method"]), figures, fault);
    }

    fn check_means(&self, trials: &Table, cells: &Table, figures: &mut Figures, fault: &str) {
        for ((method, column), mean) in cells.iter().filter(|((_, column), _)| column == "mean") {
            let reading = &cells[&(method.clone(), "reading".to_owned())];
            let of_cell =
                trials.iter().filter(|((key, name), _)| name == reading && key.starts_with(&format!("{method}/")));
            let values: Vec<f64> = of_cell.map(|(_, value)| value.parse().unwrap()).collect();
            let expected = values.iter().sum::<f64>() / values.len() as f64;
            if !(mean.parse::<f64>().unwrap() - expected).abs().le(&1e-9) {
                figures.wrong += 1;
                figures.note(format!("{fault}: the {column} of {method} is {mean}, expected {expected}"));
            }
        }
    }

    /// Readings of trials that a report lacks, as `method/seed` and the reading.
    pub fn missing(&self, reports: &Path) -> Vec<(String, String)> {
        let (trials, _) = tables(&reports.join("tiny/demo"));
        self.trials.keys().filter(|place| !trials.contains_key(*place)).cloned().collect()
    }

    /// Files of a report that are there and not those of the reference.
    pub fn check_files(&self, reports: &Path, figures: &mut Figures, fault: &str) {
        for (name, bytes) in &self.report {
            if fs::read(reports.join("tiny/demo").join(name)).is_ok_and(|found| found != *bytes) {
                figures.wrong += 1;
                figures.note(format!("{fault}: {name} of the report differs"));
            }
        }
    }

    /// Counts what is not whole and right after the command was run again.
    pub fn check_end(&self, ran: &Ran, results: &Path, reports: &Path, figures: &mut Figures, fault: &str) {
        figures.ended(ran, &[0, 3], fault);
        for (name, bytes) in &self.outcome {
            match fs::read(results.join(name)) {
                Ok(found) if found == *bytes => {}
                Ok(_) => {
                    figures.wrong += 1;
                    figures.note(format!("{fault}: {name} differs in the end"));
                }
                Err(error) => {
                    figures.lost += 1;
                    figures.note(format!("{fault}: {name} is not there in the end: {error}: {}", ran.stderr));
                }
            }
        }
        self.check_files(reports, figures, fault);
        for name in self.report.keys().filter(|name| !reports.join("tiny/demo").join(name).exists()) {
            figures.lost += 1;
            figures.note(format!("{fault}: {name} of the report is not there in the end"));
        }
    }
}

/// Sessions of a run, by its provenance; none told is 0.
fn sessions(run: &Path) -> u64 {
    let text = fs::read(run.join("provenance.json")).unwrap_or_default();
    let provenance: serde_json::Value = serde_json::from_slice(&text).unwrap_or_default();
    provenance["body"]["sessions"].as_u64().unwrap_or(0)
}
