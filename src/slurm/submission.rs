//! The record of what was handed to Slurm.
//!
//! `results/slurm/<id>/` holds `submission.json`, the batch script of each array, `0.sh` and so on, and what its tasks
//! said, `0-<task>.log`.

use std::fs;
use std::io;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::store::{Results, StoreError, checksum, read_sealed, write_sealed};

use super::{Array, Resources};

const RECORD: &str = "submission.json";

/// Content of `submission.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Submission {
    /// Names its folder and, in part, its jobs.
    pub id: String,
    /// What the cluster calls itself.
    pub cluster: String,
    /// Seconds since 1970.
    pub submitted_at: u64,
    /// The command line that made it.
    pub command: Vec<String>,
    /// The folder of data sets that was given on it.
    pub data: Option<PathBuf>,
    /// Least seconds between two checkpoints.
    pub checkpoint_seconds: f64,
    pub resources: Resources,
    pub arrays: Vec<Array>,
}

impl Submission {
    /// An id that no other submission has, of any results folder on the cluster. Ids sort by time.
    pub fn new_id(results: &Results, now: u64) -> String {
        let own = format!("{} {} {now}", results.root().display(), std::process::id());
        format!("{now:010}-{}", &checksum(own.as_bytes())[..8])
    }

    /// The folder that holds all submissions.
    pub fn all_in(results: &Results) -> PathBuf {
        results.root().join("slurm")
    }

    /// The folder of this one.
    pub fn folder(&self, results: &Results) -> PathBuf {
        Submission::all_in(results).join(&self.id)
    }

    /// Where an array's batch script lies.
    pub fn script_path(&self, results: &Results, array: usize) -> PathBuf {
        self.folder(results).join(format!("{array}.sh"))
    }

    /// Where a task writes what it says.
    pub fn log_path(&self, results: &Results, array: usize, index: usize) -> PathBuf {
        self.folder(results).join(format!("{array}-{index}.log"))
    }

    /// What Slurm calls an array.
    pub fn job_name(&self, array: usize) -> String {
        format!("repro-{}.{array}", self.id)
    }

    pub fn write(&self, results: &Results) -> Result<(), StoreError> {
        let folder = self.folder(results);
        fs::create_dir_all(&folder).map_err(StoreError::io(&folder))?;
        write_sealed(&folder.join(RECORD), self)
    }

    /// Takes its folder away: nothing of it came to Slurm.
    pub fn remove(&self, results: &Results) -> Result<(), StoreError> {
        let folder = self.folder(results);
        fs::remove_dir_all(&folder).map_err(StoreError::io(&folder))
    }

    /// The submission with this id.
    ///
    /// # Errors
    /// There is none, or it cannot be read.
    pub fn read(results: &Results, id: &str) -> Result<Submission, StoreError> {
        let path = Submission::all_in(results).join(id).join(RECORD);
        let missing = || io::Error::new(io::ErrorKind::NotFound, "it is gone");
        read_sealed(&path)?.ok_or_else(|| StoreError::io(&path)(missing()))
    }

    /// Every submission, the oldest first, and those that cannot be read.
    ///
    /// # Errors
    /// The folder of submissions cannot be read.
    pub fn all(results: &Results) -> Result<(Vec<Submission>, Vec<StoreError>), StoreError> {
        let folder = Submission::all_in(results);
        let entries = match fs::read_dir(&folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Default::default()),
            Err(error) => return Err(StoreError::io(&folder)(error)),
        };
        let (mut found, mut unreadable) = (Vec::new(), Vec::new());
        for entry in entries {
            let path = entry.map_err(StoreError::io(&folder))?.path().join(RECORD);
            match read_sealed::<Submission>(&path) {
                Ok(submission) => found.extend(submission),
                // A file in the folder is no submission, such as the lock.
                Err(StoreError::Io { source, .. }) if source.kind() == io::ErrorKind::NotADirectory => {}
                Err(error) => unreadable.push(error),
            }
        }
        found.sort_by(|one, other| one.id.cmp(&other.id));
        Ok((found, unreadable))
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub fn submission(id: &str, resources: Resources, arrays: Vec<Array>) -> Submission {
        Submission {
            id: id.to_owned(),
            cluster: "here".to_owned(),
            submitted_at: 1_795_756_000,
            command: vec!["repro".to_owned(), "run".to_owned()],
            data: None,
            checkpoint_seconds: 30.0,
            resources,
            arrays,
        }
    }

    #[test]
    fn records_are_found_again_the_oldest_first() {
        let root = tempfile::tempdir().unwrap();
        let results = Results::new(root.path());
        assert_eq!(Submission::all(&results).unwrap().0, []);
        let array = Array { after: super::super::After::Nothing, tasks: Vec::new(), job: Some(7) };
        let records = ["2", "1"].map(|id| submission(id, Resources::default(), vec![array.clone()]));
        records.iter().for_each(|record| record.write(&results).unwrap());
        let all = Submission::all_in(&results);
        fs::write(all.join("lock"), "").unwrap();
        fs::create_dir(all.join("3")).unwrap();
        fs::write(all.join("3").join(RECORD), "{").unwrap();

        let (found, unreadable) = Submission::all(&results).unwrap();
        assert_eq!(found, [records[1].clone(), records[0].clone()]);
        assert_eq!(unreadable.len(), 1);
        assert!(unreadable[0].to_string().contains("submission.json"), "{}", unreadable[0]);
        assert_eq!(Submission::read(&results, "2").unwrap(), records[0]);
        records[0].remove(&results).unwrap();
        assert!(Submission::read(&results, "2").unwrap_err().to_string().contains("it is gone"));
    }

    #[test]
    fn ids_differ_between_results_folders_and_sort_by_time() {
        let id = |root: &str, now| Submission::new_id(&Results::new(root), now);
        assert_ne!(id("/a", 5), id("/b", 5));
        assert!(id("/a", 999_999_999) < id("/a", 1_000_000_000));
        assert_eq!(submission("5-ab", Resources::default(), Vec::new()).job_name(1), "repro-5-ab.1");
    }
}
