//! The work itself: recipes become calls of `train` and `evaluate`.

use std::ops::ControlFlow;
use std::path::Path;
use std::time::Duration;

use crate::data::{Library, Set};
use crate::evaluate::{self, Means, Outcome};
use crate::kernels::collective::Ranks;
use crate::kernels::device::{OnKernels, OnRanks, on, on_ranks};
use crate::kernels::{DeviceError, Kernels, Precision};
use crate::memory::{Need, Needs};
use crate::model::Network;
use crate::recipe::{DataIdentity, EvaluationRecipe, PretextRecipe};
use crate::store::{
    Checkpoints, EvaluationResult, Failure, FailureKind, MetricLog, Results, RunFolder, Saver, Stage, StoreError,
    checksum, write_sealed,
};
use crate::train;

use super::interruption::{Asking, Interruption, of_data, of_device, of_store, of_training};
use super::readout::ReadOut;
use super::work::{Ended, Performer, Session, Watch};
use super::{Event, Task};

/// Trains and evaluates on the device of the task. The data set of the last task is kept for the next one.
#[derive(Default)]
pub struct Training {
    kept: Option<Set>,
}

impl Training {
    /// The data that a recipe names.
    pub(super) fn data(&mut self, identity: &DataIdentity, folder: Option<&Path>) -> Result<&Set, Failure> {
        let set = match self.kept.take().filter(|kept| *kept.identity() == *identity) {
            Some(kept) => kept,
            None => {
                let loaded = Library::new(folder).load(&identity.settings).map_err(of_data)?;
                if *loaded.identity() != *identity {
                    let message = format!(
                        "the data set {} has changed since this run began: expected the content with SHA-256 {}, found \
                         {}. Run the same command again",
                        identity.settings.set.id(),
                        identity.digest,
                        loaded.identity().digest
                    );
                    return Err(Failure { kind: FailureKind::Data, message });
                }
                loaded
            }
        };
        Ok(self.kept.insert(set))
    }

    /// `on` runs it with the kernels of some device.
    fn pretext_on(
        &mut self,
        recipe: &PretextRecipe,
        session: &Session,
        watch: Watch,
        on: impl FnOnce(PretextRun) -> Result<Result<train::Ended, train::TrainError>, DeviceError>,
    ) -> Result<Ended, Failure> {
        let data = self.data(&recipe.data, session.task.data.as_deref())?;
        let options = train::Options { threads: session.task.threads, checkpoint_every: least_interval(session.task) };
        let mut control = |progress| watch(Event::of_training(progress, recipe));
        let ended = on(PretextRun { recipe, data, folder: session.folder, options, control: &mut control });
        let ended = ended.map_err(|error| of_device(error, Asking::Pretext, || pretext_need(recipe)))?;
        match ended.map_err(of_training)? {
            train::Ended::Finished => Ok(Ended::Done),
            train::Ended::Stopped => Ok(Ended::Stopped),
        }
    }
}

/// Memory of a GPU that a run needs.
pub(super) fn pretext_need(recipe: &PretextRecipe) -> Option<Need> {
    Needs::default().of_pretext(&recipe.network, &recipe.data.settings, &recipe.pretext)
}

/// Memory of a GPU that an evaluation needs.
pub(super) fn evaluation_need(recipe: &EvaluationRecipe) -> Option<Need> {
    Needs::default().of_evaluation(&recipe.network, &recipe.data.settings, &recipe.evaluation)
}

impl Performer for Training {
    fn pretext(&mut self, recipe: &PretextRecipe, session: &Session, watch: Watch) -> Result<Ended, Failure> {
        let Task { device, threads, .. } = *session.task;
        self.pretext_on(recipe, session, watch, |work| on_ranks(device, recipe.pretext.precision, threads, work))
    }

    fn evaluation(&mut self, recipe: &EvaluationRecipe, session: &Session, watch: Watch) -> Result<Ended, Failure> {
        let data = self.data(&recipe.data, session.task.data.as_deref())?;
        let address = recipe.address();
        let checkpoints = Checkpoints::new(session.folder, &address);
        let mut warnings = Vec::new();
        let from = checkpoints.restore(Ok, &mut |text| warnings.push(text)).map_err(of_store)?;
        for text in warnings {
            let _ = watch(Event::Warning(text));
        }
        let Task { device, threads, .. } = *session.task;
        let means = Means { threads, from, saver: Some(Saver::new(checkpoints, least_interval(session.task))) };
        let work = EvaluationRun { recipe, data, results: session.results, means, watch };
        let outcome = on(device, Precision::F32, threads, work);
        match outcome.map_err(|error| of_device(error, Asking::Evaluation, || evaluation_need(recipe)))? {
            Ok(outcome) => {
                write_result(session, outcome).and_then(|()| checkpoints.clear()).map_err(of_store)?;
                Ok(Ended::Done)
            }
            Err(Interruption::Stopped) => Ok(Ended::Stopped),
            Err(Interruption::Failed(failure)) => Err(failure),
        }
    }
}

/// The least time between two checkpoints.
fn least_interval(task: &Task) -> Duration {
    Duration::try_from_secs_f64(task.checkpoint_seconds).unwrap_or(Duration::MAX)
}

impl Event {
    /// What a step of a recipe tells.
    pub(super) fn of_training(progress: train::Progress, recipe: &PretextRecipe) -> Event {
        match progress {
            train::Progress::Step { epoch, epochs, step, steps, loss } => Event::Progress {
                stage: Stage::Epoch,
                at: epoch,
                of: epochs,
                fraction: ((epoch - 1) as f64 + step as f64 / steps as f64) / epochs as f64,
                items: epochs * steps * recipe.pretext.batch,
                loss: Some(loss),
            },
            train::Progress::Warning(text) => Event::Warning(text),
        }
    }
}

/// A pretext run on whichever device.
struct PretextRun<'a> {
    recipe: &'a PretextRecipe,
    data: &'a Set,
    folder: &'a RunFolder,
    options: train::Options,
    control: &'a mut dyn FnMut(train::Progress) -> ControlFlow<()>,
}

impl OnRanks for PretextRun<'_> {
    type Output = Result<train::Ended, train::TrainError>;

    fn run<K: Kernels>(self, ranks: Ranks<K>) -> Self::Output {
        train::pretext(self.recipe, self.data, self.folder, ranks, self.options, self.control)
    }
}

/// An evaluation on whichever device. It writes nothing but checkpoints.
pub(super) struct EvaluationRun<'a, 'b> {
    pub recipe: &'a EvaluationRecipe,
    pub data: &'a Set,
    pub results: &'a Results,
    pub means: Means<'a>,
    pub watch: Watch<'b>,
}

impl OnKernels for EvaluationRun<'_, '_> {
    type Output = Result<Outcome, Interruption>;

    fn run<K: Kernels>(self, kernels: K) -> Self::Output {
        let EvaluationRun { recipe, data, results, means, watch } = self;
        let progress = &mut |progress: evaluate::Progress| watch(progress.into());
        let EvaluationRecipe { seed, ref network, ref evaluation, .. } = *recipe;
        let read_out = ReadOut { data, network, evaluation, seed };
        read_out.run(kernels, |network| Ok(load_trained(network, recipe, results)?), means, progress)
    }
}

impl From<evaluate::Progress> for Event {
    fn from(progress: evaluate::Progress) -> Event {
        let evaluate::Progress { stage, done, of, items } = progress;
        let stage = match stage {
            evaluate::Stage::Training => Stage::Epoch,
            evaluate::Stage::Choosing => Stage::Choosing,
            evaluate::Stage::Solving => Stage::Solving,
            evaluate::Stage::Testing => Stage::Testing,
        };
        Event::Progress { stage, at: done, of, fraction: done as f64 / of.max(1) as f64, items: of * items, loss: None }
    }
}

/// Sets the encoder that a recipe names.
fn load_trained<K: Kernels>(
    network: &mut Network<K>,
    recipe: &EvaluationRecipe,
    results: &Results,
) -> Result<(), Failure> {
    let address = recipe.encoder.as_ref().ok_or_else(|| Failure {
        kind: FailureKind::Store,
        message: format!("the {} evaluation names no encoder", recipe.evaluation.id()),
    })?;
    load(&results.pretext(address), network).map_err(of_store)
}

fn load<K: Kernels>(folder: &RunFolder, network: &mut Network<K>) -> Result<(), StoreError> {
    let done = folder.read_done()?.ok_or_else(|| StoreError::damaged(&folder.file("done.json"), "it is gone"))?;
    let name = "encoder.safetensors";
    train::load_encoder(network, &folder.read_vouched(&done, name)?, &folder.file(name))
}

/// What an evaluation's `metrics.jsonl` holds.
pub(super) fn log(outcome: &Outcome, path: &Path) -> Result<MetricLog, StoreError> {
    let mut metrics = MetricLog::new(path);
    for line in &outcome.lines {
        metrics.push(line)?;
    }
    Ok(metrics)
}

/// Writes what an evaluation found; `result.json` last, because it says that the evaluation is finished.
fn write_result(session: &Session, outcome: Outcome) -> Result<(), StoreError> {
    let metrics = log(&outcome, &session.folder.file("metrics.jsonl"))?;
    metrics.write()?;
    let metrics = checksum(metrics.text().as_bytes());
    let Outcome { readings, details, .. } = outcome;
    write_sealed(&session.folder.file("result.json"), &EvaluationResult { readings, details, metrics })
}

#[cfg(test)]
mod tests;
