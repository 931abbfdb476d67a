//! Kernels over embeddings, on inputs of a given shape.

use super::Arithmetic;
use super::inputs::{Inputs, Results, put, put_activations};
use crate::kernels::{CrossEntropy, Kernels, LeftOut, QueryRows, SoftLabels, Span, normalise_rows};

/// Values of the embeddings that are contrasted.
const WIDTH: usize = 24;
/// Kept apart from the first row of a buffer.
const FIRST: usize = 2;

/// An operation over embeddings, with sides.
#[derive(Clone, Copy, Debug)]
pub(super) enum OfEmbeddings {
    Normalise { rows: usize, width: usize },
    SelectRows { rows: usize, width: usize },
    Mix { rows: usize, width: usize },
    CopyWithin { len: usize },
    CrossEntropy { loss: ContrastiveLoss, rows: usize },
    CosineDistance { rows: usize, width: usize },
    Observe { rows: usize, width: usize, shares: usize },
}

/// A loss that tells embeddings from each other.
#[derive(Clone, Copy, Debug)]
pub(super) enum ContrastiveLoss {
    /// Queries from the keys behind them, both learning.
    Npair,
    /// Each from all others.
    Simclr,
    /// Queries from keys that do not learn, and so many more; of the batch all keys, or the query's own.
    Moco { queue: usize, own: bool },
}

impl ContrastiveLoss {
    fn name(self) -> String {
        match self {
            ContrastiveLoss::Npair => "N-pair".to_owned(),
            ContrastiveLoss::Simclr => "SimCLR".to_owned(),
            ContrastiveLoss::Moco { queue, own: false } => format!("MoCo, queue of {queue}"),
            ContrastiveLoss::Moco { queue, own: true } => format!("MoCo, own key and queue of {queue}"),
        }
    }

    /// Of `rows` queries, half of them mixed; the first of two shares.
    fn operation(self, rows: usize) -> Option<CrossEntropy> {
        let mixed = (0..rows).flat_map(|row| {
            let lambda = if row % 2 == 0 { 0.75 } else { 1.0 };
            [(row, row, lambda), (row, (row * 7 + 3) % rows, 1.0 - lambda)]
        });
        let (labels, left_out, keys) = match self {
            ContrastiveLoss::Npair => (SoftLabels::new(rows, rows, mixed), LeftOut::Nothing, FIRST + rows),
            ContrastiveLoss::Simclr => {
                let own = (0..rows).map(|row| (row, (row + rows / 2) % rows, 1.0));
                (SoftLabels::new(rows, rows, own), LeftOut::Itself, FIRST)
            }
            ContrastiveLoss::Moco { queue, own: false } => {
                (SoftLabels::new(rows, rows + queue, mixed), LeftOut::Nothing, 0)
            }
            ContrastiveLoss::Moco { queue, own: true } => {
                let own = (0..rows).map(|row| (row, row, 1.0));
                (SoftLabels::new(rows, rows + queue, own), LeftOut::Others { of: rows, first: 0 }, 0)
            }
        };
        let keys_learn = !matches!(self, ContrastiveLoss::Moco { .. });
        let (queries, share, shares) = (FIRST, 1, 2);
        let (width, temperature) = (WIDTH, 0.2);
        Some(CrossEntropy {
            width,
            labels: labels.ok()?,
            left_out,
            temperature,
            queries,
            keys,
            keys_learn,
            share,
            shares,
        })
    }
}

impl OfEmbeddings {
    pub fn name(self) -> &'static str {
        match self {
            OfEmbeddings::Normalise { .. } => "normalise",
            OfEmbeddings::SelectRows { .. } => "select rows",
            OfEmbeddings::Mix { .. } => "mix embeddings",
            OfEmbeddings::CopyWithin { .. } => "copy within",
            OfEmbeddings::CrossEntropy { .. } => "cross-entropy",
            OfEmbeddings::CosineDistance { .. } => "cosine distance",
            OfEmbeddings::Observe { .. } => "loss and spread",
        }
    }

    pub fn shape(self) -> String {
        match self {
            OfEmbeddings::Normalise { rows, width }
            | OfEmbeddings::SelectRows { rows, width }
            | OfEmbeddings::Mix { rows, width }
            | OfEmbeddings::CosineDistance { rows, width } => format!("{rows} x {width}"),
            OfEmbeddings::CopyWithin { len } => len.to_string(),
            OfEmbeddings::CrossEntropy { loss, rows } => format!("{rows} x {WIDTH}, {}", loss.name()),
            OfEmbeddings::Observe { rows, width, shares } => format!("{rows} x {width}, {shares} shares"),
        }
    }

    pub fn run<K: Kernels>(self, results: &mut Results<K>, inputs: &mut Inputs) {
        let kernels = results.kernels;
        match self {
            OfEmbeddings::Normalise { rows, width } => {
                // Activations lie feature by feature: the first row is one that nothing can be made of.
                let mut values = inputs.factors(rows * width);
                values.iter_mut().step_by(rows).for_each(|value| *value = if rows > 2 { 0.0 } else { *value });
                let x = put_activations(kernels, &values);
                let (mut y, mut dx) = (kernels.zeros(rows * width), kernels.activations(rows * width));
                kernels.normalise(rows, width, &x, &mut y);
                results.take("forward", Arithmetic::Pointwise, &y);
                let mut dy = inputs.draw(rows * width);
                // Over 1e-12 its gradient would hide those of others.
                dy[..width].fill(if rows > 2 { 0.0 } else { 0.5 });
                kernels.normalise_gradient(rows, width, &x, &y, &put(kernels, &dy), &mut dx);
                results.take_rounded("gradient", Arithmetic::Pointwise, &dx);
            }
            OfEmbeddings::SelectRows { rows, width } => {
                let order = inputs.order(rows);
                let x = put(kernels, &inputs.draw(rows * width));
                let mut y = kernels.zeros(rows * width);
                kernels.select_rows(&order, width, &x, &mut y);
                results.take("forward", Arithmetic::Moved, &y);
            }
            OfEmbeddings::Mix { rows, width } => {
                let mix = inputs.mix(rows);
                let x = put(kernels, &inputs.draw(rows * width));
                let mut y = kernels.zeros(rows * width);
                kernels.mix_embeddings(&mix, width, &x, &mut y);
                results.take("forward", Arithmetic::Pointwise, &y);
            }
            OfEmbeddings::CopyWithin { len } => {
                let mut buffer = put(kernels, &inputs.draw(3 * len));
                kernels.copy_within(&mut buffer, Span { start: 1, len }, 2 * len);
                results.take("forward", Arithmetic::Moved, &buffer);
            }
            OfEmbeddings::CrossEntropy { loss, rows } => {
                let Some(operation) = loss.operation(rows) else { return };
                let mut embeddings = inputs.draw((FIRST + 2 * rows) * WIDTH);
                normalise_rows(&mut embeddings, WIDTH);
                let mut others = inputs.draw(operation.labels.classes() * WIDTH);
                normalise_rows(&mut others, WIDTH);
                let (embeddings, others) = (put(kernels, &embeddings), put(kernels, &others));
                let keys = if operation.keys_learn { &embeddings } else { &others };
                // What is not overwritten shows.
                let mut gradient = put(kernels, &vec![0.01; (FIRST + 2 * rows) * WIDTH]);
                let mut losses = put(kernels, &[0.5; 2]);
                kernels.cross_entropy(&operation, &embeddings, keys, &mut gradient, &mut losses);
                results.take("gradient", Arithmetic::Chained, &gradient);
                results.take("loss", Arithmetic::Chained, &losses);
            }
            OfEmbeddings::CosineDistance { rows, width } => {
                let [mut queries, mut targets] = [0, 1].map(|_| inputs.draw(rows * width));
                normalise_rows(&mut queries, width);
                normalise_rows(&mut targets, width);
                let (queries, targets) = (put(kernels, &queries), put(kernels, &targets));
                let mut gradient = kernels.zeros(rows * width);
                let mut losses = kernels.zeros(1);
                kernels.cosine_distance(rows, width, &queries, &targets, &mut gradient, &mut losses);
                results.take("gradient", Arithmetic::Pointwise, &gradient);
                results.take("loss", Arithmetic::Normalised, &losses);
            }
            OfEmbeddings::Observe { rows, width, shares } => {
                let (stride, count) = (2 * rows, shares * 2 * rows);
                let mut embeddings = inputs.draw(count * width);
                normalise_rows(&mut embeddings, width);
                let (embeddings, losses) = (put(kernels, &embeddings), put(kernels, &inputs.draw(shares)));
                let mut observed = put(kernels, &[0.25; 6]);
                let queries = QueryRows { width, shares, rows, stride, losses: shares };
                kernels.observe(&queries, &losses, &embeddings, 1, &mut observed);
                results.take("both", Arithmetic::Normalised, &observed);
            }
        }
    }
}
