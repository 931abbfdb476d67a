//! `repro slurm-task`: one start of a task of a job array, on its node.

use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use anyhow::Context;

use super::arguments::{Common, SlurmTask};
use super::executor::trains_on_several;
use super::{Exit, Output, device};
use crate::runner::{Training, stop_on_signals};
use crate::slurm::{Assignment, Resources, Submission, Turn, take_turn};
use crate::store::Results;

pub fn execute(arguments: SlurmTask, common: &Common, output: &Output) -> anyhow::Result<Exit> {
    let index = variable("SLURM_ARRAY_TASK_ID")?.context(
        "SLURM_ARRAY_TASK_ID is not set: `repro slurm-task` is started by a job array that `repro run --executor slurm` \
         submits, not by hand",
    )?;
    let results = Results::new(&common.results);
    let assignment = Assignment {
        results: &results,
        submission: &arguments.submission,
        array: arguments.array,
        index,
        device: device::choose(&of_task(Submission::read(&results, &arguments.submission)?.resources), output)?,
        threads: variable("SLURM_CPUS_PER_TASK")?.unwrap_or(1).max(1),
        restarts: variable("SLURM_RESTART_COUNT")?.unwrap_or(0),
    };
    let stop = Arc::new(AtomicBool::new(false));
    stop_on_signals(stop.clone())?;
    let turn = take_turn(&assignment, &mut Training::default(), &stop, &mut |line| output.note(line))?;
    Ok(match turn {
        Turn::Done => Exit::Done,
        Turn::Failed => Exit::Failed,
        Turn::Stopped => Exit::Interrupted,
        Turn::Futile => {
            output.error(&anyhow::anyhow!(
                "stopped for the second time in an evaluation with no new checkpoint: it is not tried again. If the time \
                 limit is too short for it, run the same command again with a longer --time"
            ));
            Exit::Failed
        }
    })
}

/// All GPUs of the task where this build trains on several, else the first, if there is one: what an earlier release
/// submitted asks for GPUs without that.
fn of_task(resources: Resources) -> String {
    match resources.gpus_of_trial() {
        several if several > 1 && trains_on_several() => format!("cuda:0-{}", several - 1),
        _ => "auto".to_owned(),
    }
}

/// A number that Slurm sets for the task.
fn variable<T: FromStr>(name: &str) -> anyhow::Result<Option<T>> {
    let Some(value) = std::env::var_os(name) else { return Ok(None) };
    let number = value.to_str().and_then(|value| value.parse().ok());
    number.map(Some).with_context(|| format!("{name} is {value:?}; expected a number, as Slurm sets it"))
}
