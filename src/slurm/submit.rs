//! Brings a submission's arrays to Slurm.

use thiserror::Error;

use crate::runner::forget_failure;
use crate::store::{Results, StoreError, write_atomic};

use super::client::{sbatch, squeue};
use super::script::sbatch_arguments;
use super::{SlurmError, Submission};

/// A submission that came to Slurm in part or not at all.
#[derive(Debug, Error)]
pub enum SubmitError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(
        "Slurm took {submitted} of {arrays} job arrays; once the cause is mended, the same command submits what is left"
    )]
    Slurm { submitted: usize, arrays: usize, source: SlurmError },
}

/// Submits the arrays in turn. The record stands before the first task can begin, and has every job's number as soon as
/// that is known; failures of earlier tries are taken away.
///
/// # Errors
/// What was submitted up to then stays, and the record holds no more than that.
pub fn submit(submission: &mut Submission, scripts: &[String], results: &Results) -> Result<(), SubmitError> {
    for piece in submission.arrays.iter().flat_map(|array| array.tasks.iter().flatten()) {
        forget_failure(&piece.work, results)?;
    }
    submission.write(results)?;
    for (array, script) in scripts.iter().enumerate() {
        let path = submission.script_path(results, array);
        write_atomic(&path, script.as_bytes()).map_err(StoreError::io(&path))?;
        let arrays = &submission.arrays;
        let number = |other: usize| arrays[other].job.map_or(String::new(), |job| job.to_string());
        let arguments = sbatch_arguments(submission, array, &number);
        let job = sbatch(&arguments, &path).or_else(|error| found_out(submission, array).ok_or(error));
        match job {
            Ok(job) => submission.arrays[array].job = Some(job),
            Err(source) => {
                let arrays = submission.arrays.len();
                submission.arrays.truncate(array);
                if array == 0 {
                    submission.remove(results)?
                } else {
                    submission.write(results)?
                }
                return Err(SubmitError::Slurm { submitted: array, arrays, source });
            }
        }
        submission.write(results)?;
    }
    Ok(())
}

/// The job of an array that Slurm took although its answer got lost.
fn found_out(submission: &Submission, array: usize) -> Option<u64> {
    let found = squeue(&[submission.job_name(array)]).ok()?;
    found.first().map(|queued| queued.task.job)
}
