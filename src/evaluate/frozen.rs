//! Rows of features: a trained network's, or the inputs themselves.

use std::ops::Range;

use crate::kernels::Kernels;
use crate::model::Network;

use super::{EvaluateError, FeatureSource, Inputs, Split};

/// Features of a data set's rows under `network`, whose weights stay as they are.
pub struct FrozenEncoder<'a, K: Kernels> {
    pub network: Network<K>,
    pub inputs: Inputs<'a>,
}

impl<K: Kernels> FrozenEncoder<'_, K> {
    fn encode(&mut self, inputs: &[f32], rows: usize) -> Result<Vec<f32>, EvaluateError> {
        self.network.features(inputs, rows).map_err(|error| EvaluateError::Encoder(error.into()))
    }
}

impl<K: Kernels> FeatureSource for FrozenEncoder<'_, K> {
    fn width(&self) -> usize {
        self.network.plan().features()
    }

    fn features(&mut self, split: Split, rows: Range<usize>) -> Result<Vec<f32>, EvaluateError> {
        let inputs = self.inputs.plain(split, rows.clone())?;
        self.encode(&inputs, rows.len())
    }

    fn at_a_time(&self) -> usize {
        self.inputs.at_a_time()
    }

    fn augmented(&self) -> bool {
        self.inputs.augmented()
    }

    fn training(&mut self, rows: &[u32], epoch: usize) -> Result<Vec<f32>, EvaluateError> {
        let inputs = self.inputs.training(rows, epoch)?;
        self.encode(&inputs, rows.len())
    }
}

/// The inputs as features: what a classifier makes of them without an encoder.
pub struct RawInputs<'a>(pub Inputs<'a>);

impl FeatureSource for RawInputs<'_> {
    fn width(&self) -> usize {
        self.0.width()
    }

    fn features(&mut self, split: Split, rows: Range<usize>) -> Result<Vec<f32>, EvaluateError> {
        Ok(self.0.plain(split, rows)?)
    }

    fn at_a_time(&self) -> usize {
        self.0.at_a_time()
    }

    fn augmented(&self) -> bool {
        self.0.augmented()
    }

    fn training(&mut self, rows: &[u32], epoch: usize) -> Result<Vec<f32>, EvaluateError> {
        Ok(self.0.training(rows, epoch)?)
    }
}
