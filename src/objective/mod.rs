//! What training minimises: objectives over embeddings of queries and keys, and virtual labels.
//!
//! i-Mix is one mechanism for all of them: each objective is written against the N x N matrix of
//! [`VirtualLabels`](crate::mix::VirtualLabels), `v[i, n]` saying how much of query `i` is item `n`, and reduces to
//! the published loss when that matrix is the identity.

mod byol;
mod contrast;
mod loss;
mod moco;
mod npair;
mod queue;
mod simclr;

use crate::kernels::LabelOutside;
use crate::kernels::collective::Abandoned;
use crate::mix::LabelError;
use crate::recipe::{Contrast, Method, Operator, Pretext};

pub use loss::{COLLAPSED, Loss, Observed};
pub use queue::{QueueShape, QueueState};

/// The objective of a method, with its settings.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Objective {
    Npair { temperature: f64, replicas: usize },
    Simclr { temperature: f64, replicas: usize },
    Moco { temperature: f64, contrast: Contrast },
    Byol,
}

/// Why there is no objective or no loss.
#[derive(Debug, thiserror::Error)]
pub enum ObjectiveError {
    #[error("{method} needs the setting `{setting}`, which the recipe leaves out")]
    Missing { method: &'static str, setting: &'static str },
    #[error("temperature is {found}, expected a finite number above 0")]
    Temperature { found: f64 },
    #[error("a batch of {rows} cannot be split into {replicas} equal shares")]
    Shares { rows: usize, replicas: usize },
    #[error("a queue of {length} keys cannot be filled by batches of {batch}: make it a multiple of the batch")]
    Queue { length: usize, batch: usize },
    #[error("saved queue has {values} values and its pointer at {pointer}, expected {length} keys of {width} values")]
    QueueState { length: usize, width: usize, pointer: usize, values: usize },
    #[error("mixed queries need the keys of others among the classes: choose the contrast `n-plus-k` for MoCo")]
    MixedOnePlusK,
    #[error("MoCo was given no queue")]
    NoQueue,
    #[error("queries and keys of this objective come from two encoders, not from one pass")]
    KeysApart,
    #[error("queries and keys of this objective come from one pass, not from two encoders")]
    KeysLearn,
    #[error(transparent)]
    Abandoned(#[from] Abandoned),
    #[error(transparent)]
    Labels(#[from] LabelError),
    #[error(transparent)]
    LabelOutside(#[from] LabelOutside),
}

impl Objective {
    /// The objective that a recipe asks for.
    ///
    /// # Errors
    /// A setting that the method needs is missing or out of range, the batch does not split into replicas or does not
    /// divide the queue, or i-Mix is asked of (1 + K)-way MoCo.
    pub fn new(pretext: &Pretext) -> Result<Objective, ObjectiveError> {
        let (batch, replicas) = (pretext.batch, pretext.replicas);
        if replicas == 0 || !batch.is_multiple_of(replicas) {
            return Err(ObjectiveError::Shares { rows: batch, replicas });
        }
        let missing = |method, setting| ObjectiveError::Missing { method, setting };
        let temperature = |method| match pretext.temperature {
            None => Err(missing(method, "temperature")),
            Some(found) if found.is_finite() && found > 0.0 => Ok(found),
            Some(found) => Err(ObjectiveError::Temperature { found }),
        };
        match pretext.method {
            Method::Npair => Ok(Objective::Npair { temperature: temperature("N-pair")?, replicas }),
            Method::Simclr => Ok(Objective::Simclr { temperature: temperature("SimCLR")?, replicas }),
            Method::Moco => {
                let contrast = pretext.contrast.ok_or(missing("MoCo", "contrast"))?;
                let length = pretext.queue.ok_or(missing("MoCo", "queue"))?;
                if contrast == Contrast::OnePlusK && pretext.mix.operator != Operator::None {
                    return Err(ObjectiveError::MixedOnePlusK);
                }
                if batch == 0 || length == 0 || !length.is_multiple_of(batch) {
                    return Err(ObjectiveError::Queue { length, batch });
                }
                Ok(Objective::Moco { temperature: temperature("MoCo")?, contrast })
            }
            Method::Byol => Ok(Objective::Byol),
        }
    }
}

#[cfg(test)]
mod tests;
