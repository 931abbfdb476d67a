//! What there is to do, each piece once, and what waits for what.

use std::collections::HashMap;
use std::time::Instant;

use thiserror::Error;

use crate::experiment::Trial;
use crate::recipe::Address;
use crate::store::Failure;

use super::Work;

/// A trial under the name of its cell.
#[derive(Clone, Debug)]
pub struct LabelledTrial {
    /// Id of the experiment.
    pub experiment: String,
    /// The cell's axis values as `--only` takes them: `dataset=covtype,method=moco`.
    pub cell: String,
    pub trial: Trial,
}

/// Replicas of a trial that GPUs cannot share out equally.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error(
    "{cell} has {replicas} {}, which {gpus} GPUs cannot share out equally: take a number of GPUs that divides {replicas}, \
     or leave such cells out with --only", if *replicas == 1 { "replica" } else { "replicas" }
)]
pub struct UnequalReplicas {
    cell: String,
    replicas: usize,
    gpus: usize,
}

impl LabelledTrial {
    /// # Errors
    /// Replicas that so many GPUs cannot share out equally.
    pub fn on_gpus(&self, gpus: usize) -> Result<(), UnequalReplicas> {
        let replicas = self.trial.pretext.as_ref().map(|recipe| recipe.pretext.replicas);
        match replicas.filter(|replicas| !replicas.is_multiple_of(gpus)) {
            Some(replicas) => Err(UnequalReplicas { cell: self.cell.clone(), replicas, gpus }),
            None => Ok(()),
        }
    }
}

/// One pretext run or evaluation.
#[derive(Clone, Debug)]
pub struct Job {
    pub work: Work,
    pub address: Address,
    /// Cells that need it, the first one first.
    pub cells: Vec<String>,
    /// Ids of the experiments that need it.
    pub experiments: Vec<String>,
    pub state: JobState,
    /// The pretext run it reads, as an index into the graph.
    after: Option<usize>,
    /// Found busy before, so that a failure which another run of repro leaves is taken as it is.
    pub(super) shared: bool,
}

/// How far a job is.
#[derive(Clone, Debug, PartialEq)]
pub enum JobState {
    /// Waits for its pretext run, or for a free worker.
    Pending,
    /// Another process has it; worth another try at this time.
    Busy(Instant),
    Running,
    /// Was done before the run began.
    Already,
    Done,
    Failed(Failure),
    /// Its pretext run failed.
    Blocked,
    /// Stopped with a checkpoint.
    Stopped,
}

impl JobState {
    pub fn is_done(&self) -> bool {
        matches!(self, JobState::Already | JobState::Done)
    }
}

impl Job {
    /// The pretext run it reads, as an index into the graph.
    pub fn after(&self) -> Option<usize> {
        self.after
    }

    /// A short name: axis values of its first cell, seed and what is done.
    pub fn label(&self) -> String {
        let more = match self.cells.len() {
            0 | 1 => String::new(),
            n => format!(" (and {} more)", n - 1),
        };
        let cell = self.cells.first().map_or("", String::as_str);
        let values: Vec<&str> = cell.split(',').map(|part| part.split_once('=').map_or(part, |(_, v)| v)).collect();
        let cell = values.join("/");
        format!("{cell} seed {} {}{more}", self.work.seed(), self.work.name())
    }
}

/// Jobs and their dependencies. Jobs of one trial lie together, the pretext run first, in the order of the trials.
#[derive(Debug, Default)]
pub struct Graph {
    jobs: Vec<Job>,
    /// Jobs of each trial.
    trials: Vec<Vec<usize>>,
}

impl Graph {
    /// Takes the trials apart, and joins equal work by its address.
    pub fn new(trials: &[LabelledTrial]) -> Graph {
        let mut graph = Graph::default();
        let mut known: HashMap<(bool, Address), usize> = HashMap::new();
        for LabelledTrial { experiment, cell, trial } in trials {
            let mut own = Vec::new();
            let mut add = |work: Work, after: Option<usize>| {
                let address = work.address();
                let key = (matches!(work, Work::Pretext(_)), address.clone());
                let index = *known.entry(key).or_insert_with(|| {
                    let (cells, experiments, state) = (Vec::new(), Vec::new(), JobState::Pending);
                    graph.jobs.push(Job { work, address, cells, experiments, state, after, shared: false });
                    graph.jobs.len() - 1
                });
                let job = &mut graph.jobs[index];
                for (known, own) in [(&mut job.cells, cell), (&mut job.experiments, experiment)] {
                    if !known.contains(own) {
                        known.push(own.clone());
                    }
                }
                own.push(index);
                index
            };
            let pretext = trial.pretext.clone().map(|recipe| add(Work::Pretext(recipe), None));
            for recipe in &trial.evaluations {
                let after = pretext.filter(|_| recipe.encoder.is_some());
                add(Work::Evaluation(recipe.clone()), after);
            }
            graph.trials.push(own);
        }
        graph
    }

    pub fn jobs(&self) -> &[Job] {
        &self.jobs
    }

    pub fn job(&self, index: usize) -> &Job {
        &self.jobs[index]
    }

    /// The jobs of each trial, in the order of the trials given.
    pub fn trials(&self) -> impl Iterator<Item = impl Iterator<Item = &Job>> {
        self.trials.iter().map(|jobs| jobs.iter().map(|&index| &self.jobs[index]))
    }

    /// Sets a job's state. A failure blocks what waits for the job.
    pub fn set(&mut self, index: usize, state: JobState) {
        let failed = matches!(state, JobState::Failed(_));
        self.jobs[index].shared |= matches!(state, JobState::Busy(_));
        self.jobs[index].state = state;
        if failed {
            for job in &mut self.jobs {
                if job.after == Some(index) && matches!(job.state, JobState::Pending | JobState::Busy(_)) {
                    job.state = JobState::Blocked;
                }
            }
        }
    }

    fn dependency_met(&self, job: &Job) -> bool {
        job.after.is_none_or(|index| self.jobs[index].state.is_done())
    }

    /// Jobs that a worker could take now, the first to take first. Those that another process was found to hold come
    /// last, and only when it is time to look again.
    pub fn ready(&self, now: Instant) -> Vec<usize> {
        let with = |wanted: &dyn Fn(&JobState) -> bool| {
            let jobs = self.jobs.iter().enumerate();
            jobs.filter(|(_, job)| wanted(&job.state) && self.dependency_met(job)).map(|(i, _)| i).collect::<Vec<_>>()
        };
        let mut ready = with(&|state| *state == JobState::Pending);
        ready.extend(with(&|state| matches!(state, JobState::Busy(until) if *until <= now)));
        ready
    }

    /// When the next busy job is worth another try.
    pub fn next_try(&self) -> Option<Instant> {
        let busy = self.jobs.iter().filter_map(|job| match job.state {
            JobState::Busy(until) => Some(until),
            _ => None,
        });
        busy.min()
    }

    /// Whether nothing is left that a run could do.
    pub fn settled(&self) -> bool {
        !self.jobs.iter().any(|job| match job.state {
            JobState::Pending | JobState::Busy(_) | JobState::Running => {
                // A job behind a stopped one waits for the next run.
                job.after.is_none_or(|index| self.jobs[index].state != JobState::Stopped)
            }
            _ => false,
        })
    }

    pub fn count(&self, wanted: impl Fn(&JobState) -> bool) -> usize {
        self.jobs.iter().filter(|job| wanted(&job.state)).count()
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::recipe::{
        DataIdentity, DataSet, DataSettings, EvaluationKind, EvaluationRecipe, Head, Method, Mix, Network, Operator,
        Part, Precision, Pretext, PretextRecipe, PseudoInverse, Schedule, Standardise, Views,
    };
    use crate::store::FailureKind;
    use std::time::Duration;

    /// A trial of a small N-pair cell with two evaluations.
    pub fn trial(cell: &str, seed: u64) -> LabelledTrial {
        let data = DataIdentity {
            settings: DataSettings {
                standardise: Some(Standardise::AllRows),
                ..DataSettings::of(DataSet::Covtype, Part::Embedded)
            },
            digest: "ab".into(),
        };
        let network = Network::Mlp { width: 1 };
        let pretext = Pretext {
            method: Method::Npair,
            mix: Mix { operator: Operator::None, alpha: 1.0, layers: None },
            input_mix: None,
            epochs: 2,
            batch: 8,
            replicas: 1,
            base_rate: 0.1 + 0.2,
            momentum: 0.9,
            weight_decay: 1e-4,
            schedule: Schedule::Cosine,
            warmup_epochs: 0,
            head: Head::Mlp,
            embedding: 4,
            temperature: Some(0.2),
            contrast: None,
            queue: None,
            key_momentum: None,
            shuffle_bn: None,
            predictor: None,
            precision: Precision::F32,
        };
        let recipe = PretextRecipe::new(seed, data.clone(), Views::Tabular { mask: 0.2 }, network.clone(), pretext);
        let encoder = Some(recipe.address());
        let evaluation = |batch| {
            let kind = EvaluationKind::Pinv(PseudoInverse { batch });
            EvaluationRecipe::new(seed, encoder.clone(), data.clone(), network.clone(), kind)
        };
        let evaluations = vec![evaluation(8), evaluation(16)];
        LabelledTrial {
            experiment: "table1".into(),
            cell: cell.into(),
            trial: Trial { seed, pretext: Some(recipe), evaluations },
        }
    }

    #[test]
    fn gpus_share_replicas_out_equally() {
        let mut trial = trial("dataset=imagenet,imix=on", 0);
        assert_eq!(trial.on_gpus(1), Ok(()));
        let refused = trial.on_gpus(2).unwrap_err().to_string();
        assert!(refused.starts_with("dataset=imagenet,imix=on has 1 replica, which 2 GPUs cannot"), "{refused}");
        if let Some(recipe) = &mut trial.trial.pretext {
            recipe.pretext.replicas = 8;
        }
        let fitting: Vec<usize> = (1..=16).filter(|gpus| trial.on_gpus(*gpus).is_ok()).collect();
        assert_eq!(fitting, [1, 2, 4, 8]);
        trial.trial.pretext = None;
        assert_eq!(trial.on_gpus(3), Ok(()));
    }

    fn failure() -> JobState {
        JobState::Failed(Failure { kind: FailureKind::Crash, message: "it broke".into() })
    }

    #[test]
    fn equal_work_is_one_job_that_names_every_cell() {
        let graph = Graph::new(&[trial("x=a,y=on", 0), trial("b", 0), trial("a", 1)]);
        assert_eq!(graph.jobs().len(), 6);
        assert_eq!(graph.job(0).cells, ["x=a,y=on", "b"]);
        assert_eq!(graph.job(0).label(), "a/on seed 0 pretext (and 1 more)");
        assert_eq!(graph.job(3).cells, ["a"]);
        assert_eq!(graph.trials().map(Iterator::count).collect::<Vec<_>>(), [3, 3, 3]);
    }

    #[test]
    fn evaluations_wait_for_their_encoder() {
        let now = Instant::now();
        let mut graph = Graph::new(&[trial("a", 0), trial("a", 1)]);
        assert_eq!(graph.ready(now), [0, 3]);
        graph.set(0, JobState::Running);
        assert_eq!(graph.ready(now), [3]);
        graph.set(0, JobState::Done);
        assert_eq!(graph.ready(now), [1, 2, 3]);
        graph.set(3, JobState::Already);
        assert_eq!(graph.ready(now), [1, 2, 4, 5]);
    }

    #[test]
    fn a_failure_blocks_only_what_reads_it() {
        let now = Instant::now();
        let mut graph = Graph::new(&[trial("a", 0), trial("a", 1)]);
        graph.set(0, failure());
        assert_eq!(graph.job(1).state, JobState::Blocked);
        assert_eq!(graph.job(2).state, JobState::Blocked);
        assert_eq!(graph.ready(now), [3]);
        graph.set(3, JobState::Done);
        graph.set(4, failure());
        graph.set(5, JobState::Done);
        assert!(graph.settled());
    }

    #[test]
    fn a_busy_job_is_tried_again_when_it_is_time_and_after_the_others() {
        let now = Instant::now();
        let later = now + Duration::from_secs(1);
        let mut graph = Graph::new(&[trial("a", 0), trial("a", 1)]);
        graph.set(0, JobState::Busy(later));
        assert_eq!(graph.ready(now), [3]);
        assert_eq!(graph.next_try(), Some(later));
        assert_eq!(graph.ready(later), [3, 0]);
        assert!(graph.job(0).shared && !graph.settled());
    }

    #[test]
    fn what_waits_for_a_stopped_job_is_left_to_the_next_run() {
        let mut graph = Graph::new(&[trial("a", 0)]);
        graph.set(0, JobState::Stopped);
        assert!(graph.settled());
        assert!(graph.ready(Instant::now()).is_empty());
    }
}
