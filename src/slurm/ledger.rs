//! What was handed to Slurm, joined with what Slurm says of it.

use std::collections::HashMap;

use crate::recipe::Address;

use super::{Piece, Queued, Submission, TaskId};

/// The submissions of a results folder and the tasks that Slurm knows of them.
#[derive(Debug, Default)]
pub struct Ledger {
    submissions: Vec<Submission>,
    queued: HashMap<(String, usize), Queued>,
    /// Name of the cluster that was asked.
    cluster: String,
}

/// A task of a submission.
#[derive(Clone, Copy, Debug)]
pub struct LedgerTask<'a> {
    pub submission: &'a Submission,
    pub array: usize,
    pub index: usize,
    pub pieces: &'a [Piece],
    /// What Slurm says of it; none where it does not know it, or no longer.
    pub queued: Option<&'a Queued>,
    /// Whether it was handed to another cluster than the one that was asked.
    pub elsewhere: bool,
}

impl LedgerTask<'_> {
    /// Its number in Slurm. None where it was never submitted.
    pub fn id(&self) -> Option<TaskId> {
        let noted = self.submission.arrays[self.array].job.map(|job| TaskId { job, index: self.index });
        // A submitter that was killed could not note what it was told.
        self.queued.map(|queued| queued.task).or(noted)
    }

    /// Whether Slurm has it waiting or running.
    pub fn is_live(&self) -> bool {
        self.queued.is_some_and(|queued| queued.state.is_live())
    }
}

impl Ledger {
    /// `queued` is what `cluster` answers for the names of the submissions' jobs.
    pub fn new(submissions: Vec<Submission>, queued: Vec<Queued>, cluster: &str) -> Ledger {
        let queued = queued.into_iter().map(|task| ((task.name.clone(), task.task.index), task)).collect();
        Ledger { submissions, queued, cluster: cluster.to_owned() }
    }

    /// What to ask Slurm for.
    pub fn job_names(submissions: &[Submission]) -> Vec<String> {
        let names = |one: &Submission| (0..one.arrays.len()).map(|array| one.job_name(array)).collect::<Vec<_>>();
        submissions.iter().flat_map(names).collect()
    }

    /// All tasks, those of the latest submission first.
    pub fn tasks(&self) -> Vec<LedgerTask<'_>> {
        let mut tasks = Vec::new();
        for submission in self.submissions.iter().rev() {
            let elsewhere = submission.cluster != self.cluster;
            for (array, one) in submission.arrays.iter().enumerate() {
                let name = submission.job_name(array);
                for (index, pieces) in one.tasks.iter().enumerate() {
                    let queued = self.queued.get(&(name.clone(), index));
                    tasks.push(LedgerTask { submission, array, index, pieces, queued, elsewhere });
                }
            }
        }
        tasks
    }

    /// Work that a live task has, by its address.
    pub fn taken(&self) -> HashMap<Address, TaskId> {
        let live = self.tasks().into_iter().filter(LedgerTask::is_live);
        let of = |task: LedgerTask<'_>| {
            let id = task.id();
            let addresses: Vec<Address> = task.pieces.iter().map(|piece| piece.work.address()).collect();
            addresses.into_iter().filter_map(move |address| Some((address, id?)))
        };
        live.flat_map(of).collect()
    }
}
