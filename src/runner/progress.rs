//! What a run tells while it goes on, on stderr: bars on a terminal, lines elsewhere.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use super::{Event, Graph, JobState, Stage};

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
    fn waiting(&mut self, _job: usize, _graph: &Graph) {}
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

fn waiting_text(job: usize, graph: &Graph) -> String {
    let job = graph.job(job);
    format!("waiting for another run of repro to finish {} ({})", job.address, job.label())
}

fn beginning_text(graph: &Graph) -> String {
    let done = graph.count(JobState::is_done);
    let todo = graph.count(|state| *state == JobState::Pending);
    format!("{todo} pretext runs and evaluations to do, {done} done already")
}

/// Ended jobs that need no more work, and all.
fn tally(graph: &Graph) -> (usize, usize) {
    let open = |state: &JobState| matches!(state, JobState::Pending | JobState::Running | JobState::Busy(_));
    (graph.jobs().len() - graph.count(open), graph.jobs().len())
}

/// Where a stage of a job was first heard of: resumed work does not start at 0.
struct Pace {
    started: Instant,
    first: Option<(Stage, Instant, f64)>,
}

impl Pace {
    fn new() -> Pace {
        Pace { started: Instant::now(), first: None }
    }

    /// Time left in the stage at its pace so far.
    fn left(&mut self, stage: Stage, fraction: f64) -> Option<Duration> {
        if self.first.is_none_or(|(known, ..)| known != stage) {
            self.first = Some((stage, Instant::now(), fraction));
        }
        let (_, since, from) = self.first?;
        let (spent, gained) = (since.elapsed().as_secs_f64(), fraction - from);
        // The first steps are slower than the rest.
        if spent < 0.5 || gained <= 0.0 {
            return None;
        }
        Duration::try_from_secs_f64(spent / gained * (1.0 - fraction)).ok()
    }
}

/// `epoch 3/50, loss 5.1234, 42 s left`, and the share of the stage that is done; nothing for a warning.
fn describe(event: &Event, pace: &mut Pace) -> Option<(String, f64)> {
    let Event::Progress { stage, at, of, fraction, loss } = *event else { return None };
    let stage_text = match stage {
        Stage::Epoch => format!("epoch {at}/{of}"),
        Stage::Choosing => format!("choosing the rate, epoch {at}/{of}"),
        Stage::Solving => format!("solving, row {at}/{of}"),
        Stage::Testing => format!("testing, row {at}/{of}"),
    };
    let loss = loss.map_or(String::new(), |loss| format!(", loss {loss:.4}"));
    let left = pace.left(stage, fraction).map_or(String::new(), |left| format!(", {} left", seconds(left)));
    Some((format!("{stage_text}{loss}{left}"), fraction))
}

/// A time such as `42 s`, `3 min 05 s` or `2 h 10 min`.
pub fn seconds(time: Duration) -> String {
    let all = time.as_secs_f64().round() as u64;
    match all {
        0..60 => format!("{all} s"),
        60..3600 => format!("{} min {:02} s", all / 60, all % 60),
        _ => format!("{} h {:02} min", all / 3600, all % 3600 / 60),
    }
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
        self.running.insert(job, (Pace::new(), Instant::now()));
        let plural = if threads == 1 { "" } else { "s" };
        (self.write)(&format!("started {} on {threads} thread{plural}", graph.job(job).label()));
    }

    fn progress(&mut self, job: usize, graph: &Graph, event: &Event) {
        let Some((pace, told)) = self.running.get_mut(&job) else { return };
        let Some((text, _)) = describe(event, pace) else { return };
        if told.elapsed() >= self.every {
            *told = Instant::now();
            (self.write)(&format!("running {}: {text}", graph.job(job).label()));
        }
    }

    fn waiting(&mut self, job: usize, graph: &Graph) {
        (self.write)(&waiting_text(job, graph));
    }

    fn finished(&mut self, job: usize, graph: &Graph) {
        let took = self.running.remove(&job).map(|(pace, _)| pace.started.elapsed());
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
            let took = took.map_or(String::new(), |took| format!(" in {}", seconds(took)));
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
        overall.set_style(style("{bar:24} {pos}/{len} pretext runs and evaluations, {elapsed} so far"));
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
        let bar = self.screen.insert_before(&self.overall, ProgressBar::new(PARTS));
        bar.set_style(style("{bar:24} {prefix}: {wide_msg}"));
        bar.set_prefix(graph.job(job).label());
        bar.set_message("starting");
        self.running.insert(job, (Pace::new(), bar));
    }

    fn progress(&mut self, job: usize, _graph: &Graph, event: &Event) {
        let Some((pace, bar)) = self.running.get_mut(&job) else { return };
        if let Some((text, fraction)) = describe(event, pace) {
            bar.set_position((fraction * PARTS as f64) as u64);
            bar.set_message(text);
        }
    }

    fn waiting(&mut self, job: usize, graph: &Graph) {
        match self.running.get(&job) {
            Some((_, bar)) => bar.set_message("waiting for another run of repro to finish it"),
            None => self.print(&waiting_text(job, graph)),
        }
    }

    fn finished(&mut self, job: usize, graph: &Graph) {
        let took = self.running.remove(&job).map(|(pace, bar)| {
            bar.finish_and_clear();
            pace.started.elapsed()
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
                let event = Event::Progress { stage: Stage::Epoch, at: 1, of: 2, fraction, loss: Some(1.0) };
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
                "done a seed 0 pretext in 0 s (1 of 3)"
            ]
        );
    }

    #[test]
    fn times_read_as_people_say_them() {
        let text = |s: f64| seconds(Duration::from_secs_f64(s));
        assert_eq!([text(42.4), text(185.0), text(7800.0)], ["42 s", "3 min 05 s", "2 h 10 min"]);
    }

    #[test]
    fn an_event_shows_epoch_loss_and_time_left() {
        let began = Instant::now().checked_sub(Duration::from_secs(10)).unwrap();
        let mut pace = Pace { started: began, first: Some((Stage::Epoch, began, 0.25)) };
        let event = Event::Progress { stage: Stage::Epoch, at: 3, of: 50, fraction: 0.5, loss: Some(5.12345) };
        assert_eq!(describe(&event, &mut pace), Some(("epoch 3/50, loss 5.1235, 20 s left".to_owned(), 0.5)));
        let event = Event::Progress { stage: Stage::Testing, at: 1, of: 2, fraction: 0.5, loss: None };
        assert_eq!(describe(&event, &mut pace), Some(("testing, row 1/2".to_owned(), 0.5)));
    }
}
