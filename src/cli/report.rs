//! `repro report`.

use std::path::{Path, PathBuf};

use crate::experiment::{Experiment, Filter, Scale};
use crate::report::{self, Question, Report};
use crate::store::Results;

use super::arguments::{self, Common, Selection};
use super::known_data::AtHand;
use super::{Exit, Output};

pub fn execute(arguments: arguments::Report, common: &Common, output: &Output) -> anyhow::Result<Exit> {
    let selection = &arguments.selection;
    let report = of(selection, &selection.only, common)?;
    let folder = report.write(&common.reports)?;
    output.result(report.terminal(output.colour()));
    output.result(where_it_is(&report, &folder));
    Ok(Exit::Done)
}

/// The report of an experiment: of the cells that `only` keeps, which need not be the selection's own filter.
pub(super) fn of(selection: &Selection, only: &Filter, common: &Common) -> anyhow::Result<Report> {
    let experiment = Experiment::load(&selection.experiment)?;
    let trials = selection.trials.map(usize::from);
    let question = Question { experiment: &experiment, scale: selection.scale, only, trials };
    let data = AtHand::new(common);
    let measured = report::gather(&question, &Results::new(&common.results), |settings| data.named(settings))?;
    Ok(Report::new(measured)?)
}

/// Where the files of a report are, in a line that says again what scale they are of.
pub(super) fn where_it_is(report: &Report, folder: &Path) -> String {
    let table: PathBuf = folder.join("table.md");
    let remark = match report.measured.scale {
        Scale::Demo => " (demo scale: not comparable with the paper)",
        Scale::Short => " (short scale: not comparable with the paper)",
        Scale::Paper => "",
    };
    format!("Report: {} and, beside it, CSV, LaTeX, plots and index.html{remark}", table.display())
}
