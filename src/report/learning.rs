//! Learning curves: the loss of every pretext run by epoch, the trials of a cell together.

use super::Report;
use super::measured::EpochLoss;

/// Points of a drawn line at the most: more cannot be told apart on its width.
const POINTS: usize = 160;

/// The curves of the trials of a cell, and of every other cell that shares its encoders.
#[derive(Clone, Debug, PartialEq)]
pub struct Chart {
    /// Names of the cells.
    pub cells: Vec<String>,
    pub lines: Vec<Line>,
}

/// The curve of one trial.
#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    pub seed: u64,
    pub epochs: u32,
    /// Epoch and loss. Of a long training each is the mean of a stretch of epochs.
    pub points: Vec<(f64, f64)>,
}

impl Chart {
    /// The charts of a report, in the order of its cells; a cell without any curve has none.
    pub fn all(report: &Report) -> Vec<Chart> {
        let mut charts: Vec<(Vec<&str>, Chart)> = Vec::new();
        for (index, cell) in report.measured.cells.iter().enumerate() {
            let trained = || cell.trials.iter().filter(|trial| !trial.learning.is_empty());
            let encoders: Vec<&str> =
                trained().filter_map(|trial| trial.pretext.as_ref()).map(|run| run.address.as_str()).collect();
            if encoders.is_empty() {
                continue;
            }
            let name = report.grid.name(index);
            match charts.iter_mut().find(|(known, _)| *known == encoders) {
                Some((_, chart)) => chart.cells.push(name),
                None => {
                    let lines = trained().map(|trial| Line::new(trial.seed, &trial.learning)).collect();
                    charts.push((encoders, Chart { cells: vec![name], lines }));
                }
            }
        }
        charts.into_iter().map(|(_, chart)| chart).collect()
    }

    /// The longest training.
    pub fn epochs(&self) -> u32 {
        self.lines.iter().map(|line| line.epochs).max().unwrap_or(0)
    }

    pub fn losses(&self) -> impl Iterator<Item = f64> {
        self.lines.iter().flat_map(|line| &line.points).map(|(_, loss)| *loss)
    }
}

impl Line {
    fn new(seed: u64, learning: &[EpochLoss]) -> Line {
        let stretch = learning.len().div_ceil(POINTS).max(1);
        let mean =
            |part: &[EpochLoss], value: fn(&EpochLoss) -> f64| part.iter().map(value).sum::<f64>() / part.len() as f64;
        let point = |part: &[EpochLoss]| (mean(part, |it| f64::from(it.epoch)), mean(part, |it| it.loss));
        let epochs = learning.last().map_or(0, |last| last.epoch);
        Line { seed, epochs, points: learning.chunks(stretch).map(point).collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn learning(epochs: u32) -> Vec<EpochLoss> {
        (1..=epochs).map(|epoch| EpochLoss { epoch, loss: f64::from(epoch) / 2.0 }).collect()
    }

    #[test]
    fn a_short_training_is_drawn_epoch_by_epoch() {
        let line = Line::new(3, &learning(160));
        assert_eq!((line.seed, line.epochs, line.points.len()), (3, 160, 160));
        assert_eq!(line.points[9], (10.0, 5.0));
    }

    #[test]
    fn a_long_training_is_drawn_by_means_that_leave_no_epoch_out() {
        let line = Line::new(0, &learning(4000));
        assert_eq!((line.epochs, line.points.len()), (4000, 160));
        assert_eq!((line.points[0], line.points[159]), ((13.0, 6.5), (3988.0, 1994.0)));
        assert_eq!(Line::new(0, &learning(161)).points.last(), Some(&(161.0, 80.5)));
    }
}
