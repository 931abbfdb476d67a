//! A trained network's encoder over the rows of a data set.

use std::ops::Range;

use crate::data::TabularSet;
use crate::kernels::Kernels;
use crate::model::Network;

use super::{EvaluateError, FeatureSource, Labels, Split};

/// Features of the rows of `set` under `network`, whose weights stay as they are.
pub struct FrozenEncoder<'a, K: Kernels> {
    pub network: Network<K>,
    pub set: &'a TabularSet,
}

impl<K: Kernels> FeatureSource for FrozenEncoder<'_, K> {
    fn width(&self) -> usize {
        self.network.plan().features()
    }

    fn features(&mut self, split: Split, rows: Range<usize>) -> Result<Vec<f32>, EvaluateError> {
        let from = match split {
            Split::Train => &self.set.train,
            Split::Test => &self.set.test,
        };
        let width = self.set.width();
        let inputs = &from.inputs[rows.start * width..rows.end * width];
        self.network.features(inputs, rows.len()).map_err(|error| EvaluateError::Encoder(error.into()))
    }
}

impl<'a> Labels<'a> {
    /// The labels of a set.
    pub fn of(set: &'a TabularSet) -> Labels<'a> {
        Labels {
            train: &set.train.labels,
            test: &set.test.labels,
            classes: set.classes,
            validation: set.validation.clone(),
        }
    }
}
