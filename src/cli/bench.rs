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
use crate::kernels::device::{OnKernels, on};
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
    precision: Precision,
    threads: usize,
    /// Narrow networks: not those of the paper.
    quick: bool,
    /// Operations a second of a product of two square matrices.
    peak_flops_per_second: f64,
    peak_side: usize,
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

struct Run<'a> {
    cells: &'a [Cell],
    effort: Effort,
    /// Operations of the step that a network is timed by, where there is something to project.
    project: Option<f64>,
    common: &'a Common,
    output: &'a Output,
}

impl OnKernels for Run<'_> {
    type Output = anyhow::Result<(f64, Vec<Speed>, Vec<Projected>)>;

    fn run<K: Kernels>(self, kernels: K) -> Self::Output {
        self.output.note("measuring matrix products");
        let peak = bench::peak(&kernels, self.effort);
        let mut networks = Vec::new();
        for cell in self.cells {
            self.output.note(format!("measuring {}", cell.name()));
            networks.extend(bench::steps(&kernels, cell, self.effort)?);
        }
        let projected = match self.project {
            Some(step) => self.project(&kernels, step)?,
            None => Vec::new(),
        };
        Ok((peak, networks, projected))
    }
}

impl Run<'_> {
    fn project<K: Kernels>(&self, kernels: &K, step: f64) -> anyhow::Result<Vec<Projected>> {
        let (data, results) = (AtHand::new(self.common), Results::new(&self.common.results));
        let mut rates = Rates::default();
        let mut projected = Vec::new();
        for experiment in Experiment::all()? {
            self.output.note(format!("projecting {}", experiment.id()));
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
    let (precision, effort, step) = match device {
        Device::Cpu => {
            let effort = Effort { patience, side: 1024, step: 2e11, width: None };
            (Precision::F32, effort, 1e10)
        }
        Device::Cuda(_) | Device::CudaRanks { .. } => {
            let effort = Effort { patience, side: 8192, step: f64::INFINITY, width: None };
            (arguments.precision.into(), effort, 1e12)
        }
    };
    let effort = if arguments.quick { Effort { side: 512, step: 1e9, width: Some(8), ..effort } } else { effort };
    let project = (!arguments.quick).then_some(step);
    let run = Run { cells: &cells, effort, project, common, output };
    let (peak, networks, projected) = on(device, precision, threads, run)??;
    let measured = Measured {
        device,
        name: device::title(device),
        precision,
        threads,
        quick: arguments.quick,
        peak_flops_per_second: peak,
        peak_side: effort.side,
        networks,
        projected,
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
    lines.push(format!("{}, {}, {threads} threads on the CPU", measured.name, measured.precision));
    if measured.quick {
        lines.push("Quick: narrow networks and small batches, not those of the paper.".to_owned());
    }
    let peak = measured.peak_flops_per_second;
    lines.push(format!("product of {side} x {side} matrices: {}FLOP/s", prefixed(peak)));
    lines.push(String::new());
    let head = ["network", "batch", "published", "steps/s", "items/s", "FLOP/s", "of the product's"];
    let mut rows = vec![head.map(str::to_owned).to_vec()];
    rows.extend(measured.networks.iter().map(|speed| {
        vec![
            speed.network.clone(),
            speed.batch.to_string(),
            speed.published_batch.to_string(),
            format!("{:.2}", speed.steps_per_second),
            format!("{:.0}", speed.items_per_second),
            prefixed(speed.flops_per_second).trim_end().to_owned(),
            format!("{:.0} %", 100.0 * speed.flops_per_second / peak),
        ]
    }));
    lines.push(table(&rows));
    lines.push("A step is one of N-pair with i-Mix: both views of a batch in memory, the loss on the CPU.".to_owned());
    if !measured.projected.is_empty() {
        lines.push(String::new());
        let head = ["experiment at the paper's scale", "operations to do", "time"];
        let mut rows = vec![head.map(str::to_owned).to_vec()];
        rows.extend(measured.projected.iter().map(|projected| {
            let operations = format!("{}FLOP", prefixed(projected.flops));
            vec![projected.experiment.clone(), operations, format!("about {}", duration(projected.seconds))]
        }));
        lines.push(table(&rows));
        lines.push(
            "Projected from a forward and backward pass of each network; losses, views and what waits for them come on \
             top."
                .to_owned(),
        );
    }
    lines.join("\n")
}
