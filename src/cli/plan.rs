//! `repro plan`.

use anyhow::Context;
use serde::Serialize;

use crate::experiment::{Cell, Experiment, Rates, Scale, Tally, Workload, calibrate, workload};
use crate::kernels::Cpu;
use crate::memory::{Need, Needs};
use crate::model::ModelError;
use crate::recipe::DataSet;
use crate::store::Results;

use super::arguments::{Common, Plan, Selection};
use super::chosen::Chosen;
use super::jobs::Demand;
use super::known_data::{AtHand, Unusable, missing};
use super::text::{count, duration, prefixed, table};
use super::{Exit, Output};
use crate::kernels::device::gigabytes;

#[derive(Serialize)]
struct Planned {
    experiment: String,
    scale: Scale,
    cells: Vec<PlannedCell>,
    missing_data: Vec<MissingData>,
    pretext_runs: Pieces,
    evaluations: Pieces,
    /// Floating-point operations to do.
    flops: f64,
    /// Share of the operations saved because cells that need the same encoder or evaluation share it.
    shared: f64,
    /// What `flops` takes on a GPU that keeps up 60 TFLOP/s. Not measured here.
    gpu_hours: f64,
    /// Cores that trials share out.
    cores: u64,
    /// What `flops` takes on these cores, from a training step of each network timed just now on one of them.
    seconds: f64,
    /// Of one GPU with whole batches, for the largest pretext run or evaluation; null where this build does not have the
    /// network of any cell.
    gpu_bytes: Option<u64>,
    /// What of it is allowed for context, libraries and workspaces. Not measured.
    gpu_allowance: Option<u64>,
    /// On disk: what is kept of every run, and the checkpoints of the largest one for each that runs at a time.
    bytes: u64,
}

#[derive(Serialize)]
struct PlannedCell {
    /// Id of its experiment.
    experiment: String,
    /// Axis values, in the order of the experiment file.
    axes: serde_json::Map<String, serde_json::Value>,
    trials: usize,
    /// Null where data is missing: results are filed by the content of their data.
    done: Option<usize>,
    flops: f64,
    /// Memory of a GPU that its largest pretext run or evaluation needs, in bytes; null for a network that this build
    /// does not have.
    gpu_bytes: Option<u64>,
}

#[derive(Serialize)]
struct MissingData {
    set: DataSet,
    reason: String,
    /// `missing data`, or what else keeps it from being used.
    #[serde(skip)]
    heading: &'static str,
}

impl From<(DataSet, Unusable)> for MissingData {
    fn from((set, Unusable { reason, is_missing }): (DataSet, Unusable)) -> MissingData {
        let heading = if is_missing { "missing data" } else { "data that cannot be used" };
        MissingData { set, reason, heading }
    }
}

#[derive(Serialize)]
struct Pieces {
    todo: usize,
    done: usize,
    /// Needed by more than one cell, and run once.
    shared: usize,
}

/// Operations a second that GPU-hours are reckoned with: what ResNet-50 at 224 pixels in mixed precision comes to on an
/// A100 by its maker's own figure, 2,470 pictures a second.
const GPU: f64 = 60e12;
/// Operations of the step that a core is timed by.
const STEP: f64 = 1e10;

pub fn execute(arguments: Plan, common: &Common, output: &Output) -> anyhow::Result<Exit> {
    let selection = &arguments.selection;
    let chosen = selection.chosen()?;
    let cells: Vec<Cell> = chosen.iter().flat_map(|one| one.cells.iter().cloned()).collect();
    let device = super::device::choose(&arguments.resources.device, output)?;
    let data = AtHand::new(common);
    let work = workload(&cells, selection.trials.map(usize::from), &data, &Results::new(&common.results));
    work.warnings.iter().for_each(|warning| output.note(warning));
    let needs = Needs::default();
    let demand = || Demand::of_cells(cells_to_do(&cells, &work).into_iter().map(|(cell, _)| cell), &needs);
    let jobs = super::jobs::at_a_time(arguments.resources.jobs, device, cores() as usize, demand, output);
    let planned = plan(selection, &chosen, &cells, &work, &data, &needs, jobs as u64)?;
    if arguments.json {
        output.result(serde_json::to_string_pretty(&planned)?);
    } else {
        output.result(described(&planned, &chosen));
    }
    Ok(Exit::Done)
}

fn cores() -> u64 {
    std::thread::available_parallelism().map_or(1, |cores| cores.get() as u64)
}

fn plan(
    selection: &Selection,
    chosen: &[Chosen],
    cells: &[Cell],
    work: &Workload,
    data: &AtHand,
    needs: &Needs,
    jobs: u64,
) -> anyhow::Result<Planned> {
    let missing_data = missing(data, cells.iter().flat_map(|cell| cell.settings.data_sets()));
    let flops = work.pretext.cost.flops + work.evaluations.cost.flops;
    let to_do: Vec<(&Cell, f64)> = cells_to_do(cells, work);
    let seconds = core_seconds(&to_do).context("cannot time a training step")? / cores() as f64;
    let scratch = work.pretext.cost.scratch.max(work.evaluations.cost.scratch);
    let at_a_time = jobs.min((work.pretext.todo + work.evaluations.todo) as u64);
    let owners = chosen.iter().flat_map(|one| one.cells.iter().map(|_| one.experiment.id()));
    let saved = work.pretext.saved + work.evaluations.saved;
    let needs: Vec<Option<Need>> = cells.iter().map(|cell| needs.of_cell(&cell.settings)).collect();
    let largest = needs.iter().flatten().max_by_key(|need| need.bytes());
    Ok(Planned {
        experiment: match chosen {
            [one] => one.experiment.id().to_owned(),
            _ => selection.experiment.clone(),
        },
        scale: selection.scale,
        cells: work
            .cells
            .iter()
            .zip(owners)
            .zip(&needs)
            .map(|((cell, owner), need)| PlannedCell {
                experiment: owner.to_owned(),
                axes: cell.axes.iter().map(|(axis, value)| (axis.clone(), value.clone().into())).collect(),
                trials: cell.trials,
                done: cell.done,
                flops: cell.flops,
                gpu_bytes: need.map(Need::bytes),
            })
            .collect(),
        missing_data: missing_data.into_iter().map(MissingData::from).collect(),
        pretext_runs: pieces(&work.pretext),
        evaluations: pieces(&work.evaluations),
        flops,
        shared: if saved > 0.0 { saved / (saved + flops) } else { 0.0 },
        gpu_hours: flops / GPU / 3600.0,
        cores: cores(),
        seconds,
        gpu_bytes: largest.map(|need| need.bytes()),
        gpu_allowance: largest.map(|need| need.allowance),
        bytes: work.pretext.cost.kept + work.evaluations.cost.kept + scratch * at_a_time,
    })
}

/// The cells of a workload that have something left to do, with its operations.
fn cells_to_do<'a>(cells: &'a [Cell], work: &Workload) -> Vec<(&'a Cell, f64)> {
    cells.iter().zip(work.cells.iter().map(|found| found.flops)).filter(|(_, flops)| *flops > 0.0).collect()
}

/// What operations take on one core, each network being timed once.
fn core_seconds(to_do: &[(&Cell, f64)]) -> Result<f64, ModelError> {
    Rates::default().seconds(to_do, |settings| calibrate(Cpu::new(1), settings, STEP))
}

fn pieces(tally: &Tally) -> Pieces {
    Pieces { todo: tally.todo, done: tally.done, shared: tally.shared }
}

fn described(planned: &Planned, chosen: &[Chosen]) -> String {
    let selected = count(planned.cells.len(), "cell");
    let mut lines = vec![format!("{} at the {} scale: {selected}", planned.experiment, planned.scale)];
    lines.extend(planned.missing_data.iter().map(|missing| format!("{}: {}", missing.heading, missing.reason)));
    lines.push(String::new());
    lines.push(table(&match chosen {
        [one] => cell_rows(planned, &one.experiment),
        several => experiment_rows(planned, several),
    }));
    lines.push(String::new());
    for (name, pieces) in [("pretext runs", &planned.pretext_runs), ("evaluations", &planned.evaluations)] {
        let shared =
            if pieces.shared > 0 { format!(", {} shared by several cells", pieces.shared) } else { String::new() };
        lines.push(format!("{name:<13} {} to do, {} done{shared}", pieces.todo, pieces.done));
    }
    let saved = if planned.shared > 0.0 {
        format!(", {:.0} % less than without sharing", 100.0 * planned.shared)
    } else {
        String::new()
    };
    lines.push(format!("{:<13} {}FLOP{saved}", "operations", prefixed(planned.flops)));
    if planned.flops > 0.0 {
        let time = duration(planned.seconds);
        let cores = count(planned.cores as usize, "core");
        lines
            .push(format!("{:<13} about {time} on {cores}, by a training step of each network timed just now", "time"));
        lines.push(format!(
            "{:<13} about {} at {}FLOP/s, not measured here",
            "GPU-hours",
            hours(planned.gpu_hours),
            prefixed(GPU)
        ));
    }
    if let Some((bytes, allowance)) = planned.gpu_bytes.zip(planned.gpu_allowance) {
        let [bytes, allowance] = [bytes, allowance].map(gigabytes);
        lines.push(format!(
            "{:<13} {bytes} for the largest trial, {allowance} of it allowed for libraries, not measured",
            "GPU memory"
        ));
    }
    lines.push(format!("{:<13} {}B at most", "disk", prefixed(planned.bytes as f64)));
    lines.join("\n")
}

fn hours(hours: f64) -> String {
    if hours < 10.0 { format!("{hours:.1}") } else { format!("{hours:.0}") }
}

fn cell_rows(planned: &Planned, experiment: &Experiment) -> Vec<Vec<String>> {
    let mut rows = vec![["cell", "trials", "done", "operations to do", "GPU memory"].map(str::to_owned).to_vec()];
    for cell in &planned.cells {
        let labels: Vec<&str> = cell
            .axes
            .iter()
            .map(|(axis, value)| experiment.label(axis, value.as_str().unwrap_or_default(), planned.scale))
            .collect();
        let (trials, flops) = (cell.trials.to_string(), operations(cell.flops));
        rows.push(vec![labels.join(", "), trials, done(cell.done), flops, gpu_memory(cell.gpu_bytes)]);
    }
    rows
}

fn experiment_rows(planned: &Planned, chosen: &[Chosen]) -> Vec<Vec<String>> {
    let mut rows =
        vec![["experiment", "cells", "trials", "done", "operations to do", "GPU memory"].map(str::to_owned).to_vec()];
    for one in chosen {
        let id = one.experiment.id();
        let own = || planned.cells.iter().filter(|cell| cell.experiment == id);
        rows.push(vec![
            id.to_owned(),
            own().count().to_string(),
            own().map(|cell| cell.trials).sum::<usize>().to_string(),
            done(own().map(|cell| cell.done).sum()),
            operations(own().map(|cell| cell.flops).sum()),
            gpu_memory(own().filter_map(|cell| cell.gpu_bytes).max()),
        ]);
    }
    rows
}

fn done(trials: Option<usize>) -> String {
    trials.map_or("?".to_owned(), |done| done.to_string())
}

fn gpu_memory(bytes: Option<u64>) -> String {
    bytes.map_or("?".to_owned(), gigabytes)
}

fn operations(flops: f64) -> String {
    format!("{}FLOP", prefixed(flops))
}
