use std::collections::HashMap;
use std::fs;

use super::*;
use crate::runner::{Graph, trial};
use crate::slurm::queue::tests::queued;
use crate::slurm::submission::tests::submission as record;
use crate::slurm::{Array, Queued, Resources, Submission, group};
use crate::store::{FailureKind, Position, Progress, Stage, write_sealed};

fn submission(id: &str, arrays: Vec<Array>) -> Submission {
    record(id, Resources::default(), arrays)
}

/// The arrays of so many trials, the first of which has job 10.
fn arrays(trials: u64) -> Vec<Array> {
    let trials: Vec<_> = (0..trials).map(|seed| trial("a", seed)).collect();
    let mut arrays = group(&Graph::new(&trials), &HashMap::new(), 100);
    arrays.iter_mut().zip(10..).for_each(|(array, job)| array.job = Some(job));
    arrays
}

fn told(ledger: &Ledger, results: &Results) -> Vec<(TaskState, String, Option<Advice>)> {
    let found = status(ledger, results, None).unwrap();
    found.into_iter().map(|task| (task.state, task.detail, task.advice)).collect()
}

fn pretext(arrays: &[Array], task: usize, results: &Results) -> crate::store::RunFolder {
    let folder = arrays[0].tasks[task][0].work.folder(results);
    fs::create_dir_all(folder.path()).unwrap();
    folder
}

#[test]
fn folders_and_the_queue_tell_together_how_a_task_is() {
    let root = tempfile::tempdir().unwrap();
    let results = Results::new(root.path());
    let arrays = arrays(8);
    let failure = Failure { kind: FailureKind::Collapse { epoch: 1, step: 2 }, message: "it collapsed".to_owned() };
    write_sealed(&pretext(&arrays, 0, &results).file("failed.json"), &failure).unwrap();
    fs::write(pretext(&arrays, 1, &results).file("metrics.jsonl"), "{}\n").unwrap();
    let at = Position {
        stage: Stage::Epoch,
        at: 2,
        of: 9,
        fraction: 0.2,
        loss: None,
        items_per_second: None,
        seconds_left: Some(40.0),
    };
    let progress = Progress {
        label: "a".to_owned(),
        experiments: Vec::new(),
        host: "n1".to_owned(),
        boot: None,
        process: 1,
        threads: 1,
        told_at: 1,
        at: Some(at),
    };
    pretext(&arrays, 2, &results).write_progress(&progress).unwrap();

    let first =
        |index, state, reason: &str| Queued { reason: reason.to_owned(), ..queued("repro-1.0", 10, index, state) };
    let queue = vec![
        first(0, "FAILED", "NonZeroExitCode"),
        first(1, "PENDING", "BeginTime"),
        first(2, "RUNNING", "None"),
        first(3, "TIMEOUT", "TimeLimit"),
        first(4, "OUT_OF_MEMORY", "OutOfMemory"),
        first(5, "PENDING", "JobHeldUser"),
        first(6, "FAILED", "BadConstraints"),
    ];
    let ledger = Ledger::new(vec![submission("1", vec![arrays[0].clone()])], queue, "here");
    let requeued = "requeued; Slurm waits a little before it starts it again, checkpoint after epoch 1/2";
    let expected = [
        (TaskState::Failed, "it collapsed", Some(Advice::SeeLog)),
        (TaskState::Pending, requeued, None),
        (TaskState::Running, "epoch 2/9, 40 s left, on n1", None),
        (TaskState::Unfinished, "TIMEOUT (TimeLimit)", Some(Advice::MoreTime)),
        (TaskState::Unfinished, "OUT_OF_MEMORY (OutOfMemory)", Some(Advice::MoreMemory)),
        (TaskState::Pending, "JobHeldUser", Some(Advice::Release)),
        (TaskState::Unfinished, "FAILED (BadConstraints)", Some(Advice::AskForLess)),
        (TaskState::Unfinished, "Slurm knows it no longer", Some(Advice::RunAgain)),
    ];
    assert_eq!(told(&ledger, &results), expected.map(|(state, detail, advice)| (state, detail.to_owned(), advice)));

    let elsewhere = Ledger::new(vec![submission("1", vec![arrays[0].clone()])], Vec::new(), "there");
    assert_eq!(told(&elsewhere, &results)[7], (TaskState::Elsewhere, "on here".to_owned(), Some(Advice::AskThere)));
}

#[test]
fn the_latest_submission_speaks_for_its_work() {
    let root = tempfile::tempdir().unwrap();
    let results = Results::new(root.path());
    let mut later = arrays(1);
    // Its submitter was killed before it could write the job's number down.
    later[0].job = None;
    let queue = vec![queued("repro-1.0", 10, 0, "FAILED"), queued("repro-2.0", 20, 0, "RUNNING")];
    let ledger = Ledger::new(vec![submission("1", arrays(2)), submission("2", later)], queue, "here");
    let found = status(&ledger, &results, Some("table1")).unwrap();
    let ids: Vec<_> = found.iter().map(|task| task.task.map(|task| task.to_string())).collect();
    assert_eq!(ids, [Some("10_1"), Some("11_1"), Some("20_0"), Some("11_0")].map(|id| id.map(str::to_owned)));
    assert_eq!(status(&ledger, &results, Some("table2")).unwrap().len(), 0);
    let live = ledger.taken();
    assert_eq!(live.len(), 1);
    assert_eq!(live.values().next().map(ToString::to_string).as_deref(), Some("20_0"));
}
