//! Does finished work again, or its beginning, and writes nothing.

use std::ops::ControlFlow;
use std::path::Path;

use crate::data::Set;
use crate::evaluate::Means;
use crate::kernels::device::{OnKernels, on};
use crate::kernels::{Device, Kernels, Precision};
use crate::recipe::{EvaluationRecipe, PretextRecipe};
use crate::store::{EpochMetrics, Results, RunFolder, StoreError, TracedStep, checksum};
use crate::train::{self, Extent, Retraced};

use super::interruption::{of_device, of_store, of_training};
use super::training::{EvaluationRun, Training, log};
use super::{Comparison, Content, Event, Interruption, Verification, Work};

/// What a loss may differ by on another kind of processor: see docs/determinism.md.
const ROUNDING_OF_LOSSES: f64 = 1e-3;
/// The same for a test accuracy, which a few items on the border between two classes move.
const ROUNDING_OF_READINGS: f64 = 1e-2;

/// Takes an event; breaks when the work has to stop.
type Watch<'a> = &'a mut dyn FnMut(Event) -> ControlFlow<()>;

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
        let again = on(self.device, Precision::F32, threads, work).map_err(of_device)?;
        let again = again.map_err(of_training)?.ok_or(Interruption::Stopped)?;
        Ok(recorded.beside(&again))
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
        let again = on(self.device, Precision::F32, self.threads, work).map_err(of_device)??;
        let beside = |(name, &recorded): (&String, &f64)| Comparison {
            name: name.clone(),
            recorded,
            here: again.readings.get(name).copied().unwrap_or(f64::NAN),
            tolerance: ROUNDING_OF_READINGS,
        };
        let comparisons = recorded.readings.iter().map(beside).collect();
        let metrics = log(&again, &folder.file("metrics.jsonl")).map_err(of_store)?;
        let same = checksum(metrics.text().as_bytes()) == recorded.metrics;
        let contents = vec![Content { name: "metrics.jsonl".to_owned(), same }];
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

impl OnKernels for Retracing<'_> {
    type Output = Result<Option<Retraced>, train::TrainError>;

    fn run<K: Kernels>(self, kernels: K) -> Self::Output {
        train::retrace(self.recipe, self.data, kernels, self.threads, self.extent, self.control)
    }
}

fn unfinished(folder: &RunFolder, name: &str) -> StoreError {
    StoreError::damaged(&folder.file(name), "it is not there, and only finished work can be verified")
}

/// What a pretext run recorded of its beginning.
enum Recorded {
    Steps { steps: Vec<TracedStep>, parameters: Option<String> },
    Epochs(Vec<EpochMetrics>),
}

impl Recorded {
    fn read(folder: &RunFolder, extent: Extent) -> Result<Recorded, StoreError> {
        let done = folder.read_done()?.ok_or_else(|| unfinished(folder, "done.json"))?;
        match extent {
            Extent::Epochs(epochs) => {
                let mut all: Vec<EpochMetrics> = folder.read_metrics(&done)?;
                all.truncate(epochs);
                Ok(Recorded::Epochs(all))
            }
            Extent::Steps(count) => {
                let trace = done.trace.ok_or_else(|| StoreError::Untraced { path: folder.file("done.json") })?;
                let mut steps = trace.steps;
                let parameters = trace.parameters.filter(|_| count >= steps.len());
                steps.truncate(count);
                Ok(Recorded::Steps { steps, parameters })
            }
        }
    }

    fn beside(self, again: &Retraced) -> Verification {
        match self {
            Recorded::Steps { steps, parameters } => {
                let pairs = steps.iter().zip(&again.trace.steps).enumerate();
                let comparisons = pairs.flat_map(|(at, (recorded, here))| {
                    numbers(&format!("step {}", at + 1), [recorded.loss, recorded.spread], [here.loss, here.spread])
                });
                let comparisons = comparisons.collect();
                let count = steps.len();
                let content = |recorded: String| Content {
                    name: format!("parameters after step {count}"),
                    same: again.trace.parameters.as_ref() == Some(&recorded),
                };
                let contents = parameters.map(content).into_iter().collect();
                Verification { extent: format!("the first {count} steps"), comparisons, contents }
            }
            Recorded::Epochs(epochs) => {
                let pairs = epochs.iter().zip(&again.epochs);
                let comparisons = pairs.flat_map(|(recorded, here)| {
                    let name = format!("epoch {}", recorded.epoch);
                    numbers(&name, [recorded.loss, recorded.spread], [here.loss, here.spread])
                });
                let comparisons = comparisons.collect();
                let extent = format!("the first {} epochs", epochs.len());
                Verification { extent, comparisons, contents: Vec::new() }
            }
        }
    }
}

/// Loss and spread of a step or an epoch.
fn numbers(of: &str, recorded: [f64; 2], here: [f64; 2]) -> [Comparison; 2] {
    [(0, "loss"), (1, "spread")].map(|(at, what)| Comparison {
        name: format!("{of}: {what}"),
        recorded: recorded[at],
        here: here[at],
        tolerance: ROUNDING_OF_LOSSES,
    })
}
