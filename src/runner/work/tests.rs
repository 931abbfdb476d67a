//! Claims, ends and damage with a toy performer, and the worker's side of the conversation.

use std::fs;
use std::io::{self, BufReader, Write, pipe};
use std::sync::Arc;

use tempfile::TempDir;

use super::*;
use crate::runner::graph::tests::trial;
use crate::runner::protocol::{Reply, Request, from_line, to_line};
use crate::runner::serve;
use crate::store::{Done, Provenance, Stage, checksum};

/// Writes an encoder of three bytes; panics on seed 13 and finds a collapse on seed 7.
#[derive(Default)]
struct Toy {
    runs: usize,
}

impl Performer for Toy {
    fn pretext(&mut self, recipe: &PretextRecipe, session: &Session, watch: Watch) -> Result<Ended, Failure> {
        self.runs += 1;
        match recipe.seed {
            13 => panic!("an unlucky seed"),
            7 => {
                return Err(Failure { kind: FailureKind::Collapse { epoch: 1, step: 2 }, message: "collapsed".into() });
            }
            _ => {}
        }
        if watch(Event::Progress { stage: Stage::Epoch, at: 1, of: 1, fraction: 1.0, items: 1, loss: Some(0.5) })
            .is_break()
        {
            return Ok(Ended::Stopped);
        }
        fs::write(session.folder.file("encoder"), b"abc").unwrap();
        let files = [("encoder".to_owned(), checksum(b"abc"))].into();
        write_sealed(&session.folder.file("done.json"), &Done { files, trace: None }).unwrap();
        Ok(Ended::Done)
    }

    fn evaluation(&mut self, _: &EvaluationRecipe, _: &Session, _: Watch) -> Result<Ended, Failure> {
        unreachable!("these tests run no evaluation")
    }
}

struct Bench {
    root: TempDir,
    toy: Toy,
    stop: AtomicBool,
    warnings: Vec<String>,
}

impl Bench {
    fn new() -> Bench {
        let root = tempfile::tempdir().unwrap();
        Bench { root, toy: Toy::default(), stop: AtomicBool::new(false), warnings: Vec::new() }
    }

    fn task(&self, seed: u64) -> Task {
        Task {
            work: Work::Pretext(trial("a", seed).trial.pretext.unwrap()),
            label: "a".into(),
            experiments: vec![],
            results: self.root.path().to_owned(),
            data: None,
            device: crate::kernels::Device::Cpu,
            threads: 1,
            checkpoint_seconds: 30.0,
            retry: true,
            command: vec!["repro".into()],
        }
    }

    fn folder(&self, seed: u64) -> RunFolder {
        self.task(seed).work.folder(&Results::new(self.root.path()))
    }

    fn perform(&mut self, task: &Task) -> Result<Ended, Failure> {
        perform(task, &mut self.toy, &self.stop, &mut |event| {
            if let Event::Warning(text) = event {
                self.warnings.push(text);
            }
        })
    }
}

#[test]
fn a_finished_task_is_not_done_again() {
    let mut bench = Bench::new();
    let task = bench.task(0);
    assert_eq!(bench.perform(&task), Ok(Ended::Done));
    assert_eq!(bench.perform(&task), Ok(Ended::Done));
    assert_eq!(bench.toy.runs, 1);
    let folder = bench.folder(0);
    let recipe: PretextRecipe = read_sealed(&folder.file("recipe.json")).unwrap().unwrap();
    assert_eq!(Work::Pretext(recipe), task.work);
    let provenance: Provenance = read_sealed(&folder.file("provenance.json")).unwrap().unwrap();
    assert_eq!((provenance.sessions, provenance.command), (1, vec!["repro".to_owned()]));
}

#[test]
fn damage_to_a_finished_run_is_found_and_mended() {
    for name in ["encoder", "done.json"] {
        for damage in [&b"ab"[..], b"abd", b""] {
            let mut bench = Bench::new();
            let (task, path) = (bench.task(0), bench.folder(0).file(name));
            bench.perform(&task).unwrap();
            fs::write(&path, damage).unwrap();
            assert_eq!(bench.perform(&task), Ok(Ended::Done));
            assert_eq!(bench.toy.runs, 2, "{name} as {damage:?}");
            assert!(bench.warnings[0].contains(name), "{:?}", bench.warnings);
            assert_eq!(finished(&task.work, &Results::new(bench.root.path())).ok(), Some(true));
        }
    }
    let mut bench = Bench::new();
    let task = bench.task(0);
    bench.perform(&task).unwrap();
    fs::remove_file(bench.folder(0).file("encoder")).unwrap();
    assert_eq!(bench.perform(&task), Ok(Ended::Done));
    assert!(bench.warnings[0].contains("it is gone"), "{:?}", bench.warnings);
}

#[test]
fn a_claimed_folder_is_busy() {
    let mut bench = Bench::new();
    let task = bench.task(0);
    let claim = bench.folder(0).claim().unwrap().unwrap();
    assert_eq!(bench.perform(&task), Ok(Ended::Busy));
    drop(claim);
    assert_eq!(bench.perform(&task), Ok(Ended::Done));
}

#[test]
fn failures_and_panics_stand_in_the_folder_until_the_next_try() {
    let mut bench = Bench::new();
    for (seed, kind) in [(7, FailureKind::Collapse { epoch: 1, step: 2 }), (13, FailureKind::Crash)] {
        let task = bench.task(seed);
        let failure = bench.perform(&task).unwrap_err();
        assert_eq!(failure.kind, kind);
        assert_eq!(bench.folder(seed).pretext_state().unwrap(), crate::store::State::Failed(failure.clone()));
        let runs = bench.toy.runs;
        assert_eq!(bench.perform(&Task { retry: false, ..task.clone() }), Err(failure.clone()));
        assert_eq!(bench.toy.runs, runs);
        assert_eq!(bench.perform(&task), Err(failure));
        assert_eq!(bench.toy.runs, runs + 1);
    }
}

#[test]
fn a_stopped_task_leaves_no_failure() {
    let mut bench = Bench::new();
    bench.stop.store(true, Ordering::Relaxed);
    let task = bench.task(0);
    assert_eq!(bench.perform(&task), Ok(Ended::Stopped));
    bench.stop.store(false, Ordering::Relaxed);
    assert_eq!(bench.perform(&task), Ok(Ended::Done));
    let provenance: Provenance = read_sealed(&bench.folder(0).file("provenance.json")).unwrap().unwrap();
    assert_eq!(provenance.sessions, 2);
}

fn replies(output: &[u8]) -> Vec<Reply> {
    std::str::from_utf8(output).unwrap().lines().map(|line| from_line(line).unwrap()).collect()
}

#[test]
fn a_worker_answers_each_task_and_goes_when_its_run_goes() {
    let bench = Bench::new();
    let (input, mut requests) = pipe().unwrap();
    for seed in [0, 7] {
        let request = Request::Task(Box::new(bench.task(seed)));
        requests.write_all(to_line(&request).unwrap().as_bytes()).unwrap();
    }
    let (answers, mut output) = pipe().unwrap();
    let worker = std::thread::spawn(move || {
        let stop = Arc::new(AtomicBool::new(false));
        serve(BufReader::new(input), &mut output, &stop, &mut Toy::default())
    });
    let mut lines = io::BufRead::lines(BufReader::new(answers));
    let mut next = || from_line::<Reply>(&lines.next().unwrap().unwrap()).unwrap();
    assert!(matches!(next(), Reply::Event(Event::Progress { .. })));
    assert_eq!(next(), Reply::Done);
    assert!(matches!(next(), Reply::Failed(failure) if failure.message == "collapsed"));
    drop(requests);
    assert!(worker.join().unwrap().is_ok());
}

#[test]
fn a_worker_whose_run_is_gone_stops_with_a_checkpoint() {
    let bench = Bench::new();
    let request = to_line(&Request::Task(Box::new(bench.task(0)))).unwrap();
    let stop = Arc::new(AtomicBool::new(true));
    let mut output = Vec::new();
    serve(io::Cursor::new(request), &mut output, &stop, &mut Toy::default()).unwrap();
    assert_eq!(replies(&output), [Reply::Stopped]);
}

#[test]
fn a_worker_refuses_what_is_no_request() {
    let stop = Arc::new(AtomicBool::new(false));
    let mut output = Vec::new();
    let error = serve(io::Cursor::new("{\"tusk\":1}\n"), &mut output, &stop, &mut Toy::default()).unwrap_err();
    assert!(error.to_string().contains("line 1") && error.to_string().contains("tusk"), "{error}");
    assert!(output.is_empty());
}

#[test]
fn a_worker_does_nothing_for_a_run_of_another_release() {
    let bench = Bench::new();
    let mut raised = bench.task(0);
    let Work::Pretext(recipe) = &mut raised.work else { unreachable!("it trains an encoder") };
    *recipe.revisions.get_mut("random").unwrap() += 1;
    let raised = to_line(&Request::Task(Box::new(raised))).unwrap();
    let other = to_line(&Request::Stop).unwrap().replace("\"protocol\":1", "\"protocol\":2");
    for line in [raised, other] {
        let (stop, mut output) = (Arc::new(AtomicBool::new(false)), Vec::new());
        let error = serve(io::Cursor::new(line), &mut output, &stop, &mut Toy::default()).unwrap_err();
        assert!(error.to_string().contains("of another release") && error.to_string().contains("again"), "{error}");
        assert!(output.is_empty() && !bench.folder(0).path().exists());
    }
}
