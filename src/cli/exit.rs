//! Exit codes, as documented in `repro --help` and the README.

use std::process::ExitCode;

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// Everything asked for was done.
    Done = 0,
    /// At least one trial failed; the others ran.
    Failed = 1,
    /// The command could not be carried out: a wrong argument, experiment file, data file or environment.
    Usage = 2,
    /// `repro run` had nothing to do, every trial being done already, or `repro cancel` had nothing to cancel.
    NothingToDo = 3,
    /// `repro compare --strict`: a published number is not reproduced, or a claim does not hold.
    NotReproduced = 4,
    /// Stopped by a signal, with a checkpoint; run the same command again to go on.
    Interrupted = 130,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        ExitCode::from(exit as u8)
    }
}
