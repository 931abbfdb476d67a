//! What was handed to Slurm from a results folder.

use std::path::Path;

use super::Output;
use crate::slurm::{self, Cluster, Ledger, Queued, SlurmError, Submission};
use crate::store::{Results, StoreError};

/// The submissions of a results folder. One that cannot be read is named and passed over.
pub fn submissions(results: &Results, output: &Output) -> Result<Vec<Submission>, StoreError> {
    let (found, unreadable) = Submission::all(results)?;
    unreadable.iter().for_each(|error| output.note(format!("warning: {error}")));
    Ok(found)
}

/// What there is to say of a results folder without submissions.
pub fn nothing_handed(results: &Path) -> String {
    match results.exists() {
        true => format!("nothing was handed to Slurm from {}", results.display()),
        false => format!("there is no folder {}; name another with --results DIR", results.display()),
    }
}

/// The cluster, asked until it answers.
pub fn cluster(output: &Output) -> Result<Cluster, SlurmError> {
    slurm::patiently(&mut |text| output.note(text), slurm::cluster)
}

/// The submissions with what the cluster says of them, asked until it answers.
pub fn ledger(results: &Results, cluster: &Cluster, output: &Output) -> anyhow::Result<Ledger> {
    joined(results, cluster, output, |names| slurm::patiently(&mut |text| output.note(text), || slurm::squeue(names)))
}

/// The submissions with what the cluster says of them, asked once.
pub fn glance(results: &Results, cluster: &Cluster, output: &Output) -> anyhow::Result<Ledger> {
    joined(results, cluster, output, slurm::squeue)
}

fn joined(
    results: &Results,
    cluster: &Cluster,
    output: &Output,
    ask: impl FnOnce(&[String]) -> Result<Vec<Queued>, SlurmError>,
) -> anyhow::Result<Ledger> {
    let submissions = submissions(results, output)?;
    let queued = ask(&Ledger::job_names(&submissions))?;
    Ok(Ledger::new(submissions, queued, &cluster.name))
}
