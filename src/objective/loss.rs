//! An objective on a device: from activations to their gradient, and to what a step tells of itself.

use crate::kernels::collective::{Abandoned, Collective};
use crate::kernels::{Kernels, LabelOutside, QueryRows};
use crate::mix::VirtualLabels;
use crate::recipe::Contrast;

use super::contrast::Contrasted;
use super::queue::{Queue, QueueShape, QueueState};
use super::{Objective, ObjectiveError, byol, moco, npair, simclr};

/// Embeddings with less spread than this are equal but for rounding: training has collapsed.
pub const COLLAPSED: f64 = 1e-6;

/// What a step tells of itself.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Observed {
    /// The mean over the queries of a batch.
    pub loss: f64,
    /// The population standard deviation (dividing by N) over the batch of each column of the normalised query
    /// embeddings, averaged over the columns: about 1/sqrt(C) where they are spread evenly over the sphere, 0 where all
    /// point the same way, NaN where one of them has a NaN.
    pub spread: f64,
}

/// An objective with its memory on a device. What it finds of each step stays there until [`Loss::observed`].
pub struct Loss<K: Kernels> {
    kernels: K,
    /// Values of an embedding.
    width: usize,
    kind: Kind<K>,
    memory: Option<Memory<K::Buffer>>,
    /// Two values for each step that was taken and not read back.
    observed: K::Buffer,
    unread: usize,
    /// Of steps before those, read back for want of room.
    read: Vec<Observed>,
}

/// An objective, by where its keys come from.
enum Kind<K: Kernels> {
    /// N-pair and SimCLR: from the pass of the queries.
    OnePass { temperature: f64, replicas: usize, contrast: OfShare },
    /// From the momentum encoder, and earlier ones.
    Moco { temperature: f64, contrast: Contrast, queue: Queue<K> },
    /// From the momentum encoder.
    Byol,
}

/// What an objective contrasts, given the labels of a share.
type OfShare = fn(&VirtualLabels) -> Result<Contrasted, LabelOutside>;

/// Memory for embeddings of so many rows of a rank.
struct Memory<B> {
    rows: usize,
    queries: B,
    /// Of BYOL.
    keys: B,
    /// Of BYOL: keys, mixed. Of ShuffleBN: keys, not yet in their order.
    other: B,
    /// Of the queries and, where they learn, the keys.
    gradient: B,
    losses: B,
    /// Where there are several.
    of_all_ranks: Option<OfAllRanks<B>>,
}

/// Embeddings and losses of every rank, one after another.
struct OfAllRanks<B> {
    embeddings: B,
    losses: B,
}

impl<K: Kernels> Loss<K> {
    /// `batch` is the number of queries over all ranks, `queue` the length of MoCo's.
    ///
    /// # Errors
    /// MoCo without a queue, or with one whose length is not a multiple of the batch.
    pub fn new(
        kernels: K,
        objective: Objective,
        batch: usize,
        width: usize,
        queue: Option<usize>,
        seed: u64,
    ) -> Result<Loss<K>, ObjectiveError> {
        let kind = match objective {
            Objective::Npair { temperature, replicas } => {
                Kind::OnePass { temperature, replicas, contrast: npair::contrast }
            }
            Objective::Simclr { temperature, replicas } => {
                Kind::OnePass { temperature, replicas, contrast: simclr::contrast }
            }
            Objective::Moco { temperature, contrast } => {
                let length = queue.ok_or(ObjectiveError::NoQueue)?;
                let queue = Queue::new(kernels.clone(), QueueShape { batch, length, width }, seed)?;
                Kind::Moco { temperature, contrast, queue }
            }
            Objective::Byol => Kind::Byol,
        };
        let observed = kernels.zeros(2 * kernels.steps_ahead());
        Ok(Loss { kernels, width, kind, memory: None, observed, unread: 0, read: Vec::new() })
    }

    /// The state of MoCo's queue, for a checkpoint.
    pub fn queue(&self) -> Option<QueueState> {
        match &self.kind {
            Kind::Moco { queue, .. } => Some(queue.state()),
            Kind::OnePass { .. } | Kind::Byol => None,
        }
    }

    /// Shape of MoCo's queue.
    pub fn queue_shape(&self) -> Option<QueueShape> {
        match &self.kind {
            Kind::Moco { queue, .. } => Some(queue.shape()),
            Kind::OnePass { .. } | Kind::Byol => None,
        }
    }

    /// Sets MoCo's queue.
    ///
    /// # Errors
    /// A state of another shape; the queue is then as it was.
    pub fn set_queue(&mut self, state: QueueState) -> Result<(), ObjectiveError> {
        if let Kind::Moco { queue, .. } = &mut self.kind {
            *queue = Queue::restore(self.kernels.clone(), queue.shape(), state)?;
        }
        Ok(())
    }

    /// N-pair and SimCLR: of the activations of one pass, each share's queries followed by its keys, the gradient into
    /// `d`. Of several ranks each has as many of the shares, and the mean of their gradients is that of the loss.
    ///
    /// # Errors
    /// Labels that do not split into the shares, and an objective whose keys come from elsewhere; a rank that is gone.
    pub fn of_both_views(
        &mut self,
        ranks: &dyn Collective<K>,
        labels: &VirtualLabels,
        activations: &K::Buffer,
        d: &mut K::Buffer,
    ) -> Result<(), ObjectiveError> {
        let Kind::OnePass { temperature, replicas, contrast } = self.kind else {
            return Err(ObjectiveError::KeysApart);
        };
        let shares = replicas / ranks.size();
        let (rows, width) = (2 * labels.rows(), self.width);
        let labels = labels.split(shares)?;
        let share = rows / (2 * shares);
        let memory = memory(&mut self.memory, &self.kernels, [rows, width, shares, ranks.size()]);
        let Memory { queries: embeddings, gradient, losses, .. } = memory;
        self.kernels.normalise(rows, width, activations, embeddings);
        for (at, labels) in labels.iter().enumerate() {
            let operation = contrast(labels)?.cross_entropy(width, temperature, 2 * share * at, at, shares);
            self.kernels.cross_entropy(&operation, embeddings, embeddings, gradient, losses);
        }
        self.kernels.normalise_gradient(rows, width, activations, embeddings, gradient, d);
        self.observe(ranks, QueryRows { width, shares, rows: share, stride: 2 * share, losses: shares })
    }

    /// MoCo v2 and BYOL: of the activations of queries, the gradient into `d`. `keys` are the activations of the
    /// momentum encoder, constants: row `i` of the batch is row `order[i]` of those of all ranks, or row `i` where
    /// there is no order. MoCo's queue takes all of them up after the loss. The mean of the ranks' gradients is that of
    /// the loss.
    ///
    /// # Errors
    /// Labels that do not fit the queue or the objective; a rank that is gone.
    pub fn of_queries(
        &mut self,
        ranks: &dyn Collective<K>,
        labels: &VirtualLabels,
        activations: &K::Buffer,
        keys: &K::Buffer,
        order: Option<&[u32]>,
        d: &mut K::Buffer,
    ) -> Result<(), ObjectiveError> {
        let (rows, width, kernels) = (labels.rows(), self.width, &self.kernels);
        labels.split(1)?;
        let (first, batch) = (ranks.rank() * rows, ranks.size() * rows);
        let Memory { queries, keys: own, other, gradient, losses, of_all_ranks, .. } =
            memory(&mut self.memory, kernels, [rows, width, 1, ranks.size()]);
        kernels.normalise(rows, width, activations, queries);
        // Those of the whole batch or, where they do for the objective, of the rank's share.
        let put_keys = |whole: bool, to: &mut K::Buffer| -> Result<(), Abandoned> {
            match (order, of_all_ranks) {
                (None, Some(_)) if whole => {
                    kernels.normalise(rows, width, keys, other);
                    ranks.gather(rows * width, other, to)?;
                }
                (None, _) => kernels.normalise(rows, width, keys, to),
                (Some(order), None) => {
                    kernels.normalise(rows, width, keys, other);
                    kernels.select_rows(order, width, other, to);
                }
                (Some(order), Some(OfAllRanks { embeddings, .. })) => {
                    kernels.normalise(rows, width, keys, other);
                    ranks.gather(rows * width, other, embeddings)?;
                    let order = if whole { order } else { &order[first..first + rows] };
                    kernels.select_rows(order, width, embeddings, to);
                }
            }
            Ok(())
        };
        match &mut self.kind {
            Kind::Moco { temperature, contrast, queue } => {
                let shape = queue.shape();
                if shape.batch != batch {
                    return Err(ObjectiveError::Queue { length: shape.length, batch });
                }
                let contrasted = match contrast {
                    Contrast::OnePlusK if labels.is_mixed() => return Err(ObjectiveError::MixedOnePlusK),
                    Contrast::OnePlusK => moco::one_plus_k(rows, first, shape)?,
                    Contrast::NPlusK => moco::n_plus_k(labels, first, shape)?,
                };
                put_keys(true, &mut queue.classes)?;
                let operation = contrasted.cross_entropy(width, *temperature, 0, 0, 1);
                kernels.cross_entropy(&operation, queries, &queue.classes, gradient, losses);
                queue.enqueue();
            }
            Kind::Byol => {
                put_keys(false, own)?;
                let targets = match byol::targets(labels) {
                    None => &*own,
                    Some(mix) => {
                        kernels.mix_embeddings(&mix, width, own, other);
                        &*other
                    }
                };
                kernels.cosine_distance(rows, width, queries, targets, gradient, losses);
            }
            Kind::OnePass { .. } => return Err(ObjectiveError::KeysLearn),
        }
        kernels.normalise_gradient(rows, width, activations, queries, gradient, d);
        self.observe(ranks, QueryRows { width, shares: 1, rows, stride: rows, losses: 1 })
    }

    /// What the step tells of itself, over all ranks. `own` are the rank's queries.
    fn observe(&mut self, ranks: &dyn Collective<K>, own: QueryRows) -> Result<(), ObjectiveError> {
        if self.unread >= self.kernels.steps_ahead() {
            self.read_back();
        }
        let Some(Memory { rows, queries: embeddings, losses, of_all_ranks, .. }) = &mut self.memory else {
            return Ok(());
        };
        let (queries, losses, embeddings) = match of_all_ranks {
            None => (own, &*losses, &*embeddings),
            Some(all) => {
                ranks.gather(*rows * own.width, embeddings, &mut all.embeddings)?;
                ranks.gather(own.losses, losses, &mut all.losses)?;
                let (shares, count) = (ranks.size() * own.shares, ranks.size() * own.losses);
                (QueryRows { shares, losses: count, ..own }, &all.losses, &all.embeddings)
            }
        };
        self.kernels.observe(&queries, losses, embeddings, self.unread, &mut self.observed);
        self.unread += 1;
        Ok(())
    }

    /// Steps whose findings were not asked for.
    pub fn unread(&self) -> usize {
        self.read.len() + self.unread
    }

    /// What the steps since the last call found, in their order. Waits for the device.
    pub fn observed(&mut self) -> Vec<Observed> {
        self.read_back();
        std::mem::take(&mut self.read)
    }

    fn read_back(&mut self) {
        let values = self.kernels.download(&self.observed, 2 * std::mem::take(&mut self.unread));
        let of = |pair: &[f32]| Observed { loss: f64::from(pair[0]), spread: f64::from(pair[1]) };
        self.read.extend(values.chunks_exact(2).map(of));
    }
}

/// Memory for so many rows, values of each, shares and ranks.
fn memory<'a, K: Kernels>(
    kept: &'a mut Option<Memory<K::Buffer>>,
    kernels: &K,
    [rows, width, shares, ranks]: [usize; 4],
) -> &'a mut Memory<K::Buffer> {
    let fits = kept.take().filter(|memory| memory.rows == rows);
    let zeros = || kernels.zeros(rows * width);
    kept.insert(fits.unwrap_or_else(|| Memory {
        rows,
        queries: zeros(),
        keys: zeros(),
        other: zeros(),
        gradient: zeros(),
        losses: kernels.zeros(shares),
        of_all_ranks: (ranks > 1).then(|| OfAllRanks {
            embeddings: kernels.zeros(ranks * rows * width),
            losses: kernels.zeros(ranks * shares),
        }),
    }))
}
