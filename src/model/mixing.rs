//! Rows mixed inside a network: manifold mixup (Verma et al., 2019), as i-Mix does it to queries.

use std::collections::BTreeMap;

use crate::kernels::{Kernels, RowMix};

use super::ModelError;
use super::block::Block;
use super::plan::Plan;

/// How the rows of a pass are mixed at the end of a layer.
#[derive(Clone, Debug, PartialEq)]
pub struct LayerMix {
    /// From 1; 0 is the input. See [`Plan::layers`].
    pub layer: usize,
    /// Of every row: its partner, each row being one once.
    pub partner: Vec<u32>,
    /// Of every row: its own share of the mixture, in [0, 1]. Rows with 1 stay as they are.
    pub lambda: Vec<f32>,
}

/// What the last training pass mixed, by the number of blocks in front, and memory for what comes out.
pub(super) struct Mixing<B> {
    mixes: BTreeMap<usize, RowMix>,
    mixed: BTreeMap<usize, B>,
}

impl<B> Mixing<B> {
    pub fn none() -> Mixing<B> {
        Mixing { mixes: BTreeMap::new(), mixed: BTreeMap::new() }
    }

    /// Takes up what the next pass mixes. Memory is kept: other layers will have their turn again.
    pub fn set(&mut self, mixes: BTreeMap<usize, RowMix>) {
        self.mixes = mixes;
    }

    /// What `block`, the one after `at` others, reads: `x`, or its mixture.
    pub fn forward<'a, K: Kernels<Buffer = B>>(&'a mut self, kernels: &K, at: usize, block: &Block, x: &'a B) -> &'a B {
        let Some(mix) = self.mixes.get(&at) else { return x };
        let mixed = self.mixed.entry(at).or_insert_with(|| kernels.activations(mix.rows() * block.inputs()));
        apply(kernels, mix, block, x, mixed);
        mixed
    }

    /// The same of the pass before.
    pub fn input<'a>(&'a self, at: usize, x: &'a B) -> &'a B {
        self.mixes.get(&at).and_then(|_| self.mixed.get(&at)).unwrap_or(x)
    }

    /// From the gradient `dx` of what `block` read to that of what was mixed, in `d`; false where nothing was.
    pub fn backward<K: Kernels<Buffer = B>>(&self, kernels: &K, at: usize, block: &Block, dx: &B, d: &mut B) -> bool {
        let Some(mix) = self.mixes.get(&at) else { return false };
        apply(kernels, &mix.transposed(), block, dx, d);
        true
    }
}

fn apply<K: Kernels>(kernels: &K, mix: &RowMix, block: &Block, x: &K::Buffer, y: &mut K::Buffer) {
    if block.reads_pictures() {
        kernels.mix_pictures(mix, block.inputs(), x, y);
    } else {
        kernels.mix_rows(mix, block.inputs(), x, y);
    }
}

/// By the number of blocks in front.
pub(super) fn placed(plan: &Plan, rows: usize, mixes: &[LayerMix]) -> Result<BTreeMap<usize, RowMix>, ModelError> {
    let place = |mix: &LayerMix| {
        let layer = mix.layer;
        let at = plan.blocks_up_to(layer).ok_or(ModelError::Layer { layer, layers: plan.layers() })?;
        let found = mix.lambda.len();
        let rows_mix = RowMix::new(mix.partner.clone(), mix.lambda.clone()).filter(|mix| mix.rows() == rows);
        Ok((at, rows_mix.ok_or(ModelError::Partners { found, rows })?))
    };
    mixes.iter().map(place).collect()
}
