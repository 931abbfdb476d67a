//! The experiments and cells that a command is about.

use crate::experiment::{Cell, Experiment, Filter};
use crate::report::Question;

use super::arguments::Selection;

/// Stands for every experiment of the paper.
pub(super) const ALL: &str = "all";

/// An experiment with those of its cells that were asked for.
pub struct Chosen {
    pub experiment: Experiment,
    pub cells: Vec<Cell>,
}

/// The id of the experiment that a command is limited to; none for all of them.
pub(super) fn experiment_id(named: Option<&str>) -> anyhow::Result<Option<String>> {
    let experiment = named.filter(|id| *id != ALL).map(Experiment::load).transpose()?;
    Ok(experiment.map(|experiment| experiment.id().to_owned()))
}

impl Selection {
    /// Whether it is about every experiment of the paper.
    pub fn is_all(&self) -> bool {
        self.experiment == ALL
    }

    /// What was asked for: one experiment, or every one that has cells at this scale.
    pub fn chosen(&self) -> anyhow::Result<Vec<Chosen>> {
        let experiments = match self.is_all() {
            true if self.only != Filter::default() => {
                anyhow::bail!("--only picks cells of one experiment: name it instead of `{ALL}`")
            }
            true => Experiment::all()?,
            false => vec![Experiment::load(&self.experiment)?],
        };
        let mut chosen = Vec::new();
        for experiment in experiments {
            let cells = experiment.cells(self.scale, &self.only)?;
            chosen.push(Chosen { experiment, cells });
        }
        Ok(chosen)
    }

    /// What a report on an experiment is asked.
    pub fn question<'a>(&'a self, experiment: &'a Experiment) -> Question<'a> {
        Question { experiment, scale: self.scale, only: &self.only, trials: self.trials.map(usize::from) }
    }

    /// Trials of a cell.
    pub fn trials_of(&self, cell: &Cell) -> usize {
        self.trials.map_or(cell.trials, usize::from)
    }
}
