//! Hands ready jobs to workers and takes in what they tell.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use crate::kernels::Device;
use crate::store::{Failure, FailureKind, Results, StoreError, write_sealed};

use super::work::{finished, recipe_stands};
use super::{Event, Graph, Held, JobState, Launcher, Observer, Reply, Report, Reports, Request, Task, WorkerHandle};

/// What a run may use, and where.
#[derive(Clone, Debug)]
pub struct Settings {
    pub results: PathBuf,
    /// The folder of data sets given on the command line.
    pub data: Option<PathBuf>,
    /// What tasks train on.
    pub device: Device,
    /// Tasks at a time.
    pub jobs: usize,
    /// Cores that the tasks share.
    pub cores: usize,
    /// Least seconds between two checkpoints of a task.
    pub checkpoint_seconds: f64,
    /// Time until a folder that another process holds is looked at again.
    pub look_again: Duration,
    /// The command line, for the provenance.
    pub command: Vec<String>,
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// Every job came to an end of its own.
    Complete,
    /// Stopped by a signal; tasks at hand wrote checkpoints.
    Interrupted,
    /// Stopped by a second signal; tasks at hand were killed.
    Killed,
}

/// Brings the graph's jobs to an end. `listen` is called once with where to report signals to.
pub fn run(
    graph: &mut Graph,
    settings: &Settings,
    launcher: &mut dyn Launcher,
    observer: &mut dyn Observer,
    listen: impl FnOnce(Reports),
) -> Ending {
    let (sender, reports) = mpsc::channel();
    listen(sender.clone());
    mark_finished(graph, &Results::new(&settings.results));
    let (workers, warned) = (BTreeMap::new(), BTreeSet::new());
    let mut scheduler = Scheduler {
        graph,
        settings,
        launcher,
        observer,
        sender,
        workers,
        warned,
        launched: 0,
        ending: Ending::Complete,
    };
    scheduler.observer.begins(scheduler.graph);
    scheduler.work(&reports);
    let ending = scheduler.ending;
    observer.ended();
    ending
}

/// Finds out what is done already.
pub fn mark_finished(graph: &mut Graph, results: &Results) {
    for index in 0..graph.jobs().len() {
        let work = &graph.job(index).work;
        match finished(work, results) {
            Ok(true) if recipe_stands(work, results) => graph.set(index, JobState::Already),
            // A worker does what is not done, and writes a damaged recipe anew.
            Ok(_) => {}
            // The worker that does it again finds it anew, under its claim, and says so.
            Err(StoreError::Damaged { .. }) => {}
            Err(error) => {
                let failure = Failure { kind: FailureKind::Store, message: error.to_string() };
                graph.set(index, JobState::Failed(failure));
            }
        }
    }
}

struct Worker {
    handle: Box<dyn WorkerHandle>,
    job: Option<usize>,
}

struct Scheduler<'a> {
    graph: &'a mut Graph,
    settings: &'a Settings,
    launcher: &'a mut dyn Launcher,
    observer: &'a mut dyn Observer,
    sender: Reports,
    workers: BTreeMap<u64, Worker>,
    /// Jobs of which it was said that their holder may be gone.
    warned: BTreeSet<usize>,
    launched: u64,
    ending: Ending,
}

impl Scheduler<'_> {
    fn work(&mut self, reports: &Receiver<Report>) {
        loop {
            if self.ending == Ending::Complete {
                self.dispatch();
            }
            let running = self.workers.values().any(|worker| worker.job.is_some());
            if !running && (self.ending != Ending::Complete || self.graph.settled()) {
                return;
            }
            // Signals wake it as well, so nothing is missed by waiting for the next busy folder.
            let wait = self.graph.next_try().filter(|_| self.ending == Ending::Complete);
            let report = match wait {
                Some(at) => {
                    let least = Duration::from_millis(5);
                    reports.recv_timeout(at.saturating_duration_since(Instant::now()).max(least))
                }
                None => reports.recv().map_err(|_| RecvTimeoutError::Disconnected),
            };
            match report {
                Ok(Report::Said { worker, reply }) => self.hear(worker, reply),
                Ok(Report::Gone { worker }) => self.bury(worker),
                Ok(Report::Interrupt) if self.ending == Ending::Complete => self.stop(),
                Ok(Report::Interrupt) => return self.kill(),
                // `self.sender` keeps the channel open, so there is nothing but time to run out.
                Err(_) => {}
            }
        }
    }

    /// Gives every ready job that there is room for to a worker.
    fn dispatch(&mut self) {
        loop {
            let ready = self.graph.ready(Instant::now());
            let running = self.graph.count(|state| *state == JobState::Running);
            let Some(&job) = ready.first() else { return };
            if running >= self.settings.jobs {
                return;
            }
            let shares = self.settings.jobs.min(ready.len() + running);
            let threads = (self.settings.cores / shares.max(1)).max(1);
            self.start(job, threads);
        }
    }

    fn start(&mut self, job: usize, threads: usize) {
        let node = self.graph.job(job);
        let first_try = !node.shared;
        let request = Request::Task(Box::new(Task {
            work: node.work.clone(),
            label: node.label(),
            experiments: node.experiments.clone(),
            results: self.settings.results.clone(),
            data: self.settings.data.clone(),
            device: self.settings.device,
            threads,
            checkpoint_seconds: self.settings.checkpoint_seconds,
            retry: first_try,
            command: self.settings.command.clone(),
        }));
        match self.hand_over(&request) {
            Ok(number) => {
                if let Some(worker) = self.workers.get_mut(&number) {
                    worker.job = Some(job);
                }
                self.graph.set(job, JobState::Running);
                if first_try {
                    self.observer.started(job, self.graph, threads);
                }
            }
            Err(how) => self.crashed(job, how),
        }
    }

    /// Gives a request to an idle worker, or to a new one. The error says why there is none.
    fn hand_over(&mut self, request: &Request) -> Result<u64, String> {
        let idle = |worker: &Worker| worker.job.is_none();
        while let Some(number) = self.workers.iter().find(|(_, worker)| idle(worker)).map(|(&number, _)| number) {
            let sent = self.workers.get_mut(&number).map(|worker| worker.handle.send(request));
            if let Some(Ok(())) = sent {
                return Ok(number);
            }
            // It ended while it had nothing to do, which costs nothing but a new one.
            self.workers.remove(&number);
        }
        self.launched += 1;
        let number = self.launched;
        let mut handle = (self.launcher.launch(number, self.sender.clone()))
            .map_err(|error| format!("a worker process cannot be started: {error}"))?;
        handle.send(request).map_err(|_| handle.obituary())?;
        self.workers.insert(number, Worker { handle, job: None });
        Ok(number)
    }

    fn hear(&mut self, number: u64, reply: Reply) {
        let Some(worker) = self.workers.get_mut(&number) else { return };
        let Some(job) = worker.job else {
            if let Reply::Event(Event::Warning(text)) = reply {
                self.observer.note(&text);
            }
            return;
        };
        if !matches!(reply, Reply::Event(_)) {
            worker.job = None;
        }
        match reply {
            Reply::Event(Event::Warning(text)) => {
                let label = self.graph.job(job).label();
                self.observer.note(&format!("{label}: {text}"));
            }
            Reply::Event(event) => self.observer.progress(job, self.graph, &event),
            Reply::Done => self.settle(job, JobState::Done),
            Reply::Failed(failure) => self.settle(job, JobState::Failed(failure)),
            Reply::Stopped => {
                self.settle(job, JobState::Stopped);
                // A batch system may signal the workers before the run.
                if self.ending == Ending::Complete {
                    self.stop();
                }
            }
            Reply::Busy => {
                self.wait_for(job);
                self.graph.set(job, JobState::Busy(Instant::now() + self.settings.look_again));
            }
        }
    }

    /// Tells of a job that another process has, once, and once more when that has been silent for long.
    fn wait_for(&mut self, job: usize) {
        let node = self.graph.job(job);
        let held = Held::look(&node.work.folder(&Results::new(&self.settings.results)));
        if !node.shared {
            self.observer.waiting(job, self.graph, &held);
        }
        if let Some(advice) = held.advice()
            && self.warned.insert(job)
        {
            self.observer.note(&advice);
        }
    }

    fn settle(&mut self, job: usize, state: JobState) {
        self.graph.set(job, state);
        self.observer.finished(job, self.graph);
    }

    /// A worker is gone. With a job at hand that is a crash.
    fn bury(&mut self, number: u64) {
        let Some(mut worker) = self.workers.remove(&number) else { return };
        let how = worker.handle.obituary();
        if let Some(job) = worker.job {
            self.crashed(job, how);
        }
    }

    fn crashed(&mut self, job: usize, how: String) {
        let failure = Failure { kind: FailureKind::Crash, message: how };
        let folder = self.graph.job(job).work.folder(&Results::new(&self.settings.results));
        // Only for later readers: the failure is reported in any case, and a live owner writes its own.
        if let Ok(Some(_claim)) = folder.claim() {
            let _ = write_sealed(&folder.file("failed.json"), &failure);
        }
        self.settle(job, JobState::Failed(failure));
    }

    fn stop(&mut self) {
        self.ending = Ending::Interrupted;
        self.observer.stopping();
        for worker in self.workers.values_mut().filter(|worker| worker.job.is_some()) {
            let _ = worker.handle.send(&Request::Stop);
        }
    }

    fn kill(&mut self) {
        self.ending = Ending::Killed;
        for worker in self.workers.values_mut() {
            worker.handle.kill();
            if let Some(job) = worker.job {
                self.graph.set(job, JobState::Stopped);
            }
        }
    }
}

#[cfg(test)]
mod tests;
