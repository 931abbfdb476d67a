//! `repro run`.

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::Context;

use super::arguments::{Common, Run};
use super::{Exit, Output, device, report};
use crate::data::{DataError, Inventory, Library};
use crate::experiment::{Cell, Experiment, Scale};
use crate::recipe::{DataIdentity, DataSettings};
use crate::runner::{self, Graph, LabelledTrial, Settings, Summary, WorkerProcesses};
use crate::store::{Results, write_atomic};

/// Between two looks at a folder that another run of the program holds.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

pub fn execute(arguments: Run, common: &Common, output: &Output) -> anyhow::Result<Exit> {
    let selection = &arguments.selection;
    let experiment = Experiment::load(&selection.experiment)?;
    let cells = experiment.cells(selection.scale, &selection.only)?;
    device::check(&arguments.resources.device)?;
    check_folder(&common.results, "--results")?;
    check_folder(&common.reports, "--reports")?;

    let demo = selection.scale == Scale::Demo;
    if demo {
        output.result(
            "Demo scale: small networks on embedded data. Its numbers are not comparable with the paper's; see --scale.",
        );
    }
    let exit = run(&arguments, &cells, common, output)?;
    if matches!(exit, Exit::Done | Exit::Failed | Exit::NothingToDo) {
        let report = report::of(selection, &selection.only, common)?;
        let folder = report.write(&common.reports)?;
        output.result(report.terminal(output.colour()));
        output.result(report::where_it_is(&report, &folder));
    }
    if demo {
        output.result(
            "This was the demo scale, on embedded data: a check that everything works, not comparable with the paper.",
        );
    }
    Ok(exit)
}

/// Runs what can be run of the cells, and says what came of it.
fn run(arguments: &Run, cells: &[Cell], common: &Common, output: &Output) -> anyhow::Result<Exit> {
    let (trials, missing) = trials(cells, arguments, common, output);
    if trials.is_empty() {
        return match missing.first() {
            Some(reason) => Err(anyhow::anyhow!("{reason}")),
            None => {
                output.note("nothing to do: none of these cells can be run by this build yet");
                Ok(Exit::NothingToDo)
            }
        };
    }
    let mut graph = Graph::new(&trials);
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let settings = Settings {
        results: common.results.clone(),
        data: common.data.clone(),
        jobs: arguments.resources.jobs.map_or(cores, usize::from),
        cores,
        checkpoint_seconds: arguments.checkpoint_every,
        look_again: LOOK_AGAIN,
        command: std::env::args_os().map(|argument| argument.to_string_lossy().into_owned()).collect(),
    };
    let program = std::env::current_exe().context("cannot find this program, to start its workers")?;
    let mut observer = runner::observer(output.quiet(), output.interactive());
    let mut listening = Ok(());
    let mut workers = WorkerProcesses::new(program);
    let ending = runner::run(&mut graph, &settings, &mut workers, observer.as_mut(), |reports| {
        listening = runner::report_signals(reports);
    });
    if let Err(error) = listening {
        output
            .note(format!("warning: signals could not be listened to, so Ctrl-C stopped without checkpoints: {error}"));
    }

    let summary = Summary::new(&graph, ending, &Results::new(&common.results));
    for failure in &summary.failures {
        output.error(&anyhow::anyhow!("{failure}"));
    }
    for reason in &missing {
        output.error(&anyhow::anyhow!("{reason}"));
    }
    output.note(summary.line());
    if summary.interrupted() {
        output.note(format!("stopped; to go on, run the same command again: {}", settings.command.join(" ")));
        return Ok(Exit::Interrupted);
    }
    if summary.trials_failed > 0 || !missing.is_empty() {
        return Ok(Exit::Failed);
    }
    if summary.nothing_to_do() {
        output.note("nothing to do: every trial was done already");
        return Ok(Exit::NothingToDo);
    }
    Ok(Exit::Done)
}

/// The trials that can be run, the first of each cell before the second of any, and why others cannot.
fn trials(cells: &[Cell], arguments: &Run, common: &Common, output: &Output) -> (Vec<LabelledTrial>, Vec<String>) {
    let library = Library::new(common.data.as_deref());
    let mut known: Vec<(DataSettings, Result<Inventory, DataError>)> = Vec::new();
    let mut ready: Vec<(&Cell, DataIdentity)> = Vec::new();
    let mut missing = Vec::new();
    for cell in cells {
        let settings = &cell.settings.data;
        let index = known.iter().position(|(known, _)| known == settings).unwrap_or_else(|| {
            let inventory = library.inventory(settings);
            inventory.iter().flat_map(|found| &found.warnings).for_each(|warning| output.note(warning));
            known.push((settings.clone(), inventory));
            known.len() - 1
        });
        match &known[index].1 {
            Ok(inventory) => ready.push((cell, inventory.identity.clone())),
            Err(error) => {
                let reason = error.to_string();
                if !missing.contains(&reason) {
                    missing.push(reason);
                }
            }
        }
    }
    let count = |cell: &Cell| arguments.selection.trials.map_or(cell.trials, usize::from) as u64;
    let most = ready.iter().map(|(cell, _)| count(cell)).max().unwrap_or(0);
    let mut trials = Vec::new();
    for seed in 0..most {
        for (cell, identity) in ready.iter().filter(|(cell, _)| seed < count(cell)) {
            trials.push(LabelledTrial { cell: cell.name(), trial: cell.trial(seed, identity) });
        }
    }
    (trials, missing)
}

/// Makes sure that a folder can be written to before hours of work are spent on it.
fn check_folder(folder: &Path, option: &str) -> anyhow::Result<()> {
    // Other runs may look at the same folder at this moment: each has a probe of its own.
    let probe = folder.join(format!(".writable-{}", std::process::id()));
    let checked =
        fs::create_dir_all(folder).and_then(|()| write_atomic(&probe, b"")).and_then(|()| fs::remove_file(&probe));
    checked
        .with_context(|| format!("cannot write to the folder {}; give another one with {option} DIR", folder.display()))
}
