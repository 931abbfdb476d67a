use std::collections::HashMap;
use std::fs;
use std::sync::Arc;

use super::*;
use crate::runner::{Graph, Session, Watch, trial};
use crate::slurm::submission::tests::submission;
use crate::slurm::{Resources, group};
use crate::store::{Done, EvaluationResult, Failure, FailureKind, Stage, checksum, write_sealed};

/// Each piece of work is one step. Told to stop from step `stop_at` on, counted from 0; pretext runs of seed 7 collapse.
struct Toy {
    steps: usize,
    stop_at: usize,
    stop: Arc<AtomicBool>,
}

impl Toy {
    fn is_stopped(&mut self, watch: Watch) -> bool {
        self.stop.store(self.steps >= self.stop_at, Ordering::Relaxed);
        self.steps += 1;
        watch(Event::Progress { stage: Stage::Epoch, at: 1, of: 1, fraction: 0.5, items: 1, loss: None }).is_break()
    }
}

impl Performer for Toy {
    fn pretext(&mut self, recipe: &PretextRecipe, session: &Session, watch: Watch) -> Result<Ended, Failure> {
        if self.is_stopped(watch) {
            return Ok(Ended::Stopped);
        }
        if recipe.seed == 7 {
            return Err(Failure { kind: FailureKind::Collapse { epoch: 1, step: 1 }, message: "collapsed".into() });
        }
        write_sealed(&session.folder.file("done.json"), &Done { files: Default::default(), trace: None }).unwrap();
        Ok(Ended::Done)
    }

    fn evaluation(&mut self, _: &EvaluationRecipe, session: &Session, watch: Watch) -> Result<Ended, Failure> {
        if self.is_stopped(watch) {
            return Ok(Ended::Stopped);
        }
        fs::write(session.folder.file("metrics.jsonl"), "").unwrap();
        let (readings, details) = Default::default();
        let result = EvaluationResult { readings, details, metrics: checksum(b"") };
        write_sealed(&session.folder.file("result.json"), &result).unwrap();
        Ok(Ended::Done)
    }
}

struct Site {
    root: tempfile::TempDir,
}

impl Site {
    /// A submission of two pretext runs, of seeds 0 and 7, and an array of two evaluations for each.
    fn new() -> Site {
        let site = Site { root: tempfile::tempdir().unwrap() };
        let arrays = group(&Graph::new(&[trial("a", 0), trial("a", 7)]), &HashMap::new(), 100);
        let submission = submission("1", Resources::default(), arrays);
        submission.write(&site.results()).unwrap();
        site
    }

    fn results(&self) -> Results {
        Results::new(self.root.path())
    }

    /// A turn of a task that is told to stop at a step, and what it said.
    fn turn(
        &self,
        array: usize,
        index: usize,
        restarts: u32,
        stop_at: usize,
    ) -> (Result<Turn, TurnError>, Vec<String>) {
        let results = self.results();
        let assignment =
            Assignment { results: &results, submission: "1", array, index, device: Device::Cpu, threads: 2, restarts };
        let stop = Arc::new(AtomicBool::new(false));
        let mut toy = Toy { steps: 0, stop_at, stop: stop.clone() };
        let mut said = Vec::new();
        let turn = take_turn(&assignment, &mut toy, &stop, &mut |line| said.push(line.to_owned()));
        (turn, said)
    }

    #[track_caller]
    fn ends(&self, array: usize, index: usize, restarts: u32, stop_at: usize, expected: Turn) -> Vec<String> {
        let (turn, said) = self.turn(array, index, restarts, stop_at);
        assert_eq!(turn.unwrap(), expected, "{said:?}");
        said
    }
}

const NEVER: usize = usize::MAX;

#[test]
fn a_task_does_its_work_once() {
    let site = Site::new();
    let said = site.ends(0, 0, 0, NEVER, Turn::Done);
    assert_eq!(said, ["started a seed 0 pretext on 2 threads", "done a seed 0 pretext in under 1 s"]);
    assert_eq!(site.ends(0, 0, 1, NEVER, Turn::Done), ["a seed 0 pretext is done already"]);
    assert_eq!(site.ends(1, 0, 0, NEVER, Turn::Done).len(), 4);
}

#[test]
fn a_failure_is_the_answer_for_later_turns_too() {
    let site = Site::new();
    assert_eq!(site.ends(0, 1, 0, NEVER, Turn::Failed)[1], "failed a seed 7 pretext: collapsed");
    // Nothing is started again.
    assert_eq!(site.ends(0, 1, 1, NEVER, Turn::Failed), ["failed a seed 7 pretext: collapsed"]);
}

#[test]
fn a_stopped_task_goes_on_unless_it_would_begin_where_it_began_before() {
    let site = Site::new();
    // A pretext run has a checkpoint, however often it is stopped.
    site.ends(0, 0, 0, 0, Turn::Stopped);
    site.ends(0, 0, 9, 0, Turn::Stopped);
    // An evaluation has none: it may have been stopped early once.
    site.ends(1, 0, 0, 0, Turn::Stopped);
    site.ends(1, 0, 1, 0, Turn::Futile);
    // With one of two done, something is gained; the next turn has the other one alone.
    site.ends(1, 0, 1, 1, Turn::Stopped);
    site.ends(1, 0, 2, 0, Turn::Futile);
    site.ends(1, 0, 3, NEVER, Turn::Done);
}

#[test]
fn a_task_waits_for_whoever_is_at_its_work() {
    let site = Site::new();
    let submission = Submission::read(&site.results(), "1").unwrap();
    let folder = submission.arrays[0].tasks[0][0].work.folder(&site.results());
    let claim = folder.claim().unwrap().unwrap();
    let waiting = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(300));
        drop(claim);
    });
    let said = site.ends(0, 0, 0, NEVER, Turn::Done);
    assert!(said[0].starts_with("waiting for another run of repro to finish"), "{said:?}");
    assert_eq!(said.len(), 3, "{said:?}");
    waiting.join().unwrap();
}

#[test]
fn work_of_another_release_is_refused() {
    let site = Site::new();
    let mut submission = Submission::read(&site.results(), "1").unwrap();
    let Work::Pretext(recipe) = &mut submission.arrays[0].tasks[0][0].work else { panic!("no pretext run") };
    recipe.revisions.values_mut().for_each(|revision| *revision += 1);
    submission.write(&site.results()).unwrap();
    let error = site.turn(0, 0, 0, NEVER).0.unwrap_err().to_string();
    assert!(error.contains("was replaced since a seed 0 pretext was submitted"), "{error}");
}

#[test]
fn a_task_that_no_submission_has_is_an_error() {
    let site = Site::new();
    let error = site.turn(0, 2, 0, NEVER).0.unwrap_err().to_string();
    assert_eq!(error, "submission 1 has no task 2 in array 0");
    let results = site.results();
    let assignment = Assignment {
        results: &results,
        submission: "2",
        array: 0,
        index: 0,
        device: Device::Cpu,
        threads: 1,
        restarts: 0,
    };
    let stop = Arc::new(AtomicBool::new(false));
    let mut toy = Toy { steps: 0, stop_at: NEVER, stop: stop.clone() };
    let error = take_turn(&assignment, &mut toy, &stop, &mut |_| {}).unwrap_err().to_string();
    assert!(error.contains("submission.json") && error.contains("it is gone"), "{error}");
}
