use std::error::Error;

use thiserror::Error;

use super::Split;
use crate::augment::ViewsError;
use crate::data::DataError;
use crate::model::ModelError;
use crate::store::StoreError;

/// Why an evaluation gave no result.
#[derive(Debug, Error)]
pub enum EvaluateError {
    /// The encoder put out a number that no classifier can be trained or tested on.
    #[error(
        "feature {feature} of {split} row {row} is {found}, expected a finite number: the encoder has diverged, \
         train it again with a lower rate"
    )]
    NotFinite { split: Split, row: usize, feature: usize, found: f32 },
    /// The classifier itself left the range of f32.
    #[error("the classifier of rate {rate} is no longer finite after epoch {epoch}: give a lower rate")]
    Diverged { rate: f64, epoch: usize },
    /// Training of the whole network left the range of f32.
    #[error("the loss is {found} at step {step} of epoch {epoch}: give a lower base_rate")]
    LossNotFinite { epoch: usize, step: usize, found: f32 },
    #[error(transparent)]
    Data(#[from] DataError),
    #[error(transparent)]
    Views(#[from] ViewsError),
    #[error(transparent)]
    Model(#[from] ModelError),
    /// Settings and data that do not go together.
    #[error("{what}: expected {expected}, found {found}")]
    Unfit { what: String, expected: String, found: String },
    #[error("the eigenvalues of the features' second moments could not be computed: {0}")]
    Eigenvalues(String),
    #[error("the singular values of the features' covariances could not be computed: {0}")]
    SingularValues(String),
    /// Whatever computes the features failed.
    #[error("cannot compute features")]
    Encoder(#[source] Box<dyn Error + Send + Sync>),
    #[error("cannot start {threads} threads")]
    Threads { threads: usize, source: rayon::ThreadPoolBuildError },
    /// A checkpoint that could not be written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The caller asked for it, through the progress callback.
    #[error("stopped")]
    Stopped,
}

impl EvaluateError {
    pub(super) fn unfit(what: &str, expected: impl ToString, found: impl ToString) -> EvaluateError {
        EvaluateError::Unfit { what: what.to_owned(), expected: expected.to_string(), found: found.to_string() }
    }
}
