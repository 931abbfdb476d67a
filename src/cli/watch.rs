//! `repro watch`.

use std::collections::HashSet;
use std::io::IsTerminal;
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::runner::{Running, Screen, rate_text, running, stage_text, time_text};
use crate::store::{Results, StoreError};

use super::arguments::{Common, Watch};
use super::chosen::experiment_id;
use super::text::table;
use super::{Exit, Output};

/// Between two looks.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Between two lines about one piece of work.
const LINES_EVERY: Duration = Duration::from_secs(10);
/// Looks that find nothing before it is over: a worker may be between two pieces of work.
const LAST_LOOKS: usize = 3;

pub fn execute(arguments: Watch, common: &Common, output: &Output) -> anyhow::Result<Exit> {
    let experiment = experiment_id(arguments.experiment.as_deref())?;
    let results = Results::new(&common.results);
    let place = common.results.display();
    anyhow::ensure!(results.root().is_dir(), "there is no folder {place}; name that of a run with --results DIR");
    let mut told = HashSet::new();
    let mut look = || {
        let seen = running(&results, experiment.as_deref())?;
        for newer in seen.newer.iter().map(StoreError::to_string) {
            if told.insert(newer.clone()) {
                output.note(format!("warning: {newer}"));
            }
        }
        Ok(seen.running)
    };
    let found = look()?;
    if arguments.json {
        output.result(serde_json::to_string_pretty(&found)?);
    } else if found.is_empty() {
        output.result(format!("nothing runs in {place}"));
    } else if arguments.once {
        output.result(tabulated(&found));
    } else {
        watch(found, look, output)?;
        output.result(format!("nothing runs in {place} any more"));
    }
    Ok(Exit::Done)
}

/// Shows what is found until that is nothing.
fn watch(
    mut found: Vec<Running>,
    mut look: impl FnMut() -> Result<Vec<Running>, StoreError>,
    output: &Output,
) -> anyhow::Result<()> {
    let mut screen = (output.interactive() && std::io::stdout().is_terminal()).then(Screen::default);
    let mut said: Option<Instant> = None;
    let mut left = LAST_LOOKS;
    while left > 0 {
        match &mut screen {
            Some(screen) => screen.show(&found),
            None if said.is_none_or(|at| at.elapsed() >= LINES_EVERY) => {
                found.iter().for_each(|one| output.result(format!("running {}: {}", one.label(), one.text())));
                said = Some(Instant::now());
            }
            None => {}
        }
        sleep(LOOK_EVERY);
        found = look()?;
        left = if found.is_empty() { left - 1 } else { LAST_LOOKS };
    }
    Ok(())
}

fn tabulated(found: &[Running]) -> String {
    let mut rows = vec![["running", "done", "stage", "left", "items/s", "loss"].map(str::to_owned).to_vec()];
    for one in found {
        let at = one.progress.at.as_ref();
        let stage = at.map_or("starting".to_owned(), stage_text);
        let cells = [
            Some(one.label()),
            at.map(|at| format!("{:.0} %", 100.0 * at.fraction)),
            Some([Some(stage), one.silence()].into_iter().flatten().collect::<Vec<_>>().join(", ")),
            at.and_then(|at| at.seconds_left).and_then(time_text),
            at.and_then(|at| at.items_per_second).map(rate_text),
            at.and_then(|at| at.loss).map(|loss| format!("{loss:.4}")),
        ];
        rows.push(cells.map(Option::unwrap_or_default).to_vec());
    }
    table(&rows)
}
