//! `repro evaluate`: the read-outs of an experiment on an encoder from elsewhere.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context;
use serde_json::{Value, json};

use crate::data::{Library, Set};
use crate::evaluate::{Means, Progress};
use crate::experiment::{Cell, Experiment, differences, shown};
use crate::interchange::Encoder;
use crate::kernels::Cpu;
use crate::recipe::{EvaluationKind, Settings, Unit};
use crate::runner::{Interruption, ReadOut, stop_on_signals};
use crate::store::{Failure, FailureKind};

use super::arguments::{Common, Evaluate};
use super::text::table;
use super::{Exit, Output};

/// Between two lines of progress.
const LINE_EVERY: Duration = Duration::from_secs(10);

pub fn execute(arguments: Evaluate, common: &Common, output: &Output) -> anyhow::Result<Exit> {
    let experiment = Experiment::load(&arguments.experiment)?;
    let cells = experiment.cells(arguments.scale, &arguments.only)?;
    let settings = agreed(&cells)?;
    let kinds: Vec<EvaluationKind> =
        settings.evaluation.kinds().into_iter().filter(EvaluationKind::needs_encoder).collect();
    if kinds.is_empty() {
        anyhow::bail!("these cells have no evaluation of an encoder; choose others with --only");
    }
    let encoder = Encoder::read(&arguments.encoder)?;
    introduce(&encoder, output);
    let data = Library::new(common.data.as_deref()).load(&settings.read_out_data())?;

    let stop = Arc::new(AtomicBool::new(false));
    stop_on_signals(stop.clone()).context("cannot listen to signals")?;
    let mut found = Found::default();
    for evaluation in &kinds {
        match read_out(&encoder, evaluation, &data, arguments.seed, &stop, output) {
            Ok(outcome) => {
                found.readings.extend(outcome.readings);
                found.details.insert(evaluation.id().to_owned(), json!(outcome.details));
            }
            Err(Interruption::Stopped) => {
                output.note("stopped; nothing was kept");
                return Ok(Exit::Interrupted);
            }
            Err(Interruption::Failed(failure)) => return failed(&failure, output),
        }
    }
    output.result(match arguments.json {
        true => format!("{:#}", found.json(&encoder, &settings, arguments.seed)),
        false => found.table(),
    });
    Ok(Exit::Done)
}

/// A number out of range is a result of sorts; all else could not be carried out.
fn failed(failure: &Failure, output: &Output) -> anyhow::Result<Exit> {
    let error = anyhow::anyhow!("{failure}");
    match failure.kind {
        FailureKind::NotFinite { .. } | FailureKind::Collapse { .. } => {
            output.error(&error);
            Ok(Exit::Failed)
        }
        _ => Err(error),
    }
}

/// The settings of the first cell, once all cells ask for the same data and evaluations.
fn agreed(cells: &[Cell]) -> anyhow::Result<Settings> {
    let (first, others) = cells.split_first().context("no cells; choose others with --only")?;
    let asked = |cell: &Cell| json!({ "data": cell.settings.read_out_data(), "evaluation": cell.settings.evaluation });
    let ours = asked(first);
    for other in others {
        let found = differences(&ours, &asked(other));
        if found.is_empty() {
            continue;
        }
        let mut rows = vec![vec!["setting".to_owned(), first.name(), other.name()]];
        rows.extend(found.iter().map(|one| vec![one.path.clone(), shown(&one.left), shown(&one.right)]));
        anyhow::bail!(
            "the cells do not agree on data and evaluation; choose some that do with --only\n{}",
            table(&rows)
        );
    }
    Ok(first.settings.clone())
}

fn introduce(encoder: &Encoder, output: &Output) {
    let Encoder { path, sha256, architecture, passed_over, converted, .. } = encoder;
    output.note(format!(
        "An encoder from elsewhere: {}, SHA-256 {sha256}, {architecture}. Its readings are not kept in the results.",
        path.display()
    ));
    if !passed_over.is_empty() {
        let counted: Vec<String> = passed_over.iter().map(|(what, count)| format!("{count} {what}")).collect();
        output.note(format!("passed over: {}", counted.join(", ")));
    }
    for (kind, count) in converted {
        output.note(format!("converted {count} tensors from {kind} to f32"));
    }
}

fn read_out(
    encoder: &Encoder,
    evaluation: &EvaluationKind,
    data: &Set,
    seed: u64,
    stop: &AtomicBool,
    output: &Output,
) -> Result<crate::evaluate::Outcome, Interruption> {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let read_out = ReadOut { data, network: &encoder.architecture.network, evaluation, seed };
    let mut told = Instant::now();
    read_out.run(
        Cpu::new(threads),
        |network| {
            encoder
                .load_into(network)
                .map_err(|error| Interruption::Failed(Failure { kind: FailureKind::Data, message: error.to_string() }))
        },
        Means::threads(threads),
        &mut |Progress { stage, done, of, .. }| {
            if told.elapsed() >= LINE_EVERY {
                told = Instant::now();
                output.note(format!("{}: {stage} {done}/{of}", evaluation.id()));
            }
            if stop.load(Ordering::Relaxed) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        },
    )
}

/// What all evaluations came to.
#[derive(Default)]
struct Found {
    readings: BTreeMap<String, f64>,
    details: BTreeMap<String, Value>,
}

impl Found {
    fn table(&self) -> String {
        let number = |name: &str, value: f64| match Unit::of(name) {
            Unit::Accuracy => format!("{value:.2} %"),
            Unit::Distance => format!("{value:.6} (distance)"),
        };
        let mut rows = vec![vec!["reading".to_owned(), "value".to_owned()]];
        rows.extend(self.readings.iter().map(|(name, value)| vec![name.clone(), number(name, *value)]));
        table(&rows)
    }

    fn json(&self, encoder: &Encoder, settings: &Settings, seed: u64) -> Value {
        let passed_over: BTreeMap<String, usize> =
            encoder.passed_over.iter().map(|(what, count)| (what.to_string(), *count)).collect();
        json!({
            "encoder": {
                "file": encoder.path.display().to_string(),
                "sha256": encoder.sha256,
                "network": encoder.architecture.network,
                "inputs": encoder.architecture.inputs,
                "passed_over": passed_over,
                "converted": encoder.converted,
            },
            "data": settings.read_out_data(),
            "seed": seed,
            "readings": self.readings,
            "details": self.details,
        })
    }
}
