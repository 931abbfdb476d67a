//! Raw arguments, as clap reads them.

mod experiments;
mod files;
mod machine;
mod running;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::experiment::{Filter, Scale};

pub use experiments::{Check, Compare, List, New, Plan, Report, Views, Why};
pub use files::{Data, DataAction, DataName, Evaluate, Export, ExportFormat};
pub use machine::{Bench, Selftest};
pub use running::{Cancel, Resources, Run, SlurmTask, Status, Verify, Watch};

/// Re-runs the i-Mix paper (ICLR 2021) and says, number by number, whether it came out.
#[derive(Debug, Parser)]
#[command(name = "repro", version, arg_required_else_help = true, after_help = EXAMPLES)]
pub struct Arguments {
    #[command(flatten)]
    pub common: Common,
    #[command(subcommand)]
    pub command: Command,
}

const EXAMPLES: &str = "\
Examples:
  repro run table1                          a demo on embedded data, minutes on a CPU
  repro plan table1 --scale paper           what the published settings cost on this machine
  repro run table1 --scale short --only dataset=covtype
  repro compare table1 --scale short        ours beside the paper's, with a verdict for each claim
  repro new mine --from table1              an experiment of your own, to change and `repro check`

Exit codes:
  0    everything asked for was done
  1    at least one trial failed; the others ran
  2    wrong argument, experiment file, data file or environment
  3    nothing to do
  4    `repro compare --strict`: a number or a claim is not reproduced; `repro verify`: a run does not come out again
  130  stopped by a signal, with a checkpoint: run the same command again to go on";

/// Options that every command takes.
#[derive(Debug, Args)]
pub struct Common {
    /// Folder of trained encoders and evaluations
    #[arg(long, global = true, value_name = "DIR", default_value = "results")]
    pub results: PathBuf,
    /// Folder that reports are written to
    #[arg(long, global = true, value_name = "DIR", default_value = "reports")]
    pub reports: PathBuf,
    /// Folder of data sets; looked in before REPRO_DATA and the user's cache
    #[arg(long, global = true, value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// Say nothing on stderr but errors
    #[arg(long, short, global = true)]
    pub quiet: bool,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// List the experiments, their cells, and how many trials are done at each scale
    List(List),
    /// Check experiment files without running anything or needing any data
    Check(Check),
    /// Start an experiment file of your own from another one
    New(New),
    /// Say what a run would do and cost, without doing it
    Plan(Plan),
    /// Run the trials of an experiment that are not done yet, then write its report
    Run(Run),
    /// Show how far the trials are that run now, from another terminal or another machine
    Watch(Watch),
    /// Say how the trials are that were handed to Slurm
    Status(Status),
    /// Cancel trials that were handed to Slurm
    Cancel(Cancel),
    /// Write the report of an experiment from the results at hand
    Report(Report),
    /// Set the results beside the paper's numbers, with a verdict for each cell and claim
    Compare(Compare),
    /// Say which settings of a trial differ from those of a finished one
    Why(Why),
    /// Do finished runs again, or their first steps, and compare with what they recorded
    Verify(Verify),
    /// Draw what the encoders see: originals, both views and mixed inputs of a batch
    Views(Views),
    /// Write the encoder of a finished run as a file that PyTorch loads
    Export(Export),
    /// Run the evaluations of an experiment on an encoder from elsewhere
    Evaluate(Evaluate),
    /// Show, fetch or verify data sets
    Data(Data),
    /// Check that a device computes what it should, kernel by kernel and in whole training steps
    Selftest(Selftest),
    /// Measure how fast a device trains the paper's networks
    Bench(Bench),
    /// One worker process of a run; speaks JSON lines on stdin and stdout
    #[command(hide = true)]
    Worker,
    /// One task of a job array; finds its work in the record of its submission
    #[command(hide = true)]
    SlurmTask(SlurmTask),
}

/// The experiment a command is about.
#[derive(Debug, Args)]
pub struct Selection {
    /// An experiment's id, as `repro list` shows it, `all` of them, or the path of an experiment file
    #[arg(value_name = "EXP")]
    pub experiment: String,
    /// Size of the run: `demo` (embedded data, minutes), `short` (real data, hours), `paper` (as published)
    #[arg(long, default_value = "demo")]
    pub scale: Scale,
    /// Only the cells with these axis values; several values of one axis are alternatives
    #[arg(long, value_name = "AXIS=VALUE,...", default_value = "")]
    pub only: Filter,
    /// Trials of each cell, instead of the number that the scale asks for
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub trials: Option<u16>,
}
