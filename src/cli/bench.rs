//! `repro bench`.

use std::time::Duration;

use anyhow::Context;
use serde::Serialize;

use super::arguments::{Bench, Common};
use super::known_data::AtHand;
use super::text::{duration, prefixed, table};
use super::{Exit, Output, device};
use crate::bench::{self, Effort, Speed};
use crate::experiment::{Cell, Experiment, Filter, Rates, Scale, calibrate, workload};
use crate::kernels::device::{OnKernels, check_precision, on};
use crate::kernels::{Device, Kernels, Precision};
use crate::recipe::Network;
use crate::store::Results;

/// The experiment whose networks are measured: MLP and ResNet-50 as it has them, and its ResNet with 18 layers.
const MEASURED: &str = "table1";
const SHALLOW: usize = 18;

#[derive(Serialize)]
struct Measured {
    device: Device,
    name: String,
    threads: usize,
    /// Narrow networks: not those of the paper.
    quick: bool,
    /// Side of the matrices whose product is measured.
    peak_side: usize,
    precisions: Vec<InPrecision>,
}

/// What was measured in one precision.
#[derive(Serialize)]
struct InPrecision {
    precision: Precision,
    /// Operations a second of a product of two square matrices.
    peak_flops_per_second: f64,
    networks: Vec<Speed>,
    /// Left out with `--quick`.
    projected: Vec<Projected>,
}

/// What is left to do of an experiment at the paper's scale.
#[derive(Serialize)]
struct Projected {
    experiment: String,
    flops: f64,
    /// By a forward and backward pass of each network.
    seconds: f64,
}

#[derive(Clone, Copy)]
struct Run<'a> {
    precision: Precision,
    cells: &'a [Cell],
    effort: Effort,
    /// Operations of the step that a network is timed by, where there is something to project.
    project: Option<f64>,
    common: &'a Common,
    output: &'a Output,
}

impl OnKernels for Run<'_> {
    type Output = anyhow::Result<InPrecision>;

    fn run<K: Kernels>(self, kernels: K) -> Self::Output {
        let precision = self.precision;
        self.output.note(format!("measuring matrix products in {precision}"));
        let peak = bench::peak(&kernels, self.effort);
        let mut networks = Vec::new();
        for cell in self.cells {
            self.output.note(format!("measuring {} in {precision}", cell.name()));
            let speed = bench::steps(&kernels, cell, self.effort)?;
            // What is cut short has told so much.
            speed.iter().for_each(|it| self.output.note(format!("{}: {:.0} items/s", it.network, it.items_per_second)));
            networks.extend(speed);
        }
        let projected = match self.project {
            Some(step) => self.project(&kernels, step)?,
            None => Vec::new(),
        };
        Ok(InPrecision { precision, peak_flops_per_second: peak, networks, projected })
    }
}

impl Run<'_> {
    fn project<K: Kernels>(&self, kernels: &K, step: f64) -> anyhow::Result<Vec<Projected>> {
        let (data, results) = (AtHand::new(self.common), Results::new(&self.common.results));
        let mut rates = Rates::default();
        let mut projected = Vec::new();
        for experiment in Experiment::all()? {
            self.output.note(format!("projecting {} in {}", experiment.id(), self.precision));
            let cells = experiment.cells(Scale::Paper, &Filter::default())?;
            let work = workload(&cells, None, &data, &results);
            let to_do: Vec<(&Cell, f64)> = cells.iter().zip(work.cells.iter().map(|cell| cell.flops)).collect();
            let seconds = rates.seconds(&to_do, |settings| calibrate(kernels.clone(), settings, step));
            projected.push(Projected {
                experiment: experiment.id().to_owned(),
                flops: to_do.iter().map(|(_, flops)| flops).sum(),
                seconds: seconds.context("cannot time a training step")?,
            });
        }
        Ok(projected)
    }
}

pub fn execute(arguments: Bench, common: &Common, output: &Output) -> anyhow::Result<Exit> {
    let device = device::choose_one(&arguments.device, output)?;
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let cells = cells()?;
    let patience = Duration::from_millis(if arguments.quick { 200 } else { 2000 });
    let mut precisions: Vec<Precision> = arguments.precision.iter().map(|precision| (*precision).into()).collect();
    if precisions.is_empty() {
        precisions.extend(Precision::ALL.into_iter().filter(|it| check_precision(device, *it).is_ok()));
    }
    let (effort, step) = match device {
        Device::Cpu => (Effort { patience, side: 1024, step: 2e11, width: None, threads }, 1e10),
        Device::Cuda(_) | Device::CudaRanks { .. } => {
            (Effort { patience, side: 8192, step: f64::INFINITY, width: None, threads }, 1e12)
        }
    };
    let effort = if arguments.quick { Effort { side: 512, step: 1e9, width: Some(8), ..effort } } else { effort };
    let project = (!arguments.quick).then_some(step);
    let run = |precision| {
        let run = Run { precision, cells: &cells, effort, project, common, output };
        on(device, precision, threads, run)?
    };
    let measured = Measured {
        device,
        name: device::title(device),
        threads,
        quick: arguments.quick,
        peak_side: effort.side,
        precisions: precisions.into_iter().map(run).collect::<anyhow::Result<_>>()?,
    };
    if arguments.json {
        output.result(serde_json::to_string_pretty(&measured)?);
    } else {
        output.result(described(&measured));
    }
    Ok(Exit::Done)
}

/// N-pair with i-Mix, as published, on each network.
fn cells() -> anyhow::Result<Vec<Cell>> {
    let experiment = Experiment::load(MEASURED)?;
    let mut cells = Vec::new();
    for dataset in ["covtype", "cifar10"] {
        let filter = format!("dataset={dataset},method=npair,imix=on").parse::<Filter>().map_err(anyhow::Error::msg)?;
        cells.extend(experiment.cells(Scale::Paper, &filter)?);
    }
    let deep = cells.last().cloned().context("table1 has no cell of CIFAR-10")?;
    let mut shallow = deep.clone();
    if let Network::Resnet { depth, .. } = &mut shallow.settings.network {
        *depth = SHALLOW;
    }
    let last = cells.len() - 1;
    cells.insert(last, shallow);
    Ok(cells)
}

fn described(measured: &Measured) -> String {
    let mut lines = Vec::new();
    let (side, threads) = (measured.peak_side, measured.threads);
    lines.push(format!("{}, {threads} threads on the CPU", measured.name));
    if measured.quick {
        lines.push("Quick: narrow networks and small batches, not those of the paper.".to_owned());
    }
    lines.extend(measured.precisions.iter().map(|InPrecision { precision, peak_flops_per_second: peak, .. }| {
        format!("product of {side} x {side} matrices in {precision}: {}FLOP/s", prefixed(*peak))
    }));
    lines.push(String::new());
    lines.push(table(&speeds(&measured.precisions)));
    lines.push(
        "A step is one of N-pair with i-Mix, from both views of a batch in memory to the changed weights.".to_owned(),
    );
    let projected = projections(&measured.precisions);
    if !projected.is_empty() {
        lines.push(String::new());
        lines.push(table(&projected));
        lines.push(
            "Projected from a forward and backward pass of each network; losses, views and what waits for them come on \
             top."
                .to_owned(),
        );
    }
    lines.join("\n")
}

fn speeds(precisions: &[InPrecision]) -> Vec<Vec<String>> {
    let head = ["network", "batch", "published", "precision", "steps/s", "items/s", "FLOP/s", "of the product's"];
    let mut rows = vec![head.map(str::to_owned).to_vec()];
    for InPrecision { precision, peak_flops_per_second: peak, networks, .. } in precisions {
        rows.extend(networks.iter().map(|speed| {
            vec![
                speed.network.clone(),
                speed.batch.to_string(),
                speed.published_batch.to_string(),
                precision.to_string(),
                format!("{:.2}", speed.steps_per_second),
                format!("{:.0}", speed.items_per_second),
                prefixed(speed.flops_per_second).trim_end().to_owned(),
                format!("{:.0} %", 100.0 * speed.flops_per_second / peak),
            ]
        }));
    }
    rows
}

/// The time of each experiment, in each precision that it was projected in.
fn projections(precisions: &[InPrecision]) -> Vec<Vec<String>> {
    let projected: Vec<&InPrecision> = precisions.iter().filter(|one| !one.projected.is_empty()).collect();
    let Some(first) = projected.first() else { return Vec::new() };
    let mut head = vec!["experiment at the paper's scale".to_owned(), "operations to do".to_owned()];
    head.extend(projected.iter().map(|one| format!("time in {}", one.precision)));
    let mut rows = vec![head];
    for (at, Projected { experiment, flops, .. }) in first.projected.iter().enumerate() {
        let mut row = vec![experiment.clone(), format!("{}FLOP", prefixed(*flops))];
        row.extend(projected.iter().map(|one| format!("about {}", duration(one.projected[at].seconds))));
        rows.push(row);
    }
    rows
}
