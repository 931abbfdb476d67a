//! What blocks share in a pass, and the memory that passes keep.

use crate::kernels::Kernels;

/// What every block of a pass works with.
pub(super) struct Pass<'a, K: Kernels> {
    pub kernels: &'a K,
    /// Rows of a table, or images.
    pub rows: usize,
    pub replicas: usize,
    pub parameters: &'a K::Buffer,
}

/// Memory that a block keeps between its forward and backward pass.
pub(super) struct Kept<B> {
    /// `[rows, outputs]`.
    pub output: B,
    /// One for each BatchNorm.
    pub norms: Vec<KeptNorm<B>>,
}

/// What one BatchNorm of a block keeps.
pub(super) struct KeptNorm<B> {
    /// What it reads: the output of the layer before it.
    pub before: B,
    /// Mean and 1 / deviation of each share.
    pub saved: B,
    /// What it puts out, where that is not the block's output.
    pub after: Option<B>,
}

/// Memory of a backward pass, shared by all blocks.
pub(super) struct Buffers<B> {
    /// Gradient of a block's output.
    pub d: B,
    /// Gradient of its input.
    pub dx: B,
    /// Gradients inside it.
    pub scratch: [B; 2],
}
