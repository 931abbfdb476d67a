//! `repro report`.

use std::path::{Path, PathBuf};

use crate::experiment::{Experiment, Scale};
use crate::report::{self, Report};
use crate::store::Results;

use super::arguments::{self, Common, Selection};
use super::known_data::AtHand;
use super::{Exit, Output};

pub fn execute(arguments: arguments::Report, common: &Common, output: &Output) -> anyhow::Result<Exit> {
    write(&arguments.selection, common, output)?;
    Ok(Exit::Done)
}

/// Writes the report of each experiment chosen, prints its table, and says where it is.
pub(super) fn write(selection: &Selection, common: &Common, output: &Output) -> anyhow::Result<()> {
    let data = AtHand::new(common);
    let mut reports = Vec::new();
    for chosen in selection.chosen()? {
        let report = of(selection, &chosen.experiment, &data, common)?;
        let folder = report.write(&common.reports)?;
        output.result(report.terminal(output.colour()));
        output.result(where_it_is(&report, &folder));
        reports.push(report);
    }
    if selection.is_all() {
        let overview = report::write_overview(&reports, &common.reports)?;
        output.result(format!("All of them: {}", overview.display()));
    }
    Ok(())
}

/// The report of an experiment.
pub(super) fn of(
    selection: &Selection,
    experiment: &Experiment,
    data: &AtHand,
    common: &Common,
) -> anyhow::Result<Report> {
    let question = selection.question(experiment);
    let measured = report::gather(&question, &Results::new(&common.results), |settings| data.named(settings))?;
    Ok(Report::new(measured)?)
}

/// Where the files of a report are, in a line that says again what scale they are of.
fn where_it_is(report: &Report, folder: &Path) -> String {
    let table: PathBuf = folder.join("table.md");
    let remark = match report.measured.scale {
        Scale::Demo => " (demo scale: not comparable with the paper)",
        Scale::Short => " (short scale: not comparable with the paper)",
        Scale::Paper => "",
    };
    format!("Report: {} and, beside it, CSV, LaTeX, plots and index.html{remark}", table.display())
}
