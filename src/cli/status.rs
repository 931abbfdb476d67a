//! `repro status`.

use std::collections::BTreeMap;

use super::arguments::{Common, Status};
use super::chosen::experiment_id;
use super::ledger::{cluster, ledger, nothing_handed, submissions};
use super::text::{count, table};
use super::{Exit, Output};
use crate::slurm::{Advice, TaskState, TaskStatus, status};
use crate::store::Results;

pub fn execute(arguments: Status, common: &Common, output: &Output) -> anyhow::Result<Exit> {
    let experiment = experiment_id(arguments.experiment.as_deref())?;
    let results = Results::new(&common.results);
    let tasks = if submissions(&results, output)?.is_empty() {
        Vec::new()
    } else {
        status(&ledger(&results, &cluster(output)?, output)?, &results, experiment.as_deref())?
    };
    if arguments.json {
        output.result(serde_json::to_string_pretty(&tasks)?);
    } else if tasks.is_empty() {
        output.result(nothing_handed(&common.results));
    } else {
        output.result(tabulated(&tasks));
    }
    Ok(Exit::Done)
}

/// A row for each task that is not done, how many there are in each state, and what to do.
fn tabulated(tasks: &[TaskStatus]) -> String {
    let mut parts = Vec::new();
    let open: Vec<&TaskStatus> = tasks.iter().filter(|task| task.state != TaskState::Done).collect();
    if !open.is_empty() {
        let mut rows = vec![["task", "work", "state", ""].map(str::to_owned).to_vec()];
        rows.extend(open.iter().map(|task| row(task)));
        parts.push(table(&rows));
    }
    let mut counts: BTreeMap<TaskState, usize> = BTreeMap::new();
    tasks.iter().for_each(|task| *counts.entry(task.state).or_default() += 1);
    let counts = counts.iter().rev().map(|(state, number)| format!("{number} {}", word(*state)));
    parts.push(format!("{}: {}", count(tasks.len(), "task"), counts.collect::<Vec<_>>().join(", ")));
    let mut advice: BTreeMap<_, Vec<&TaskStatus>> = BTreeMap::new();
    for task in open {
        if let Some(known) = task.advice {
            advice.entry(known).or_default().push(task);
        }
    }
    for (advice, tasks) in advice {
        parts.push(format!("{}: {}", count(tasks.len(), "task"), advice.text()));
    }
    let said = tasks.iter().filter(|task| task.advice == Some(Advice::SeeLog) && task.log.exists());
    parts.extend(said.map(|task| format!("log of {}: {}", number(task), task.log.display())));
    parts.join("\n")
}

fn row(task: &TaskStatus) -> Vec<String> {
    vec![number(task), task.label.clone(), word(task.state).to_owned(), task.detail.clone()]
}

fn number(task: &TaskStatus) -> String {
    task.task.map_or("-".to_owned(), |task| task.to_string())
}

fn word(state: TaskState) -> &'static str {
    match state {
        TaskState::Failed => "failed",
        TaskState::Unfinished => "unfinished",
        TaskState::Elsewhere => "elsewhere",
        TaskState::Running => "running",
        TaskState::Pending => "pending",
        TaskState::Done => "done",
    }
}
