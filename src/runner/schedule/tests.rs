//! The scheduler with workers that are closures.

use std::io;
use std::sync::{Arc, Mutex};

use tempfile::TempDir;

use super::*;
use crate::runner::graph::tests::trial;
use crate::runner::{LabelledTrial, Work};
use crate::store::{Done, checksum};

/// What a toy worker makes of a task.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Act {
    Finish,
    Fail,
    Busy,
    /// Works on until it is told to stop.
    Linger,
    Die,
}

/// Name and seed of each task in the order of their start, with its threads.
type Log = Arc<Mutex<Vec<(String, u64, usize)>>>;
type Script = Arc<dyn Fn(&Task) -> Act>;

struct Toys {
    script: Script,
    log: Log,
    killed: Arc<Mutex<usize>>,
}

struct Toy {
    number: u64,
    script: Script,
    log: Log,
    killed: Arc<Mutex<usize>>,
    reports: Reports,
    lingers: bool,
}

impl Launcher for Toys {
    fn launch(&mut self, worker: u64, reports: Reports) -> io::Result<Box<dyn WorkerHandle>> {
        let (script, log, killed) = (self.script.clone(), self.log.clone(), self.killed.clone());
        Ok(Box::new(Toy { number: worker, script, log, killed, reports, lingers: false }))
    }
}

impl Toy {
    fn say(&self, reply: Reply) {
        self.reports.send(Report::Said { worker: self.number, reply }).unwrap();
    }
}

impl WorkerHandle for Toy {
    fn send(&mut self, request: &Request) -> io::Result<()> {
        match request {
            Request::Task(task) => {
                let act = (self.script)(task);
                if act != Act::Busy {
                    self.log.lock().unwrap().push((task.work.name().to_owned(), task.work.seed(), task.threads));
                }
                match act {
                    Act::Finish => self.say(Reply::Done),
                    Act::Fail => self.say(Reply::Failed(failure())),
                    Act::Busy => self.say(Reply::Busy),
                    Act::Linger => self.lingers = true,
                    Act::Die => self.reports.send(Report::Gone { worker: self.number }).unwrap(),
                }
            }
            Request::Stop if self.lingers => self.say(Reply::Stopped),
            Request::Stop => {}
        }
        Ok(())
    }

    fn kill(&mut self) {
        *self.killed.lock().unwrap() += 1;
    }

    fn obituary(&mut self) -> String {
        "the toy died".to_owned()
    }
}

struct Mute;

impl Observer for Mute {}

fn failure() -> Failure {
    Failure { kind: FailureKind::Collapse { epoch: 1, step: 1 }, message: "collapsed".to_owned() }
}

struct Bench {
    folder: TempDir,
    log: Log,
    killed: Arc<Mutex<usize>>,
    graph: Graph,
}

impl Bench {
    fn new(trials: &[LabelledTrial]) -> Bench {
        let folder = tempfile::tempdir().unwrap();
        Bench { folder, log: Log::default(), killed: Arc::default(), graph: Graph::new(trials) }
    }

    fn run(&mut self, jobs: usize, script: impl Fn(&Task) -> Act + 'static, listen: impl FnOnce(Reports)) -> Ending {
        let settings = Settings {
            results: self.folder.path().to_owned(),
            data: None,
            device: crate::kernels::Device::Cpu,
            jobs,
            cores: 4,
            checkpoint_seconds: 30.0,
            look_again: Duration::from_millis(10),
            command: Vec::new(),
        };
        let (log, killed) = (self.log.clone(), self.killed.clone());
        let mut toys = Toys { script: Arc::new(script), log, killed };
        run(&mut self.graph, &settings, &mut toys, &mut Mute, listen)
    }

    fn log(&self) -> Vec<(String, u64, usize)> {
        self.log.lock().unwrap().clone()
    }

    fn states(&self) -> Vec<&JobState> {
        self.graph.jobs().iter().map(|job| &job.state).collect()
    }
}

fn nobody(_: Reports) {}

#[test]
fn encoders_come_first_and_shared_work_runs_once() {
    let mut bench = Bench::new(&[trial("a", 0), trial("b", 0), trial("a", 1)]);
    assert_eq!(bench.run(1, |_| Act::Finish, nobody), Ending::Complete);
    let order: Vec<(String, u64)> = bench.log().into_iter().map(|(name, seed, _)| (name, seed)).collect();
    let expected = [("pretext", 0), ("pinv", 0), ("pinv", 0), ("pretext", 1), ("pinv", 1), ("pinv", 1)];
    assert_eq!(order, expected.map(|(name, seed)| (name.to_owned(), seed)));
    assert!(bench.states().iter().all(|state| **state == JobState::Done));
}

#[test]
fn tasks_share_the_cores_out_and_one_alone_has_them_all() {
    let mut bench = Bench::new(&[trial("a", 0)]);
    bench.run(2, |_| Act::Finish, nobody);
    let threads: Vec<usize> = bench.log().into_iter().map(|(_, _, threads)| threads).collect();
    assert_eq!(threads, [4, 2, 2]);
}

#[test]
fn a_failure_stops_nothing_but_what_reads_it() {
    let mut bench = Bench::new(&[trial("a", 0), trial("a", 1)]);
    let act = |task: &Task| if task.work.seed() == 0 { Act::Fail } else { Act::Finish };
    assert_eq!(bench.run(2, act, nobody), Ending::Complete);
    let (failed, blocked, done) = (JobState::Failed(failure()), JobState::Blocked, JobState::Done);
    assert_eq!(bench.states(), [&failed, &blocked, &blocked, &done, &done, &done]);
}

#[test]
fn a_dead_worker_costs_its_task_and_is_replaced() {
    let mut bench = Bench::new(&[trial("a", 0), trial("a", 1)]);
    let act = |task: &Task| match (&task.work, task.work.seed()) {
        (Work::Pretext(_), 0) => Act::Die,
        _ => Act::Finish,
    };
    assert_eq!(bench.run(1, act, nobody), Ending::Complete);
    let JobState::Failed(failure) = bench.states()[0].clone() else { panic!("{:?}", bench.states()) };
    assert_eq!((failure.kind, failure.message.as_str()), (FailureKind::Crash, "the toy died"));
    assert_eq!(bench.states()[3..], [&JobState::Done; 3]);
    let left = bench.graph.job(0).work.folder(&Results::new(bench.folder.path())).pretext_state().unwrap();
    assert!(matches!(left, crate::store::State::Failed(_)), "{left:?}");
}

#[test]
fn a_folder_that_another_run_holds_is_looked_at_again() {
    let mut bench = Bench::new(&[trial("a", 0)]);
    let tries = Mutex::new(Vec::new());
    let seen = Arc::new(tries);
    let tries = seen.clone();
    let act = move |task: &Task| {
        if !matches!(task.work, Work::Pretext(_)) {
            return Act::Finish;
        }
        let mut tries = tries.lock().unwrap();
        tries.push(task.retry);
        if tries.len() < 4 { Act::Busy } else { Act::Finish }
    };
    assert_eq!(bench.run(2, act, nobody), Ending::Complete);
    // The first try may try a failed run again; later ones take what the other run left.
    assert_eq!(*seen.lock().unwrap(), [true, false, false, false]);
    assert!(bench.states().iter().all(|state| **state == JobState::Done));
}

#[test]
fn a_signal_stops_what_runs_and_starts_nothing_more() {
    let mut bench = Bench::new(&[trial("a", 0), trial("a", 1), trial("a", 2)]);
    let interrupt = |reports: Reports| reports.send(Report::Interrupt).unwrap();
    assert_eq!(bench.run(2, |_| Act::Linger, interrupt), Ending::Interrupted);
    assert_eq!(bench.log().len(), 2);
    assert_eq!(*bench.states()[0], JobState::Stopped);
    assert_eq!(*bench.states()[3], JobState::Stopped);
    assert_eq!(*bench.states()[6], JobState::Pending);
    assert_eq!(*bench.killed.lock().unwrap(), 0);
}

#[test]
fn a_second_signal_kills() {
    let mut bench = Bench::new(&[trial("a", 0), trial("a", 1)]);
    let interrupt = |reports: Reports| (0..2).for_each(|_| reports.send(Report::Interrupt).unwrap());
    assert_eq!(bench.run(2, |_| Act::Linger, interrupt), Ending::Killed);
    assert_eq!(*bench.killed.lock().unwrap(), 2);
}

#[test]
fn finished_work_is_left_alone() {
    let mut bench = Bench::new(&[trial("a", 0)]);
    let folder = bench.graph.job(0).work.folder(&Results::new(bench.folder.path()));
    std::fs::create_dir_all(folder.path()).unwrap();
    write_sealed(&folder.file("done.json"), &Done { files: Default::default(), trace: None }).unwrap();
    let Work::Pretext(recipe) = &bench.graph.job(0).work else { unreachable!("it comes first") };
    write_sealed(&folder.file("recipe.json"), recipe).unwrap();
    bench.run(1, |_| Act::Finish, nobody);
    assert_eq!(*bench.states()[0], JobState::Already);
    assert_eq!(bench.log().len(), 2);
}

#[test]
fn a_folder_of_a_newer_release_is_not_written_over() {
    let mut bench = Bench::new(&[trial("a", 0)]);
    let folder = bench.graph.job(0).work.folder(&Results::new(bench.folder.path()));
    std::fs::create_dir_all(folder.path()).unwrap();
    let sealed = format!(r#"{{"format":99,"sha256":"{}","body":{{}}}}"#, checksum(b"99 {}"));
    std::fs::write(folder.file("done.json"), sealed).unwrap();
    bench.run(1, |_| Act::Finish, nobody);
    assert!(matches!(bench.states()[0], JobState::Failed(failure) if failure.kind == FailureKind::Store));
    assert!(bench.log().is_empty());
}
