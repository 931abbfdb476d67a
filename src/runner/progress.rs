//! What a run tells while it goes on, on stderr: bars on a terminal, lines elsewhere.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use super::pace::{Pace, count, described, duration};
use super::{Event, Graph, Held, JobState};

/// Between two lines about one running job.
const LINE_EVERY: Duration = Duration::from_secs(10);
/// Parts of a bar.
const PARTS: u64 = 1000;

/// Is told what a run does. Jobs are indices into the graph, whose states are up to date.
pub trait Observer {
    /// What is done already is known, and the work begins.
    fn begins(&mut self, _graph: &Graph) {}
    fn started(&mut self, _job: usize, _graph: &Graph, _threads: usize) {}
    fn progress(&mut self, _job: usize, _graph: &Graph, _event: &Event) {}
    /// Another run of the program has the job's folder.
    fn waiting(&mut self, _job: usize, _graph: &Graph, _held: &Held) {}
    /// The job is done, failed or stopped.
    fn finished(&mut self, _job: usize, _graph: &Graph) {}
    fn note(&mut self, _text: &str) {}
    /// A signal came in.
    fn stopping(&mut self) {}
    /// Nothing more will be told.
    fn ended(&mut self) {}
}

/// The observer that fits where stderr goes. `interactive` says that it is a terminal.
pub fn observer(quiet: bool, interactive: bool) -> Box<dyn Observer> {
    if quiet {
        Box::new(Silence)
    } else if interactive {
        Box::new(Bars::new())
    } else {
        Box::new(Lines::new(|line| eprintln!("{line}"), LINE_EVERY))
    }
}

/// Tells nothing: failures stand in the summary.
struct Silence;

impl Observer for Silence {}

const STOPPING: &str = "stopping at the next step, with checkpoints; a second Ctrl-C stops at once";

fn waiting_text(job: usize, graph: &Graph, held: &Held) -> String {
    let job = graph.job(job);
    format!("waiting for another run of repro to finish {} ({}): {}", job.address, job.label(), held.holder())
}

fn beginning_text(graph: &Graph) -> String {
    let done = graph.count(JobState::is_done);
    let todo = graph.count(|state| *state == JobState::Pending);
    let what = if todo == 1 { "pretext run or evaluation" } else { "pretext runs and evaluations" };
    format!("{todo} {what} to do, {done} done already")
}

/// Ended jobs that need no more work, and all.
fn tally(graph: &Graph) -> (usize, usize) {
    let open = |state: &JobState| matches!(state, JobState::Pending | JobState::Running | JobState::Busy(_));
    (graph.jobs().len() - graph.count(open), graph.jobs().len())
}

/// One line for each start and end, and now and then one for what runs.
pub struct Lines<W: FnMut(&str)> {
    write: W,
    every: Duration,
    running: HashMap<usize, (Pace, Instant)>,
}

impl<W: FnMut(&str)> Lines<W> {
    pub fn new(write: W, every: Duration) -> Lines<W> {
        Lines { write, every, running: HashMap::new() }
    }
}

impl<W: FnMut(&str)> Observer for Lines<W> {
    fn begins(&mut self, graph: &Graph) {
        (self.write)(&beginning_text(graph));
    }

    fn started(&mut self, job: usize, graph: &Graph, threads: usize) {
        self.running.insert(job, (Pace::begin(), Instant::now()));
        (self.write)(&format!("started {} on {}", graph.job(job).label(), count(threads, "thread")));
    }

    fn progress(&mut self, job: usize, graph: &Graph, event: &Event) {
        let Some((pace, told)) = self.running.get_mut(&job) else { return };
        let Some(position) = pace.position(event) else { return };
        if told.elapsed() >= self.every {
            *told = Instant::now();
            (self.write)(&format!("running {}: {}", graph.job(job).label(), described(&position)));
        }
    }

    fn waiting(&mut self, job: usize, graph: &Graph, held: &Held) {
        (self.write)(&waiting_text(job, graph, held));
    }

    fn finished(&mut self, job: usize, graph: &Graph) {
        let took = self.running.remove(&job).map(|(pace, _)| pace.elapsed());
        let line = ending_text(job, graph, took);
        (self.write)(&line);
    }

    fn note(&mut self, text: &str) {
        (self.write)(&format!("warning: {text}"));
    }

    fn stopping(&mut self) {
        (self.write)(STOPPING);
    }
}

fn ending_text(job: usize, graph: &Graph, took: Option<Duration>) -> String {
    let (ended, all) = tally(graph);
    let job = graph.job(job);
    let label = job.label();
    match &job.state {
        JobState::Failed(failure) => format!("failed {label}: {failure} ({ended} of {all})"),
        JobState::Stopped => format!("stopped {label}"),
        _ => {
            let took = took.map_or(String::new(), |took| format!(" in {}", duration(took.as_secs_f64())));
            format!("done {label}{took} ({ended} of {all})")
        }
    }
}

/// A bar for each running job and one for all of them.
pub struct Bars {
    screen: MultiProgress,
    overall: ProgressBar,
    running: HashMap<usize, (Pace, ProgressBar)>,
}

impl Bars {
    fn new() -> Bars {
        let screen = MultiProgress::new();
        let overall = screen.add(ProgressBar::new(0));
        overall.set_style(style("{bar:10} {pos}/{len} pretext runs and evaluations, {elapsed} so far"));
        Bars { screen, overall, running: HashMap::new() }
    }

    fn print(&self, line: &str) {
        self.screen.suspend(|| eprintln!("{line}"));
    }
}

fn style(template: &str) -> ProgressStyle {
    let bar = ProgressStyle::default_bar();
    // The templates are ours: one that does not parse shows as the default bar.
    bar.template(template).unwrap_or_else(|_| ProgressStyle::default_bar()).progress_chars("=> ")
}

/// A bar for one job.
pub(super) fn job_bar(label: String) -> ProgressBar {
    ProgressBar::new(PARTS).with_style(style("{bar:10} {prefix}: {wide_msg}")).with_prefix(label)
}

pub(super) fn show(bar: &ProgressBar, fraction: f64, text: String) {
    bar.set_position((fraction * PARTS as f64) as u64);
    bar.set_message(text);
}

impl Observer for Bars {
    fn begins(&mut self, graph: &Graph) {
        let (ended, all) = tally(graph);
        self.overall.set_length(all as u64);
        self.overall.set_position(ended as u64);
        self.overall.reset_elapsed();
        self.overall.enable_steady_tick(Duration::from_secs(1));
        self.print(&beginning_text(graph));
    }

    fn started(&mut self, job: usize, graph: &Graph, _threads: usize) {
        let bar = self.screen.insert_before(&self.overall, job_bar(graph.job(job).label()));
        bar.set_message("starting");
        self.running.insert(job, (Pace::begin(), bar));
    }

    fn progress(&mut self, job: usize, _graph: &Graph, event: &Event) {
        let Some((pace, bar)) = self.running.get_mut(&job) else { return };
        if let Some(position) = pace.position(event) {
            show(bar, position.fraction, described(&position));
        }
    }

    fn waiting(&mut self, job: usize, graph: &Graph, held: &Held) {
        match self.running.get(&job) {
            Some((_, bar)) => bar.set_message(format!("waiting for {}", held.holder())),
            None => self.print(&waiting_text(job, graph, held)),
        }
    }

    fn finished(&mut self, job: usize, graph: &Graph) {
        let took = self.running.remove(&job).map(|(pace, bar)| {
            bar.finish_and_clear();
            pace.elapsed()
        });
        self.overall.set_position(tally(graph).0 as u64);
        self.print(&ending_text(job, graph, took));
    }

    fn note(&mut self, text: &str) {
        self.print(&format!("warning: {text}"));
    }

    fn stopping(&mut self) {
        self.print(STOPPING);
    }

    fn ended(&mut self) {
        for (_, (_, bar)) in self.running.drain() {
            bar.finish_and_clear();
        }
        self.overall.finish_and_clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runner::graph::tests::trial;
    use crate::store::Stage;

    #[test]
    fn lines_come_at_start_and_end_and_rarely_between() {
        let mut graph = Graph::new(&[trial("x=a", 0)]);
        let mut lines = Vec::new();
        {
            let mut observer = Lines::new(|line: &str| lines.push(line.to_owned()), Duration::from_secs(3600));
            observer.begins(&graph);
            graph.set(0, JobState::Running);
            observer.started(0, &graph, 1);
            for step in 0..100 {
                let fraction = f64::from(step) / 200.0;
                let event = Event::Progress { stage: Stage::Epoch, at: 1, of: 2, fraction, items: 9, loss: Some(1.0) };
                observer.progress(0, &graph, &event);
            }
            graph.set(0, JobState::Done);
            observer.finished(0, &graph);
        }
        assert_eq!(
            lines,
            [
                "3 pretext runs and evaluations to do, 0 done already",
                "started a seed 0 pretext on 1 thread",
                "done a seed 0 pretext in under 1 s (1 of 3)"
            ]
        );
    }
}
