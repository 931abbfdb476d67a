//! `repro compare`.

use super::arguments::{Common, Compare};
use super::{Exit, Output, report};

pub fn execute(arguments: Compare, common: &Common, output: &Output) -> anyhow::Result<Exit> {
    let selection = &arguments.selection;
    let report = report::of(selection, &selection.only, common)?;
    if arguments.json {
        for warning in &report.measured.warnings {
            output.note(format!("warning: {warning}"));
        }
        output.result(format!("{:#}", report.cells_json()));
    } else {
        output.result(report.comparison(output.colour()).trim_end());
    }
    Ok(Exit::Done)
}
