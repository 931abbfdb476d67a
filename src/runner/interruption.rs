//! Why work has no outcome, as the results folder has it.

use crate::data::DataError;
use crate::evaluate::EvaluateError;
use crate::kernels::device::gigabytes;
use crate::kernels::{DeviceError, DeviceFailure};
use crate::memory::Need;
use crate::store::{Failure, FailureKind, ShortOfMemory, StoreError};
use crate::train::{StepError, TrainError};

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
            EvaluateError::Data(_) | EvaluateError::Views(_) | EvaluateError::Unfit { .. } => FailureKind::Data,
            EvaluateError::Store(_) => FailureKind::Store,
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

pub(super) fn of_data(error: DataError) -> Failure {
    Failure { kind: FailureKind::Data, message: with_causes(&error) }
}

pub(super) fn of_store(error: StoreError) -> Failure {
    Failure { kind: FailureKind::Store, message: error.to_string() }
}

/// What asked for more memory than a GPU has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asking {
    Pretext,
    Evaluation,
}

impl Asking {
    /// What helps against it.
    fn advice(self) -> &'static str {
        match self {
            Asking::Pretext => {
                "Fewer trials at a time (--jobs) or a larger GPU (--device cuda:N) give the same numbers; several GPUs \
                 (--device cuda:FIRST-LAST), a smaller batch and precision bf16 need less of each, and give others"
            }
            Asking::Evaluation => {
                "Fewer trials at a time (--jobs) or a larger GPU (--device cuda:N) give the same numbers"
            }
        }
    }
}

/// `need` estimates what the work needs, where the device ran out of memory.
pub(super) fn of_device(error: DeviceError, asking: Asking, need: impl FnOnce() -> Option<Need>) -> Failure {
    let DeviceError::Failed(DeviceFailure::OutOfMemory { needed, free, total, .. }) = error else {
        return Failure { kind: FailureKind::Device { memory: None }, message: error.to_string() };
    };
    let need = need();
    let estimated = need.map_or_else(String::new, |need| {
        let [all, own, allowance] = [need.bytes(), need.allocated, need.allowance].map(gigabytes);
        format!(
            ". By its estimate this work needs {all} on one GPU: {own} of its own, and {allowance} allowed for CUDA and its libraries"
        )
    });
    let memory = Some(ShortOfMemory { needed, free, total, estimate: need.map(Need::bytes) });
    let message = format!("{error}{estimated}. {}", asking.advice());
    Failure { kind: FailureKind::Device { memory }, message }
}

pub(super) fn of_training(error: TrainError) -> Failure {
    let kind = match error {
        TrainError::NotFinite { epoch, step, .. } => FailureKind::NotFinite { epoch, step },
        TrainError::Collapse { epoch, step, .. } => FailureKind::Collapse { epoch, step },
        TrainError::BatchTooLarge { .. } | TrainError::Data(_) | TrainError::Views(_) | TrainError::Model(_) => {
            FailureKind::Data
        }
        TrainError::Store(_) => FailureKind::Store,
        TrainError::Step(StepError::Ranks { .. }) => FailureKind::Device { memory: None },
        TrainError::Threads { .. } | TrainError::Handover { .. } | TrainError::Step(_) => FailureKind::Crash,
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
