//! `repro compare`.

use super::arguments::{Common, Compare};
use super::known_data::AtHand;
use super::{Exit, Output, report};

pub fn execute(arguments: Compare, common: &Common, output: &Output) -> anyhow::Result<Exit> {
    let selection = &arguments.selection;
    let data = AtHand::new(common);
    let mut reports = Vec::new();
    for chosen in selection.chosen()? {
        reports.push(report::of(selection, &chosen.experiment, &data, common)?);
    }
    if arguments.json {
        for warning in reports.iter().flat_map(|report| &report.measured.warnings) {
            output.note(format!("warning: {warning}"));
        }
        let cells = reports.iter().flat_map(|report| report.cells_json()).collect();
        output.result(format!("{:#}", serde_json::Value::Array(cells)));
    } else {
        let texts: Vec<String> =
            reports.iter().map(|report| report.comparison(output.colour()).trim_end().to_owned()).collect();
        output.result(texts.join("\n\n\n"));
    }
    if arguments.strict && reports.iter().any(|report| !report.is_reproduced()) {
        return Ok(Exit::NotReproduced);
    }
    Ok(Exit::Done)
}
