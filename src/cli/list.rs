//! `repro list`.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::experiment::{Experiment, Filter, Scale, workload};
use crate::recipe::DataSet;
use crate::store::Results;

use super::arguments::{Common, List};
use super::known_data::{AtHand, missing};
use super::{Exit, Output};

#[derive(Serialize)]
struct Listed {
    id: String,
    title: String,
    expected: String,
    cost: String,
    /// `embedded`, or the path of the file.
    origin: String,
    cells: usize,
    scales: BTreeMap<Scale, AtScale>,
}

#[derive(Serialize)]
struct AtScale {
    trials: usize,
    /// Null where data is missing: results are filed by the content of their data.
    done: Option<usize>,
    missing_data: Vec<DataSet>,
}

pub fn execute(arguments: List, common: &Common, output: &Output) -> anyhow::Result<Exit> {
    let (data, results) = (AtHand::new(common), Results::new(&common.results));
    let mut listed = Vec::new();
    for experiment in Experiment::all()? {
        listed.push(look_up(&experiment, &data, &results, output)?);
    }
    if arguments.json {
        output.result(serde_json::to_string_pretty(&listed)?);
    } else {
        let texts: Vec<String> = listed.iter().map(described).collect();
        output.result(texts.join("\n\n"));
    }
    Ok(Exit::Done)
}

fn look_up(experiment: &Experiment, data: &AtHand, results: &Results, output: &Output) -> anyhow::Result<Listed> {
    let mut scales = BTreeMap::new();
    for scale in Scale::ALL {
        let cells = experiment.cells(scale, &Filter::default())?;
        let work = workload(&cells, None, data, results);
        work.warnings.iter().for_each(|warning| output.note(warning));
        let (trials, done) = work.trials();
        let wanted = cells.iter().flat_map(|cell| cell.settings.data_sets());
        let missing_data = missing(data, wanted).into_iter().map(|(set, _)| set).collect();
        scales.insert(scale, AtScale { trials, done, missing_data });
    }
    let cells = experiment.cells(Scale::Paper, &Filter::default())?;
    Ok(Listed {
        id: experiment.id().to_owned(),
        title: experiment.title().to_owned(),
        expected: experiment.expected().to_owned(),
        cost: experiment.cost().to_owned(),
        origin: experiment.origin().to_string(),
        cells: cells.len(),
        scales,
    })
}

fn described(listed: &Listed) -> String {
    let mut lines = vec![format!("{}  {}", listed.id, listed.title)];
    lines.push(format!("  cells   {}", listed.cells));
    let done: Vec<String> = listed.scales.iter().map(|(scale, at)| format!("{scale} {}", progress(at))).collect();
    lines.push(format!("  trials  {}", done.join(", ")));
    lines.push(format!("  from    {}", listed.origin));
    lines.join("\n")
}

fn progress(at: &AtScale) -> String {
    match at.done {
        Some(done) => format!("{done}/{} done", at.trials),
        None => {
            let sets: Vec<&str> = at.missing_data.iter().map(|set| set.id()).collect();
            format!("?/{} done (data missing: {})", at.trials, sets.join(", "))
        }
    }
}
