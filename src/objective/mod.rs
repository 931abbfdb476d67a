//! What training minimises: objectives over embeddings of queries and keys, and virtual labels.
//!
//! i-Mix is one mechanism for all of them: each objective is written against the N x N matrix of
//! [`VirtualLabels`], `v[i, n]` saying how much of query `i` is item `n`, and reduces to
//! the published loss when that matrix is the identity.

mod byol;
mod moco;
mod npair;
mod queue;
mod simclr;
mod spread;

use candle_core::Tensor;

use crate::kernels::normalise::normalise;
use crate::mix::{LabelError, VirtualLabels};
use crate::recipe::{Contrast, Method, Operator, Pretext};

pub use queue::{Queue, QueueState};
pub use spread::{COLLAPSED, spread};

/// A batch as the network embeds it: row `i` of both is item `i`.
#[derive(Clone, Copy, Debug)]
pub struct Embeddings<'a> {
    /// `[N, C]`, not normalised.
    pub queries: &'a Tensor,
    /// `[N, C]`, not normalised.
    pub keys: &'a Tensor,
}

/// The objective of a method, with its settings.
#[derive(Clone, Debug, PartialEq)]
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
    #[error("embeddings {queries:?} of queries, {keys:?} of keys and labels of {labels} queries do not fit")]
    Shapes { queries: Vec<usize>, keys: Vec<usize>, labels: usize },
    #[error(transparent)]
    Labels(#[from] LabelError),
    #[error(transparent)]
    Tensor(#[from] candle_core::Error),
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

    /// The loss of a batch, a scalar: the mean over its queries. MoCo reads the queue as it stands; enqueue the keys
    /// of a batch after its loss.
    ///
    /// Gradients reach the queries and, for N-pair and SimCLR, the keys.
    ///
    /// # Errors
    /// Shapes and labels that do not fit each other, MoCo without a queue, mixed queries with (1 + K)-way MoCo.
    pub fn loss(
        &self,
        embeddings: Embeddings,
        labels: &VirtualLabels,
        queue: Option<&Queue>,
    ) -> Result<Tensor, ObjectiveError> {
        let (queries, keys) = (embeddings.queries, embeddings.keys);
        if queries.dims() != keys.dims() || queries.rank() != 2 || queries.dims()[0] != labels.rows() {
            return Err(ObjectiveError::Shapes {
                queries: queries.dims().to_vec(),
                keys: keys.dims().to_vec(),
                labels: labels.rows(),
            });
        }
        let queries = normalise(queries)?;
        match self {
            Objective::Npair { temperature, replicas } => {
                let keys = normalise(keys)?;
                per_share(&queries, &keys, labels, *replicas, |queries, keys, labels| {
                    npair::loss(queries, keys, labels, *temperature)
                })
            }
            Objective::Simclr { temperature, replicas } => {
                let keys = normalise(keys)?;
                per_share(&queries, &keys, labels, *replicas, |queries, keys, labels| {
                    simclr::loss(queries, keys, labels, *temperature)
                })
            }
            Objective::Moco { temperature, contrast } => {
                let keys = normalise(&keys.detach())?;
                let queue = queue.ok_or(ObjectiveError::NoQueue)?;
                match contrast {
                    Contrast::OnePlusK if labels.is_mixed() => Err(ObjectiveError::MixedOnePlusK),
                    Contrast::OnePlusK => Ok(moco::one_plus_k(&queries, &keys, queue.keys(), *temperature)?),
                    Contrast::NPlusK => Ok(moco::n_plus_k(&queries, &keys, labels, queue.keys(), *temperature)?),
                }
            }
            Objective::Byol => Ok(byol::loss(&queries, &normalise(&keys.detach())?, labels)?),
        }
    }
}

/// The mean over shares of the loss within each, as replicas that do not gather their keys have it.
fn per_share(
    queries: &Tensor,
    keys: &Tensor,
    labels: &VirtualLabels,
    replicas: usize,
    loss: impl Fn(&Tensor, &Tensor, &VirtualLabels) -> candle_core::Result<Tensor>,
) -> Result<Tensor, ObjectiveError> {
    let share = queries.dim(0)? / replicas;
    let mut losses = Vec::with_capacity(replicas);
    for (replica, labels) in labels.split(replicas)?.iter().enumerate() {
        let own = |rows: &Tensor| rows.narrow(0, replica * share, share);
        losses.push(loss(&own(queries)?, &own(keys)?, labels)?);
    }
    Ok(Tensor::stack(&losses, 0)?.mean_all()?)
}

#[cfg(test)]
mod tests;
