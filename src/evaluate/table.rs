//! Features from a table, for tests.

use std::ops::{ControlFlow, Range};
use std::time::Duration;

use rand::RngExt;

use super::{EvaluateError, FeatureSource, Labels, Means, OnProgress, Outcome, Progress, Split};
use crate::random::{Key, Purpose};
use crate::recipe::Address;
use crate::store::{Checkpoints, RunFolder, Saver};

/// Features that were computed beforehand, with their labels.
pub struct Table {
    pub width: usize,
    pub classes: usize,
    pub train: Vec<f32>,
    pub train_labels: Vec<u32>,
    pub test: Vec<f32>,
    pub test_labels: Vec<u32>,
}

impl Table {
    /// Uniform noise around a centre for each class.
    pub fn drawn(train_rows: usize, test_rows: usize, width: usize, classes: usize) -> Table {
        let mut stream = Key::new(7, Purpose::Classifier).stream();
        let mut uniform = |count: usize| -> Vec<f32> { (0..count).map(|_| stream.random::<f32>() - 0.5).collect() };
        let centres = uniform(classes * width);
        let mut rows = |count: usize| {
            let labels: Vec<u32> = (0..count).map(|row| (row * row % classes) as u32).collect();
            let mut values = uniform(count * width);
            for (row, label) in values.chunks_exact_mut(width).zip(&labels) {
                let centre = &centres[*label as usize * width..][..width];
                row.iter_mut().zip(centre).for_each(|(value, centre)| *value = 2.0 * *value + 0.3 * centre);
            }
            (values, labels)
        };
        let (train, train_labels) = rows(train_rows);
        let (test, test_labels) = rows(test_rows);
        Table { width, classes, train, train_labels, test, test_labels }
    }

    /// Features and the labels that go with them.
    pub fn parts(&self, validation: Range<usize>) -> (Labels<'_>, Source<'_>) {
        let labels = Labels { train: &self.train_labels, test: &self.test_labels, classes: self.classes, validation };
        (labels, Source(self, false))
    }
}

/// Rows of a table, and whether training rows change a little from epoch to epoch.
pub struct Source<'a>(pub &'a Table, pub bool);

impl FeatureSource for Source<'_> {
    fn width(&self) -> usize {
        self.0.width
    }

    fn features(&mut self, split: Split, rows: Range<usize>) -> Result<Vec<f32>, EvaluateError> {
        let values = match split {
            Split::Train => &self.0.train,
            Split::Test => &self.0.test,
        };
        Ok(values[rows.start * self.0.width..rows.end * self.0.width].to_vec())
    }

    fn at_a_time(&self) -> usize {
        2048
    }

    fn augmented(&self) -> bool {
        self.1
    }

    fn training(&mut self, rows: &[u32], epoch: usize) -> Result<Vec<f32>, EvaluateError> {
        let width = self.0.width;
        let shift = if self.1 { epoch as f32 * 0.01 } else { 0.0 };
        let rows = rows.iter().flat_map(|row| &self.0.train[*row as usize * width..][..width]);
        Ok(rows.map(|value| value + shift).collect())
    }
}

/// A progress callback that never stops anything.
pub fn go_on(_: Progress) -> ControlFlow<()> {
    ControlFlow::Continue(())
}

/// Starts an evaluation again and again from its checkpoints, breaking it off after more reports each time, until it ends.
/// Gives the outcome and the number of starts.
pub fn interrupted(
    reports: usize,
    mut evaluate: impl FnMut(Means, &mut OnProgress) -> Result<Outcome, EvaluateError>,
) -> (Outcome, usize) {
    let root = tempfile::tempdir().unwrap();
    let folder = RunFolder::at(root.path());
    let address: Address = serde_json::from_value(serde_json::json!("0123456789abcdef0123")).unwrap();
    let checkpoints = Checkpoints::new(&folder, &address);
    for start in 1.. {
        let from = checkpoints.restore(Ok, &mut |text| panic!("{text}")).unwrap();
        let means = Means { threads: 1, from, saver: Some(Saver::new(checkpoints, Duration::ZERO)) };
        let mut left = reports * start;
        let mut progress = |_| {
            left -= 1;
            if left == 0 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        };
        match evaluate(means, &mut progress) {
            Ok(outcome) => return (outcome, start),
            Err(EvaluateError::Stopped) => {}
            Err(other) => panic!("{other}"),
        }
    }
    unreachable!("it starts without end")
}
