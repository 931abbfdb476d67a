//! From a graph of work to job arrays.

use std::collections::{BTreeMap, HashMap};
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::recipe::Address;
use crate::runner::{Graph, Job, JobState, Work};

/// Work as a task finds it in the record.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Piece {
    pub work: Work,
    /// What messages call it.
    pub label: String,
    /// Ids of the experiments that need it.
    pub experiments: Vec<String>,
}

impl From<&Job> for Piece {
    fn from(job: &Job) -> Piece {
        Piece { work: job.work.clone(), label: job.label(), experiments: job.experiments.clone() }
    }
}

/// A task of an array that Slurm has: `123_4`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct TaskId {
    pub job: u64,
    pub index: usize,
}

impl fmt::Display for TaskId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}_{}", self.job, self.index)
    }
}

/// What the tasks of an array wait for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum After {
    Nothing,
    /// Each task for the one with its index in this array of the submission.
    Array(usize),
    /// For a task of an earlier submission.
    Task(TaskId),
}

/// A job array.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Array {
    pub after: After,
    /// What each task does, one piece after the other.
    pub tasks: Vec<Vec<Piece>>,
    /// The number that Slurm gave it; none until it is submitted.
    pub job: Option<u64>,
}

/// Arrays of at most `largest` tasks, in the order to submit them, for all work of the graph that is pending and that no
/// task in `taken` has. A pretext run is a task; its evaluations are one of the array after it. Evaluations that need no
/// encoder are a task each.
pub fn group(graph: &Graph, taken: &HashMap<Address, TaskId>, largest: usize) -> Vec<Array> {
    let open = |job: &Job| job.state == JobState::Pending && !taken.contains_key(&job.address);
    let pieces = |jobs: &[usize]| jobs.iter().map(|&index| Piece::from(graph.job(index))).collect::<Vec<_>>();

    let mut pretexts: Vec<usize> = Vec::new();
    let mut readers: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    let mut alone: Vec<Vec<usize>> = Vec::new();
    for (index, job) in graph.jobs().iter().enumerate().filter(|(_, job)| open(job)) {
        match (&job.work, job.after()) {
            (Work::Pretext(_), _) => pretexts.push(index),
            (Work::Evaluation(_), Some(pretext)) => readers.entry(pretext).or_default().push(index),
            (Work::Evaluation(_), None) => alone.push(vec![index]),
        }
    }
    // The tasks that others wait for come first, so that both arrays count alike.
    let (awaited, others): (Vec<usize>, Vec<usize>) =
        pretexts.into_iter().partition(|pretext| readers.contains_key(pretext));

    let mut arrays: Vec<Array> = Vec::new();
    for chunk in [awaited, others].concat().chunks(largest.max(1)) {
        let tasks = chunk.iter().map(|&pretext| pieces(&[pretext])).collect();
        arrays.push(Array { after: After::Nothing, tasks, job: None });
        let tasks: Vec<_> =
            chunk.iter().map_while(|pretext| readers.remove(pretext)).map(|jobs| pieces(&jobs)).collect();
        if !tasks.is_empty() {
            arrays.push(Array { after: After::Array(arrays.len() - 1), tasks, job: None });
        }
    }
    for (pretext, jobs) in readers {
        let pretext = graph.job(pretext);
        match taken.get(&pretext.address) {
            Some(&task) if !pretext.state.is_done() => {
                arrays.push(Array { after: After::Task(task), tasks: vec![pieces(&jobs)], job: None });
            }
            _ => alone.push(jobs),
        }
    }
    for chunk in alone.chunks(largest.max(1)) {
        let tasks = chunk.iter().map(|jobs| pieces(jobs)).collect();
        arrays.push(Array { after: After::Nothing, tasks, job: None });
    }
    arrays
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runner::trial;

    const NOBODY: fn() -> HashMap<Address, TaskId> = HashMap::new;

    /// What arrays hold: what each waits for, and of each task the seed and the names of its work.
    fn shape(arrays: &[Array]) -> Vec<(After, Vec<String>)> {
        let piece = |piece: &Piece| format!("{} {}", piece.work.seed(), piece.work.name());
        let task = |task: &Vec<Piece>| task.iter().map(piece).collect::<Vec<_>>().join(" + ");
        arrays.iter().map(|array| (array.after, array.tasks.iter().map(task).collect())).collect()
    }

    fn words(words: &[&str]) -> Vec<String> {
        words.iter().map(|word| (*word).to_owned()).collect()
    }

    #[test]
    fn evaluations_of_an_encoder_are_one_task_behind_its_own() {
        let graph = Graph::new(&[trial("a", 0), trial("a", 1), trial("b", 0)]);
        let arrays = group(&graph, &NOBODY(), 100);
        let expected = [
            (After::Nothing, words(&["0 pretext", "1 pretext"])),
            (After::Array(0), words(&["0 pinv + 0 pinv", "1 pinv + 1 pinv"])),
        ];
        assert_eq!(shape(&arrays), expected);
        assert_eq!(arrays[0].tasks[0][0].label, "a seed 0 pretext (and 1 more)");
    }

    #[test]
    fn arrays_are_no_larger_than_the_cluster_takes_and_their_tasks_correspond() {
        let trials: Vec<_> = (0..5).map(|seed| trial("a", seed)).collect();
        let mut graph = Graph::new(&trials);
        // The first encoder's evaluations are done already: its task, which nothing waits for, comes last.
        graph.set(1, JobState::Already);
        graph.set(2, JobState::Already);
        let arrays = group(&graph, &NOBODY(), 2);
        let after: Vec<After> = arrays.iter().map(|array| array.after).collect();
        assert_eq!(after, [After::Nothing, After::Array(0), After::Nothing, After::Array(2), After::Nothing]);
        for pair in [0, 2] {
            for (pretext, readers) in arrays[pair].tasks.iter().zip(&arrays[pair + 1].tasks) {
                let encoder = Some(pretext[0].work.address());
                let reads =
                    |piece: &Piece| matches!(&piece.work, Work::Evaluation(recipe) if recipe.encoder == encoder);
                assert!(readers.len() == 2 && readers.iter().all(reads));
            }
        }
        assert_eq!(shape(&arrays)[4].1, ["0 pretext"]);
    }

    #[test]
    fn what_is_done_or_with_slurm_already_is_left_out() {
        let mut graph = Graph::new(&[trial("a", 0), trial("a", 1)]);
        // One encoder is done; a live task trains the other and a second one has one of its evaluations.
        graph.set(0, JobState::Already);
        let (training, reading) = (TaskId { job: 7, index: 3 }, TaskId { job: 8, index: 0 });
        let taken = [(3, training), (4, reading)].map(|(job, task)| (graph.job(job).address.clone(), task));
        let arrays = group(&graph, &HashMap::from(taken), 100);
        let expected = [(After::Task(training), words(&["1 pinv"])), (After::Nothing, words(&["0 pinv + 0 pinv"]))];
        assert_eq!(shape(&arrays), expected);
        for job in 0..graph.jobs().len() {
            graph.set(job, JobState::Already);
        }
        assert_eq!(group(&graph, &NOBODY(), 100), []);
    }
}
