//! What the contrastive objectives have in common: a softmax over keys.

use crate::kernels::{CrossEntropy, LeftOut, SoftLabels};

/// Which embeddings are told from which.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Contrasted {
    /// A row for each query, a class for each key.
    pub labels: SoftLabels,
    pub left_out: LeftOut,
    /// Row of the first key, counted from the first query where both learn.
    pub first_key: usize,
    pub keys_learn: bool,
}

impl Contrasted {
    /// Over embeddings whose first query is row `first`, as one of `shares` losses.
    pub fn cross_entropy(
        self,
        width: usize,
        temperature: f64,
        first: usize,
        share: usize,
        shares: usize,
    ) -> CrossEntropy {
        let Contrasted { labels, left_out, first_key, keys_learn } = self;
        let keys = if keys_learn { first + first_key } else { first_key };
        CrossEntropy { width, labels, left_out, temperature, queries: first, keys, keys_learn, share, shares }
    }
}
