//! Waits for what was handed to Slurm.

use std::collections::HashSet;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use super::ledger::glance;
use super::{Exit, Output};
use crate::recipe::Address;
use crate::runner::{self, Graph};
use crate::slurm::{Cluster, Ledger, LedgerTask, SlurmError, open_work, settle};
use crate::store::Results;

/// Between two looks at the queue: short at first, then as long as is polite to a controller.
const SHORTEST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(15);

/// Waits until Slurm has no task left for the graph's open work, whoever submitted it, and settles the graph. A signal
/// ends the waiting and leaves the tasks alone.
pub fn wait(graph: &mut Graph, results: &Results, cluster: &Cluster, output: &Output) -> anyhow::Result<Option<Exit>> {
    let (sender, signals) = mpsc::channel();
    runner::report_signals(sender)?;
    let open = open_work(graph);
    let began = Instant::now();
    let mut said = String::new();
    loop {
        match glance(results, cluster, output) {
            Ok(ledger) => {
                let Some(line) = counted(&ledger, &open) else {
                    settle(graph, &ledger, results);
                    return Ok(None);
                };
                if line != said {
                    output.note(&line);
                    said = line;
                }
            }
            // A controller may be away for long, and the tasks go on without it.
            Err(error) if matches!(error.downcast_ref(), Some(SlurmError::Failed { .. })) => {
                output.note(format!("warning: {error}; waiting on"));
            }
            Err(error) => return Err(error),
        }
        let pause = (began.elapsed() / 20).clamp(SHORTEST, LONGEST);
        if signals.recv_timeout(pause).is_ok() {
            output.note(
                "stopped waiting; the tasks go on. `repro status` says how they are, `repro cancel` ends them, and the \
                 same command waits again",
            );
            return Ok(Some(Exit::Interrupted));
        }
    }
}

/// How many tasks of this work wait and run; none when it is over.
fn counted(ledger: &Ledger, work: &HashSet<Address>) -> Option<String> {
    let tasks = ledger.tasks();
    let concerned = |task: &&LedgerTask| task.pieces.iter().any(|piece| work.contains(&piece.work.address()));
    let live = tasks.iter().filter(|task| task.is_live()).filter(concerned);
    let (waiting, running): (Vec<&LedgerTask>, Vec<&LedgerTask>) =
        live.partition(|task| task.queued.is_some_and(|queued| queued.state.is_waiting()));
    let some = !waiting.is_empty() || !running.is_empty();
    some.then(|| format!("Slurm: {} waiting, {} running", runner::count(waiting.len(), "task"), running.len()))
}
