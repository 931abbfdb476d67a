//! Does finished work again, or its beginning, and writes nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::path::Path;

use serde_json::json;

use crate::data::Set;
use crate::evaluate::Means;
use crate::kernels::collective::Ranks;
use crate::kernels::device::{OnRanks, on, on_ranks};
use crate::kernels::{Device, Kernels, Precision};
use crate::recipe::{EvaluationRecipe, PretextRecipe};
use crate::store::{EpochMetrics, Results, RunFolder, StoreError, Trace, checksum};
use crate::train::{self, Extent, Retraced};

use super::interruption::{Asking, of_device, of_store, of_training};
use super::training::{EvaluationRun, Training, evaluation_need, log, pretext_need};
use super::verification::DETAILS;
use super::work::Watch;
use super::{Comparison, Content, Event, Interruption, Verification, Work};

/// What a loss may differ by on another kind of processor: see docs/determinism.md.
const ROUNDING_OF_LOSSES: f64 = 1e-3;
/// The same for a test accuracy, which a few items on the border between two classes move.
const ROUNDING_OF_READINGS: f64 = 1e-2;

/// What to do again, and with what.
pub struct Verifier<'a> {
    pub results: &'a Results,
    /// The folder of data sets given on the command line.
    pub data: Option<&'a Path>,
    pub device: Device,
    /// Of what does not run on a device.
    pub threads: usize,
    /// Of a pretext run; an evaluation is done whole.
    pub extent: Extent,
}

impl Verifier<'_> {
    /// # Errors
    /// Files that are not what was written, data that is not there or another, and a run that recorded nothing to
    /// compare with; [`Interruption::Stopped`] where `watch` breaks.
    pub fn verify(&self, work: &Work, trainer: &mut Training, watch: Watch) -> Result<Verification, Interruption> {
        match work {
            Work::Pretext(recipe) => self.pretext(recipe, trainer, watch),
            Work::Evaluation(recipe) => self.evaluation(recipe, trainer, watch),
        }
    }

    fn pretext(
        &self,
        recipe: &PretextRecipe,
        trainer: &mut Training,
        watch: Watch,
    ) -> Result<Verification, Interruption> {
        let recorded = Recorded::read(&self.results.pretext(&recipe.address()), self.extent).map_err(of_store)?;
        let data = trainer.data(&recipe.data, self.data)?;
        let mut control = |progress| watch(Event::of_training(progress, recipe));
        let (threads, extent) = (self.threads, self.extent);
        let work = Retracing { recipe, data, threads, extent, control: &mut control };
        let again = on_ranks(self.device, recipe.pretext.precision, threads, work);
        let again = again.map_err(|error| of_device(error, Asking::Pretext, || pretext_need(recipe)))?;
        let again = again.map_err(of_training)?.ok_or(Interruption::Stopped)?;
        Ok(recorded.beside(&again, self.extent))
    }

    fn evaluation(
        &self,
        recipe: &EvaluationRecipe,
        trainer: &mut Training,
        watch: Watch,
    ) -> Result<Verification, Interruption> {
        let folder = self.results.evaluation(&recipe.address());
        let recorded = folder.read_result().map_err(of_store)?;
        let recorded = recorded.ok_or_else(|| of_store(unfinished(&folder, "result.json")))?;
        let data = trainer.data(&recipe.data, self.data)?;
        let work = EvaluationRun { recipe, data, results: self.results, means: Means::threads(self.threads), watch };
        let again = on(self.device, Precision::F32, self.threads, work);
        let again = again.map_err(|error| of_device(error, Asking::Evaluation, || evaluation_need(recipe)))??;
        let names: BTreeSet<&String> = recorded.readings.keys().chain(again.readings.keys()).collect();
        let reading = |from: &BTreeMap<String, f64>, name: &String| from.get(name).copied().unwrap_or(f64::NAN);
        let beside = |name: &String| Comparison {
            name: name.clone(),
            recorded: reading(&recorded.readings, name),
            here: reading(&again.readings, name),
            tolerance: ROUNDING_OF_READINGS,
        };
        let comparisons = names.into_iter().map(beside).collect();
        let metrics = log(&again, &folder.file("metrics.jsonl")).map_err(of_store)?;
        let same = checksum(metrics.text().as_bytes()) == recorded.metrics;
        let details = json!(again.details) == json!(recorded.details);
        let contents = [("metrics.jsonl", same), (DETAILS, details)];
        let contents = contents.map(|(name, same)| Content { name: name.to_owned(), same }).into();
        Ok(Verification { extent: "the whole evaluation".to_owned(), comparisons, contents })
    }
}

/// The beginning of a pretext run on whichever device.
struct Retracing<'a> {
    recipe: &'a PretextRecipe,
    data: &'a Set,
    threads: usize,
    extent: Extent,
    control: &'a mut dyn FnMut(train::Progress) -> ControlFlow<()>,
}

impl OnRanks for Retracing<'_> {
    type Output = Result<Option<Retraced>, train::TrainError>;

    fn run<K: Kernels>(self, ranks: Ranks<K>) -> Self::Output {
        train::retrace(self.recipe, self.data, ranks, self.threads, self.extent, self.control)
    }
}

fn unfinished(folder: &RunFolder, name: &str) -> StoreError {
    StoreError::damaged(&folder.file(name), "it is not there, and only finished work can be verified")
}

/// What a pretext run recorded.
struct Recorded {
    trace: Trace,
    epochs: Vec<EpochMetrics>,
    /// SHA-256 of `encoder.safetensors`.
    encoder: Option<String>,
}

impl Recorded {
    fn read(folder: &RunFolder, extent: Extent) -> Result<Recorded, StoreError> {
        let done = folder.read_done()?.ok_or_else(|| unfinished(folder, "done.json"))?;
        let epochs = match extent {
            Extent::Epochs(_) => folder.read_metrics(&done)?,
            Extent::Steps(_) => Vec::new(),
        };
        let encoder = done.files.get("encoder.safetensors").cloned();
        let trace = match (done.trace, extent) {
            (Some(trace), _) => trace,
            (None, Extent::Epochs(_)) => Trace::default(),
            (None, Extent::Steps(_)) => return Err(StoreError::Untraced { path: folder.file("done.json") }),
        };
        Ok(Recorded { trace, epochs, encoder })
    }

    /// Everything that came out, beside what was recorded of it: what was not counts as another.
    fn beside(&self, again: &Retraced, extent: Extent) -> Verification {
        let mut comparisons = Vec::new();
        let mut contents = Vec::new();
        let taken = match extent {
            Extent::Steps(_) => {
                for (at, here) in again.trace.steps.iter().enumerate() {
                    let recorded = self.trace.steps.get(at).map(|step| [step.loss, step.spread]);
                    comparisons.extend(numbers(&format!("step {}", at + 1), recorded, [here.loss, here.spread]));
                }
                let count = again.trace.steps.len();
                contents.extend(again.trace.parameters.as_ref().map(|here| Content {
                    name: format!("parameters after step {count}"),
                    same: self.trace.parameters.as_ref() == Some(here),
                }));
                first(count, "step")
            }
            Extent::Epochs(_) => {
                for (at, here) in again.epochs.iter().enumerate() {
                    let recorded = self.epochs.get(at).map(|epoch| [epoch.loss, epoch.spread]);
                    comparisons.extend(numbers(&format!("epoch {}", at + 1), recorded, [here.loss, here.spread]));
                }
                first(again.epochs.len(), "epoch")
            }
        };
        contents.extend(
            again.encoder.as_ref().map(|here| Content {
                name: "encoder.safetensors".to_owned(),
                same: self.encoder.as_ref() == Some(here),
            }),
        );
        let extent = if again.encoder.is_some() { format!("{taken}, all there are,") } else { taken };
        Verification { extent, comparisons, contents }
    }
}

/// `the first step`, `the first 10 steps`.
fn first(count: usize, thing: &str) -> String {
    if count == 1 { format!("the first {thing}") } else { format!("the first {count} {thing}s") }
}

/// Loss and spread of a step or an epoch.
fn numbers(of: &str, recorded: Option<[f64; 2]>, here: [f64; 2]) -> [Comparison; 2] {
    let recorded = recorded.unwrap_or([f64::NAN; 2]);
    [(0, "loss"), (1, "spread")].map(|(at, what)| Comparison {
        name: format!("{of}: {what}"),
        recorded: recorded[at],
        here: here[at],
        tolerance: ROUNDING_OF_LOSSES,
    })
}
