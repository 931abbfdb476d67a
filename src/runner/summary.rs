//! What came of a run.

use crate::store::{Failure, FailureKind, Results};

use super::{Ending, Graph, Job, JobState};

/// Counts and failures of an ended run.
#[derive(Clone, Debug, PartialEq)]
pub struct Summary {
    pub ending: Ending,
    /// Trials asked for.
    pub trials: usize,
    /// Trials of which everything is done.
    pub trials_done: usize,
    /// Those of them that were done before the run.
    pub trials_before: usize,
    /// Trials of which at least one part failed.
    pub trials_failed: usize,
    /// Pretext runs and evaluations that this run, or another at the same time, brought to an end.
    pub jobs_done: usize,
    /// One text of several lines for each failure.
    pub failures: Vec<String>,
}

impl Summary {
    pub fn new(graph: &Graph, ending: Ending, results: &Results) -> Summary {
        let trials: Vec<Vec<&Job>> = graph.trials().map(Iterator::collect).collect();
        let count = |wanted: &dyn Fn(&[&Job]) -> bool| trials.iter().filter(|jobs| wanted(jobs)).count();
        let failed = |job: &&Job| matches!(job.state, JobState::Failed(_) | JobState::Blocked);
        Summary {
            ending,
            trials: trials.len(),
            trials_done: count(&|jobs| jobs.iter().all(|job| job.state.is_done())),
            trials_before: count(&|jobs| jobs.iter().all(|job| job.state == JobState::Already)),
            trials_failed: count(&|jobs| jobs.iter().any(failed)),
            jobs_done: graph.count(|state| *state == JobState::Done),
            failures: (graph.jobs().iter())
                .filter_map(|job| match &job.state {
                    JobState::Failed(failure) => Some(explain(job, failure, results)),
                    _ => None,
                })
                .collect(),
        }
    }

    pub fn interrupted(&self) -> bool {
        self.ending != Ending::Complete
    }

    /// Whether everything had been done before.
    pub fn nothing_to_do(&self) -> bool {
        self.trials_before == self.trials
    }

    /// One line of counts.
    pub fn line(&self) -> String {
        let mut parts = vec![format!("{} of {} trials done", self.trials_done, self.trials)];
        if self.trials_before > 0 {
            parts.push(format!("{} of them before this run", self.trials_before));
        }
        if self.trials_failed > 0 {
            parts.push(format!("{} failed", self.trials_failed));
        }
        let open = self.trials - self.trials_done - self.trials_failed;
        if open > 0 {
            parts.push(format!("{open} not finished"));
        }
        parts.join(", ")
    }
}

fn explain(job: &Job, failure: &Failure, results: &Results) -> String {
    let kind = kind(&failure.kind);
    let folder = job.work.folder(results);
    let cells = job.cells.join("\n          ");
    format!(
        "{} of seed {} failed ({kind}): {failure}\n  cell:   {cells}\n  folder: {}",
        job.work.name(),
        job.work.seed(),
        folder.path().display()
    )
}

fn kind(kind: &FailureKind) -> &'static str {
    match kind {
        FailureKind::NotFinite { .. } => "not finite",
        FailureKind::Collapse { .. } => "collapse",
        FailureKind::Data => "data",
        FailureKind::Store => "results folder",
        FailureKind::Device { memory: None } => "device",
        FailureKind::Device { memory: Some(_) } => "out of memory",
        FailureKind::Crash => "crash",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runner::graph::tests::trial;

    #[test]
    fn counts_are_of_trials_and_failures_say_where() {
        let mut graph = Graph::new(&[trial("x=a", 0), trial("x=a", 1), trial("x=a", 2)]);
        for job in 0..3 {
            graph.set(job, JobState::Already);
        }
        let message = "the loss is NaN at step 2 of epoch 1".to_owned();
        graph.set(3, JobState::Failed(Failure { kind: FailureKind::NotFinite { epoch: 1, step: 2 }, message }));
        let summary = Summary::new(&graph, Ending::Interrupted, &Results::new("out"));
        assert_eq!(summary.line(), "1 of 3 trials done, 1 of them before this run, 1 failed, 1 not finished");
        let address = &graph.job(3).address;
        assert_eq!(
            summary.failures,
            [format!(
                "pretext of seed 1 failed (not finite): the loss is NaN at step 2 of epoch 1\n  cell:   x=a\n  folder: out/pretext/{address}"
            )]
        );
        assert!(summary.interrupted() && !summary.nothing_to_do());
    }
}
