//! `repro check`.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::experiment::{Experiment, ExperimentError, Faults, Filter, KnownData, Scale, Source, workload};
use crate::recipe::{DataIdentity, DataSettings, Part};
use crate::store::Results;

use super::arguments::{Check, Common};
use super::chosen::ALL;
use super::text::{count, table};
use super::{Exit, Output};

#[derive(Serialize)]
struct Checked {
    file: String,
    fine: bool,
    /// Everything that was found wrong.
    errors: Vec<String>,
    #[serde(flatten)]
    summary: Option<Summary>,
}

/// What a file that is fine asks for.
#[derive(Serialize)]
struct Summary {
    id: String,
    title: String,
    scales: BTreeMap<Scale, AtScale>,
}

#[derive(Serialize)]
struct AtScale {
    cells: usize,
    trials: usize,
    /// Pretext runs of all trials, each counted once.
    encoders: usize,
    /// Those of them that more than one cell needs.
    shared: usize,
    evaluations: usize,
    /// Data sets that have to be at hand.
    data: Vec<String>,
    /// Data that is part of the program.
    embedded: Vec<String>,
}

/// A file is checked without its data: pieces of work are told apart by their settings alone.
struct NoData;

impl KnownData for NoData {
    fn identity(&self, _: &DataSettings) -> Option<DataIdentity> {
        None
    }

    fn rows(&self, _: &DataSettings) -> Option<(usize, usize)> {
        None
    }
}

pub fn execute(arguments: Check, common: &Common, output: &Output) -> anyhow::Result<Exit> {
    let files = arguments.files.iter().flat_map(|file| match file.as_str() {
        ALL => Source::embedded().collect(),
        file => vec![file],
    });
    let results = Results::new(&common.results);
    let checked: Vec<Checked> = files.map(|file| check(file, &results)).collect();
    for error in checked.iter().flat_map(|one| &one.errors) {
        output.error(&anyhow::anyhow!("{error}"));
    }
    if arguments.json {
        output.result(serde_json::to_string_pretty(&checked)?);
    } else {
        checked.iter().for_each(|one| output.result(described(one)));
    }
    Ok(if checked.iter().all(|one| one.fine) { Exit::Done } else { Exit::Usage })
}

fn check(file: &str, results: &Results) -> Checked {
    let examined = Source::find(file).map_err(Faults::from).and_then(|source| Experiment::examine(&source));
    let summary = examined.and_then(|experiment| Ok(summary(&experiment, results)?));
    let (errors, summary) = match summary {
        Ok(summary) => (Vec::new(), Some(summary)),
        Err(faults) => (faults.iter().map(ExperimentError::to_string).collect(), None),
    };
    Checked { file: file.to_owned(), fine: errors.is_empty(), errors, summary }
}

fn summary(experiment: &Experiment, results: &Results) -> Result<Summary, ExperimentError> {
    let mut scales = BTreeMap::new();
    for scale in Scale::ALL {
        let cells = experiment.cells(scale, &Filter::default())?;
        let work = workload(&cells, None, &NoData, results);
        let sets = |part| {
            let wanted = cells.iter().flat_map(|cell| cell.settings.data_sets()).filter(|data| data.part == part);
            let mut sets: Vec<String> = Vec::new();
            for data in wanted {
                let name = match &data.folder {
                    Some(folder) => format!("{} `{}`", data.set.id(), folder.name),
                    None => data.set.id().to_owned(),
                };
                if !sets.contains(&name) {
                    sets.push(name);
                }
            }
            sets
        };
        let at_scale = AtScale {
            cells: cells.len(),
            trials: work.trials().0,
            encoders: work.pretext.todo,
            shared: work.pretext.shared,
            evaluations: work.evaluations.todo,
            data: sets(Part::Full),
            embedded: sets(Part::Embedded),
        };
        scales.insert(scale, at_scale);
    }
    Ok(Summary { id: experiment.id().to_owned(), title: experiment.title().to_owned(), scales })
}

fn described(checked: &Checked) -> String {
    let Some(Summary { id, title, scales }) = &checked.summary else {
        return format!("{}: {}", checked.file, count(checked.errors.len(), "error"));
    };
    let mut lines = vec![format!("{}: fine", checked.file), format!("  {id}  {title}")];
    let head = ["scale", "cells", "trials", "encoders", "shared", "evaluations"];
    let mut rows = vec![head.map(str::to_owned).to_vec()];
    for (scale, at) in scales {
        let numbers = [at.cells, at.trials, at.encoders, at.shared, at.evaluations];
        rows.push([scale.to_string()].into_iter().chain(numbers.map(|number| number.to_string())).collect());
    }
    lines.extend(table(&rows).lines().map(|line| format!("  {line}")));
    for (scale, at) in scales {
        let embedded = (!at.embedded.is_empty()).then(|| format!("embedded {}", at.embedded.join(", ")));
        let needed: Vec<String> = at.data.iter().cloned().chain(embedded).collect();
        let needed = if needed.is_empty() { "none".to_owned() } else { needed.join(", ") };
        lines.push(format!("  data at the {scale} scale: {needed}"));
    }
    lines.join("\n")
}
