//! The work itself: recipes become calls of `train` and `evaluate`.

use std::path::Path;
use std::time::Duration;

use crate::data::{DataError, Library, Set};
use crate::evaluate::{self, EvaluateError, Outcome};
use crate::kernels::Cpu;
use crate::model::Network;
use crate::recipe::{DataIdentity, EvaluationRecipe, PretextRecipe};
use crate::store::{EvaluationResult, Failure, FailureKind, MetricLog, RunFolder, StoreError, checksum, write_sealed};
use crate::train::{self, TrainError};

use super::readout::ReadOut;
use super::work::{Ended, Performer, Session, Watch};
use super::{Event, Stage};

/// Trains and evaluates on the CPU. The data set of the last task is kept for the next one.
#[derive(Default)]
pub struct Training {
    kept: Option<Set>,
}

impl Training {
    /// The data that a recipe names.
    fn data(&mut self, identity: &DataIdentity, folder: Option<&Path>) -> Result<&Set, Failure> {
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
}

impl Performer for Training {
    fn pretext(&mut self, recipe: &PretextRecipe, session: &Session, watch: Watch) -> Result<Ended, Failure> {
        let data = self.data(&recipe.data, session.task.data.as_deref())?;
        let threads = session.task.threads;
        let checkpoint_every = Duration::try_from_secs_f64(session.task.checkpoint_seconds).unwrap_or(Duration::MAX);
        let options = train::Options { threads, checkpoint_every };
        let ended = train::pretext(recipe, data, session.folder, Cpu::new(threads), options, &mut |progress| {
            watch(match progress {
                train::Progress::Step { epoch, epochs, step, steps, loss } => Event::Progress {
                    stage: Stage::Epoch,
                    at: epoch,
                    of: epochs,
                    fraction: ((epoch - 1) as f64 + step as f64 / steps as f64) / epochs as f64,
                    loss: Some(loss),
                },
                train::Progress::Warning(text) => Event::Warning(text),
            })
        });
        match ended.map_err(of_training)? {
            train::Ended::Finished => Ok(Ended::Done),
            train::Ended::Stopped => Ok(Ended::Stopped),
        }
    }

    fn evaluation(&mut self, recipe: &EvaluationRecipe, session: &Session, watch: Watch) -> Result<Ended, Failure> {
        let data = self.data(&recipe.data, session.task.data.as_deref())?;
        match evaluate_on(data, recipe, session, watch) {
            Ok(outcome) => {
                write_result(session, outcome).map_err(of_store)?;
                Ok(Ended::Done)
            }
            Err(Interruption::Stopped) => Ok(Ended::Stopped),
            Err(Interruption::Failed(failure)) => Err(failure),
        }
    }
}

/// Why an evaluation has no outcome.
#[derive(Debug)]
pub enum Interruption {
    Stopped,
    Failed(Failure),
}

impl From<EvaluateError> for Interruption {
    fn from(error: EvaluateError) -> Interruption {
        let kind = match error {
            EvaluateError::Stopped => return Interruption::Stopped,
            EvaluateError::LossNotFinite { epoch, step, .. } => FailureKind::NotFinite { epoch, step },
            EvaluateError::Diverged { epoch, .. } => FailureKind::NotFinite { epoch, step: 0 },
            EvaluateError::NotFinite { .. } => FailureKind::NotFinite { epoch: 0, step: 0 },
            EvaluateError::Unfit { .. } => FailureKind::Data,
            _ => FailureKind::Crash,
        };
        Interruption::Failed(Failure { kind, message: with_causes(&error) })
    }
}

impl From<Failure> for Interruption {
    fn from(failure: Failure) -> Interruption {
        Interruption::Failed(failure)
    }
}

fn evaluate_on(
    data: &Set,
    recipe: &EvaluationRecipe,
    session: &Session,
    watch: Watch,
) -> Result<Outcome, Interruption> {
    let progress = &mut |progress: evaluate::Progress| watch(progress.into());
    let EvaluationRecipe { seed, ref network, ref evaluation, .. } = *recipe;
    let read_out = ReadOut { data, network, evaluation, seed, threads: session.task.threads };
    read_out.run(|network| Ok(load_trained(network, recipe, session)?), progress)
}

impl From<evaluate::Progress> for Event {
    fn from(progress: evaluate::Progress) -> Event {
        let evaluate::Progress { stage, done, of } = progress;
        let stage = match stage {
            evaluate::Stage::Training => Stage::Epoch,
            evaluate::Stage::Choosing => Stage::Choosing,
            evaluate::Stage::Solving => Stage::Solving,
            evaluate::Stage::Testing => Stage::Testing,
        };
        Event::Progress { stage, at: done, of, fraction: done as f64 / of.max(1) as f64, loss: None }
    }
}

/// Sets the encoder that a recipe names.
fn load_trained(network: &mut Network<Cpu>, recipe: &EvaluationRecipe, session: &Session) -> Result<(), Failure> {
    let address = recipe.encoder.as_ref().ok_or_else(|| Failure {
        kind: FailureKind::Store,
        message: format!("the {} evaluation names no encoder", recipe.evaluation.id()),
    })?;
    load(&session.results.pretext(address), network).map_err(of_store)
}

fn load(folder: &RunFolder, network: &mut Network<Cpu>) -> Result<(), StoreError> {
    let done = folder.read_done()?.ok_or_else(|| StoreError::damaged(&folder.file("done.json"), "it is gone"))?;
    let name = "encoder.safetensors";
    train::load_encoder(network, &folder.read_vouched(&done, name)?, &folder.file(name))
}

/// Writes what an evaluation found; `result.json` last, because it says that the evaluation is finished.
fn write_result(session: &Session, outcome: Outcome) -> Result<(), StoreError> {
    let mut metrics = MetricLog::new(&session.folder.file("metrics.jsonl"));
    for line in &outcome.lines {
        metrics.push(line)?;
    }
    metrics.write()?;
    let metrics = checksum(metrics.text().as_bytes());
    let Outcome { readings, details, .. } = outcome;
    write_sealed(&session.folder.file("result.json"), &EvaluationResult { readings, details, metrics })
}

fn of_data(error: DataError) -> Failure {
    let kind = match error {
        DataError::NotBuilt { .. } => FailureKind::NotBuilt,
        _ => FailureKind::Data,
    };
    Failure { kind, message: with_causes(&error) }
}

fn of_store(error: StoreError) -> Failure {
    Failure { kind: FailureKind::Store, message: error.to_string() }
}

pub(super) fn of_training(error: TrainError) -> Failure {
    let kind = match error {
        TrainError::NotFinite { epoch, step, .. } => FailureKind::NotFinite { epoch, step },
        TrainError::Collapse { epoch, step, .. } => FailureKind::Collapse { epoch, step },
        TrainError::BatchTooLarge { .. } | TrainError::Views(_) | TrainError::Model(_) => FailureKind::Data,
        TrainError::Store(_) => FailureKind::Store,
        TrainError::Threads { .. } | TrainError::Step(_) => FailureKind::Crash,
    };
    Failure { kind, message: with_causes(&error) }
}

/// An error and what brought it about, on one line.
fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let said = inner.to_string();
        if !text.contains(&said) {
            text = format!("{text}: {said}");
        }
        cause = inner.source();
    }
    text
}
