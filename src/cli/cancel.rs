//! `repro cancel`.

use super::arguments::{Cancel, Common};
use super::chosen::experiment_id;
use super::ledger::{cluster, ledger, nothing_handed, submissions};
use super::text::count;
use super::{Exit, Output};
use crate::slurm::{LedgerTask, TaskId, patiently, scancel};
use crate::store::Results;

pub fn execute(arguments: Cancel, common: &Common, output: &Output) -> anyhow::Result<Exit> {
    let experiment = experiment_id(arguments.experiment.as_deref())?;
    let results = Results::new(&common.results);
    if submissions(&results, output)?.is_empty() {
        output.result(nothing_handed(&common.results));
        return Ok(Exit::NothingToDo);
    }
    let ledger = ledger(&results, &cluster(output)?, output)?;
    let of_it = |task: &LedgerTask, id: &str| task.pieces.iter().any(|piece| piece.is_of(id));
    let of_others = |task: &LedgerTask, id: &str| {
        task.pieces.iter().flat_map(|piece| &piece.experiments).any(|experiment| experiment != id)
    };
    let live = ledger.tasks().into_iter().filter(LedgerTask::is_live);
    let (kept, cancelled): (Vec<LedgerTask>, Vec<LedgerTask>) = live
        .filter(|task| experiment.as_ref().is_none_or(|id| of_it(task, id)))
        .partition(|task| experiment.as_ref().is_some_and(|id| of_others(task, id)));
    let tasks: Vec<TaskId> = cancelled.iter().filter_map(LedgerTask::id).collect();
    patiently(&mut |text| output.note(text), || scancel(&tasks))?;
    if !kept.is_empty() {
        output.note(format!("{} left alone, which other experiments need as well", count(kept.len(), "task")));
    }
    if tasks.is_empty() {
        output.result("nothing to cancel");
        return Ok(Exit::NothingToDo);
    }
    output.result(format!(
        "cancelled {}; those that ran leave a checkpoint, and `repro run` goes on from it",
        count(tasks.len(), "task")
    ));
    Ok(Exit::Done)
}
