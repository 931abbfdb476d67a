//! `repro why`.

use crate::experiment::{Closest, Finished, Missing, Trial, missing, shown};
use crate::store::{Results, State};

use super::arguments::{Common, Why};
use super::known_data::AtHand;
use super::text::table;
use super::{Exit, Output};

pub fn execute(arguments: Why, common: &Common, output: &Output) -> anyhow::Result<Exit> {
    let selection = &arguments.selection;
    let chosen = selection.chosen()?;
    let (data, results) = (AtHand::new(common), Results::new(&common.results));
    let finished = Finished::read(&results);
    finished.warnings.iter().for_each(|warning| output.note(warning));
    for (experiment, cell) in chosen.iter().flat_map(|one| one.cells.iter().map(|cell| (&one.experiment, cell))) {
        let title = experiment.title_of(cell, selection.scale);
        match cell.identify(|settings| data.ask(settings).map(|inventory| inventory.identity)) {
            Err(reason) => output.result(format!("{title}: {reason}")),
            Ok(identified) => {
                for seed in 0..selection.trials_of(cell) {
                    let trial = cell.trial(seed as u64, &identified);
                    output.result(explained(&title, &trial, &results, &finished)?);
                }
            }
        }
    }
    Ok(Exit::Done)
}

fn explained(title: &str, trial: &Trial, results: &Results, finished: &Finished) -> anyhow::Result<String> {
    let pieces = missing(trial, results, finished)?;
    let mut lines =
        vec![format!("{title}, seed {}{}", trial.seed, if pieces.is_empty() { ": done already" } else { "" })];
    for piece in &pieces {
        lines.push(format!("  {} {}: {}", piece.what, piece.address, state(piece)));
        lines.push(compared(piece.closest.as_ref()));
    }
    Ok(lines.join("\n"))
}

fn state(piece: &Missing) -> String {
    match &piece.state {
        State::Absent => "not run yet".to_owned(),
        State::Started => "started and not finished".to_owned(),
        State::Failed(failure) => format!("failed: {failure}"),
        State::Done => "done".to_owned(),
    }
}

fn compared(closest: Option<&Closest>) -> String {
    let Some(Closest { address, differences }) = closest else {
        return "    nothing finished to compare with".to_owned();
    };
    let mut rows = vec![["setting", "finished", "this trial"].map(str::to_owned).to_vec()];
    for difference in differences {
        rows.push(vec![difference.path.clone(), shown(&difference.left), shown(&difference.right)]);
    }
    let indented: Vec<String> = table(&rows).lines().map(|line| format!("      {line}")).collect();
    format!("    the closest finished one, {address}, differs in\n{}", indented.join("\n"))
}
