//! Hands trials to Slurm, and keeps count of what it was handed.
//!
//! [`group`] turns a graph of work into job arrays: a task for each pretext run, and the evaluations of its encoder as a
//! task of a second array that waits for it. A [`Submission`] is the record of that, kept in the results folder beside its
//! batch [`script`]s; each task finds its work there and does it in its [turn](Turn). What became of a task is told by the
//! folders of its work together with `squeue` ([`Ledger`], [`status`]).
//!
//! Names of jobs carry the id of their submission, so a job is found again even where its submitter died before it could
//! write the job's number down.

mod client;
mod group;
mod ledger;
mod queue;
mod resources;
mod script;
mod settle;
mod status;
mod submission;
mod submit;
mod turn;

pub use client::{Cluster, SlurmError, cluster, patiently, scancel, squeue};
pub use group::{After, Array, Piece, TaskId, group};
pub use ledger::{Ledger, LedgerTask};
pub use queue::{Queued, SlurmState};
pub use resources::{Resources, ResourcesError, TimeLimit};
pub use script::{Node, ScriptError, command_line, sbatch_arguments, script};
pub use settle::{open_work, settle};
pub use status::{Advice, TaskState, TaskStatus, status};
pub use submission::Submission;
pub use submit::{SubmitError, submit};
pub use turn::{Assignment, Turn, TurnError, take_turn};
