//! `repro run`.

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::Context;

use super::arguments::{Common, Run};
use super::chosen::Chosen;
use super::executor::Executor;
use super::jobs::{self, Demand};
use super::known_data::AtHand;
use super::slurm::{Order, hand_over};
use super::{Exit, Output, device, report};
use crate::experiment::{Cell, CellData, Experiment, Scale};
use crate::kernels::Device;
use crate::memory::Needs;
use crate::runner::{self, Ending, Graph, LabelledTrial, Settings, Summary, WorkerProcesses};
use crate::store::{Results, check_locks, write_atomic};

/// Between two looks at a folder that another run of the program holds.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// What came of a run.
struct Outcome {
    exit: Exit,
    /// Whether the trials came to an end of their own, so that there is something to report.
    is_over: bool,
}

pub fn execute(arguments: Run, common: &Common, output: &Output) -> anyhow::Result<Exit> {
    let selection = &arguments.selection;
    let chosen = selection.chosen()?;
    arguments.slurm.check(arguments.executor, &arguments.resources)?;
    let device = match arguments.executor {
        Executor::Local => device::choose(&arguments.resources.device, output)?,
        // Each task looks for the GPU that Slurm gives it.
        Executor::Slurm => Device::Cpu,
    };
    let dry_run = arguments.slurm.dry_run;
    if !dry_run {
        check_folder(&common.results, "--results")?;
        check_folder(&common.reports, "--reports")?;
        check_locks(&common.results)?;
    }

    let demo = selection.scale == Scale::Demo && !dry_run;
    if demo {
        output.result(
            "Demo scale: small networks on embedded data. Its numbers are not comparable with the paper's; see --scale.",
        );
    }
    let Outcome { exit, is_over } = run(&arguments, &chosen, device, common, output)?;
    if is_over {
        report::write(selection, common, output)?;
    }
    if demo {
        output.result(
            "This was the demo scale, on embedded data: a check that everything works, not comparable with the paper.",
        );
    }
    Ok(exit)
}

/// Runs what can be run of the cells, and says what came of it.
fn run(
    arguments: &Run,
    chosen: &[Chosen],
    device: Device,
    common: &Common,
    output: &Output,
) -> anyhow::Result<Outcome> {
    let (trials, missing) = trials(chosen, arguments, common, output);
    let results = Results::new(&common.results);
    match arguments.executor {
        Executor::Local => check_precision(&trials, device, &results)?,
        Executor::Slurm if arguments.slurm.asks_for_a_gpu() => {}
        Executor::Slurm => check_precision(&trials, Device::Cpu, &results)
            .context("a task has a GPU where --gpus or an option of sbatch asks for one, and a CPU alone otherwise")?,
    }
    if let Some(reason) = missing.first().filter(|_| trials.is_empty()) {
        anyhow::bail!("{reason}");
    }
    let gpus = match arguments.executor {
        Executor::Local => device.ranks(),
        Executor::Slurm => arguments.slurm.resources().gpus_of_trial(),
    };
    trials.iter().try_for_each(|trial| trial.on_gpus(gpus))?;
    let mut graph = Graph::new(&trials);
    let command: Vec<String> = std::env::args_os().map(|argument| argument.to_string_lossy().into_owned()).collect();
    let checkpoint_seconds = arguments.checkpoint_every;
    let mut left = None;
    let ending = match arguments.executor {
        Executor::Local => {
            let cores = std::thread::available_parallelism().map_or(1, usize::from);
            let demand = || Demand::of_work(graph.jobs().iter().map(|job| &job.work), &Needs::default());
            let settings = Settings {
                results: common.results.clone(),
                data: common.data.clone(),
                device,
                jobs: jobs::at_a_time(arguments.resources.jobs, device, cores, demand, output),
                cores,
                checkpoint_seconds,
                look_again: LOOK_AGAIN,
                command: command.clone(),
            };
            locally(&mut graph, &settings, output)?
        }
        Executor::Slurm => {
            let order = Order { options: &arguments.slurm, common, checkpoint_seconds, command: command.clone() };
            left = hand_over(&mut graph, &order, output)?;
            Ending::Complete
        }
    };

    let summary = Summary::new(&graph, ending, &Results::new(&common.results));
    let faults: Vec<&String> = summary.failures.iter().chain(&missing).collect();
    for fault in &faults {
        output.error(&anyhow::anyhow!("{fault}"));
    }
    if let Some(exit) = left {
        let exit = if exit == Exit::Done && !faults.is_empty() { Exit::Failed } else { exit };
        return Ok(Outcome { exit, is_over: false });
    }
    output.note(summary.line());
    if summary.interrupted() {
        output.note(format!("stopped; to go on, run the same command again: {}", command.join(" ")));
        return Ok(Outcome { exit: Exit::Interrupted, is_over: false });
    }
    let exit = if summary.trials_failed > 0 || !missing.is_empty() {
        Exit::Failed
    } else if summary.nothing_to_do() {
        output.note("nothing to do: every trial was done already");
        Exit::NothingToDo
    } else {
        Exit::Done
    };
    Ok(Outcome { exit, is_over: true })
}

/// Brings the graph's jobs to an end in worker processes of this machine.
fn locally(graph: &mut Graph, settings: &Settings, output: &Output) -> anyhow::Result<Ending> {
    let program = std::env::current_exe().context("cannot find this program, to start its workers")?;
    let mut observer = runner::observer(output.quiet(), output.interactive());
    let mut listening = Ok(());
    let mut workers = WorkerProcesses::new(program);
    let ending = runner::run(graph, settings, &mut workers, observer.as_mut(), |reports| {
        listening = runner::report_signals(reports);
    });
    if let Err(error) = listening {
        output
            .note(format!("warning: signals could not be listened to, so Ctrl-C stopped without checkpoints: {error}"));
    }
    Ok(ending)
}

/// The trials that can be run, the first of each cell before the second of any, and why others cannot.
fn trials(chosen: &[Chosen], arguments: &Run, common: &Common, output: &Output) -> (Vec<LabelledTrial>, Vec<String>) {
    let data = AtHand::new(common);
    let mut ready: Vec<(&Experiment, &Cell, CellData)> = Vec::new();
    let mut missing = Vec::new();
    for (experiment, cell) in chosen.iter().flat_map(|one| one.cells.iter().map(|cell| (&one.experiment, cell))) {
        match cell.identify(|settings| data.ask(settings).map(|inventory| inventory.identity)) {
            Ok(identified) => ready.push((experiment, cell, identified)),
            Err(reason) if !missing.contains(&reason) => missing.push(reason),
            Err(_) => {}
        }
    }
    data.warnings().iter().for_each(|warning| output.note(warning));
    let count = |cell: &Cell| arguments.selection.trials_of(cell) as u64;
    let most = ready.iter().map(|(_, cell, _)| count(cell)).max().unwrap_or(0);
    let mut trials = Vec::new();
    for seed in 0..most {
        for (experiment, cell, data) in ready.iter().filter(|(_, cell, _)| seed < count(cell)) {
            trials.push(LabelledTrial {
                experiment: experiment.id().to_owned(),
                cell: name(experiment, cell, chosen.len() > 1),
                trial: cell.trial(seed, data),
            });
        }
    }
    (trials, missing)
}

/// Makes sure that the device computes as each encoder that is left to train asks for, before any is trained.
fn check_precision(trials: &[LabelledTrial], device: Device, results: &Results) -> anyhow::Result<()> {
    for LabelledTrial { cell, trial, .. } in trials {
        let Some(recipe) = &trial.pretext else { continue };
        let checked = crate::kernels::device::check_precision(device, recipe.pretext.precision);
        if let Err(error) = checked
            && !matches!(results.pretext(&recipe.address()).read_done(), Ok(Some(_)))
        {
            anyhow::bail!("the cell {cell}: {error}");
        }
    }
    Ok(())
}

/// What messages call a cell: its axis values, under its experiment's id where there are several.
fn name(experiment: &Experiment, cell: &Cell, several: bool) -> String {
    if several { format!("experiment={},{}", experiment.id(), cell.name()) } else { cell.name() }
}

/// Makes sure that a folder can be written to before hours of work are spent on it.
fn check_folder(folder: &Path, option: &str) -> anyhow::Result<()> {
    // Other runs may look at the same folder at this moment: each has a probe of its own.
    let probe = folder.join(format!(".writable-{}", std::process::id()));
    let checked =
        fs::create_dir_all(folder).and_then(|()| write_atomic(&probe, b"")).and_then(|()| fs::remove_file(&probe));
    let report = if option == "--results" && folder.exists() { "; `repro report` only reads it" } else { "" };
    checked.with_context(|| {
        format!("cannot write to the folder {}; give another one with {option} DIR{report}", folder.display())
    })
}
