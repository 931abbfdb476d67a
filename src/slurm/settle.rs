//! Takes what became of tasks back into the graph of work.

use std::collections::HashSet;

use crate::recipe::Address;
use crate::runner::{Graph, Job, JobState, finished};
use crate::store::{Failure, FailureKind, Results, read_sealed};

use super::{Ledger, LedgerTask};

/// Addresses of the work that is neither done nor failed.
pub fn open_work(graph: &Graph) -> HashSet<Address> {
    let open = graph.jobs().iter().filter(|job| job.state == JobState::Pending);
    open.map(|job| job.address.clone()).collect()
}

/// Ends every pending job as its folder says: done, or failed. What has no end there, as no task of it is live any more,
/// is a failure that says what Slurm made of its task.
pub fn settle(graph: &mut Graph, ledger: &Ledger, results: &Results) {
    for index in 0..graph.jobs().len() {
        let job = graph.job(index);
        if job.state != JobState::Pending {
            continue;
        }
        let state = match finished(&job.work, results) {
            Ok(true) => JobState::Done,
            _ => JobState::Failed(failure(job, ledger, results)),
        };
        graph.set(index, state);
    }
}

fn failure(job: &Job, ledger: &Ledger, results: &Results) -> Failure {
    match read_sealed(&job.work.folder(results).file("failed.json")) {
        Ok(Some(failure)) => failure,
        Ok(None) => Failure { kind: FailureKind::Crash, message: end(job, ledger, results) },
        Err(error) => Failure { kind: FailureKind::Store, message: error.to_string() },
    }
}

fn end(job: &Job, ledger: &Ledger, results: &Results) -> String {
    let has = |task: &LedgerTask| task.pieces.iter().any(|piece| piece.work.address() == job.address);
    let Some(task) = ledger.tasks().into_iter().find(has) else {
        return "no task of Slurm has it; run the same command again".to_owned();
    };
    let id = task.id().map_or("that was never submitted".to_owned(), |id| id.to_string());
    let ended = task.queued.map_or("is gone".to_owned(), |queued| format!("ended as {}", queued.state));
    let log = task.submission.log_path(results, task.array, task.index);
    let log = if log.exists() { format!("; its log is {}", log.display()) } else { String::new() };
    format!("task {id} of Slurm {ended} before the work was done{log}. Run the same command again to go on")
}
