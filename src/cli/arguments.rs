//! Raw arguments, as clap reads them.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use super::executor::{Executor, SlurmOptions};
use crate::experiment::{Filter, Scale};
use crate::train::TRACED;

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

#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  repro list\n  repro list --json")]
pub struct List {
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  repro check my-experiment.json\n  repro check table1 *.json --json\n  repro check all\n\nExits with 0 where every file is fine, with 2 where one is not."
)]
pub struct Check {
    /// Paths of experiment files, ids that `repro list` shows, or `all` of these
    #[arg(value_name = "FILE", required = true)]
    pub files: Vec<String>,
    /// Print JSON: an array with an object for each file
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  repro new mine --from table1 --only dataset=covtype,method=moco\n  repro new wider --from mine.json --output studies/wider.json"
)]
pub struct New {
    /// Id of the new experiment: lower-case letters, digits, `-`, `_` and `.`
    #[arg(value_name = "EXP")]
    pub experiment: String,
    /// The experiment to start from: an id, as `repro list` shows it, or the path of an experiment file
    #[arg(long, value_name = "EXP")]
    pub from: String,
    /// Only the cells with these axis values; several values of one axis are alternatives
    #[arg(long, value_name = "AXIS=VALUE,...", default_value = "")]
    pub only: Filter,
    /// File to write; EXP.json in this folder if not given
    #[arg(long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Write over a file that exists
    #[arg(long)]
    pub force: bool,
}

#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  repro plan table1\n  repro plan table1 --scale paper --only dataset=covtype --json"
)]
pub struct Plan {
    #[command(flatten)]
    pub selection: Selection,
    #[command(flatten)]
    pub resources: Resources,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// What a run may use.
#[derive(Debug, Args)]
pub struct Resources {
    /// Device to train on: auto (the first GPU, if it can be used), cpu or cuda:N
    #[arg(long, default_value = "auto", value_name = "DEVICE")]
    pub device: String,
    /// Trials at a time; on a CPU they share the cores out. As many as there are cores if not given, 1 on a GPU
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub jobs: Option<u16>,
}

#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  repro run table1\n  repro run table1 --scale short --only dataset=covtype --trials 3\n  repro run my-experiment.json --only method=moco,imix=on --jobs 1\n  repro run table1 --scale short --executor slurm --gpus 1 --time 4:00:00 --array-limit 20 -- --account=lab"
)]
pub struct Run {
    #[command(flatten)]
    pub selection: Selection,
    #[command(flatten)]
    pub resources: Resources,
    /// Least time between two checkpoints of a trial, in seconds; 0 writes one after every step
    #[arg(long, value_name = "SECONDS", default_value = "30", value_parser = seconds)]
    pub checkpoint_every: f64,
    /// Where the trials run
    #[arg(long, value_enum, default_value = "local")]
    pub executor: Executor,
    #[command(flatten)]
    pub slurm: SlurmOptions,
}

#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  repro watch\n  repro watch table1 --results /shared/results\n  repro watch --once --json\n\nIt only reads the results folder, and ends when nothing runs there any more."
)]
pub struct Watch {
    /// Only work that was started for this experiment: an id, as `repro list` shows it, or the path of an experiment
    /// file; whatever runs if not given, or with `all`
    #[arg(value_name = "EXP")]
    pub experiment: Option<String>,
    /// Say it once, as a table, and end
    #[arg(long)]
    pub once: bool,
    /// Print JSON: an array of what runs now; implies --once
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  repro status\n  repro status table1 --json\n\nIt joins the results folder's record of submissions with what squeue says."
)]
pub struct Status {
    /// Only tasks of this experiment: an id, as `repro list` shows it, or the path of an experiment file; all tasks if
    /// not given, or with `all`
    #[arg(value_name = "EXP")]
    pub experiment: Option<String>,
    /// Print JSON: an array with an object for each task, those that are done included
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  repro cancel\n  repro cancel table1\n\nExits with 3 where nothing was to be cancelled."
)]
pub struct Cancel {
    /// Only tasks that no other experiment than this needs: an id, as `repro list` shows it, or the path of an experiment
    /// file; all tasks if not given, or with `all`
    #[arg(value_name = "EXP")]
    pub experiment: Option<String>,
}

#[derive(Debug, Args)]
pub struct SlurmTask {
    /// Id of the submission
    pub submission: String,
    /// Which of its arrays
    pub array: usize,
}

fn seconds(text: &str) -> Result<f64, String> {
    let seconds = text.parse().ok().filter(|seconds: &f64| seconds.is_finite() && *seconds >= 0.0);
    seconds.ok_or_else(|| "expected a number of seconds, 0 or more".to_owned())
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  repro report table1\n  repro report table1 --scale short --reports /tmp/reports")]
pub struct Report {
    #[command(flatten)]
    pub selection: Selection,
}

#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  repro compare table1\n  repro compare table1 --scale short --only dataset=covtype --json"
)]
pub struct Compare {
    #[command(flatten)]
    pub selection: Selection,
    /// Print JSON: an array of cells
    #[arg(long)]
    pub json: bool,
    /// Exit with 4 unless every published number is reproduced and every claim holds
    #[arg(long)]
    pub strict: bool,
}

#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  repro why table1 --only dataset=covtype,method=moco,imix=on\n  repro why table1 --scale short --only method=byol"
)]
pub struct Why {
    #[command(flatten)]
    pub selection: Selection,
}

#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  repro verify 1f3a9c\n  repro verify all --results /shared/results\n  repro verify results/pretext/1f3a9c04d2b7e6580a91 --epochs 1\n\nNothing is written. On one kind of processor the bits have to be the same; on another the numbers agree to rounding.\nExits with 0 where all agree, with 4 where one differs, with 2 where one cannot be verified."
)]
pub struct Verify {
    /// Folders of finished runs, the first digits of their addresses, or `all` in the results folder. Evaluations are
    /// done again whole
    #[arg(value_name = "RUN", required = true)]
    pub runs: Vec<String>,
    /// First steps of each pretext run to take again; the weights are compared after the last that is recorded
    #[arg(long, value_name = "N", default_value_t = TRACED as u16, value_parser = clap::value_parser!(u16).range(1..=TRACED as i64))]
    pub steps: u16,
    /// Device to do them on: auto, cpu or cuda:N. On another kind than they were made on, bits differ
    #[arg(long, default_value = "cpu", value_name = "DEVICE")]
    pub device: String,
    /// Take whole epochs again instead, and compare with the metrics of each
    #[arg(long, value_name = "N", conflicts_with = "steps", value_parser = clap::value_parser!(u16).range(1..))]
    pub epochs: Option<u16>,
    /// Print JSON: an array with an object for each run
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  repro views table1 --only dataset=cifar10\n  repro views table1 --scale short --only dataset=cifar10,method=npair,imix=on --items 16 --output views.png\n\nThe draws are those of training. Of several cells, the first that mixes is shown."
)]
pub struct Views {
    /// An experiment's id, as `repro list` shows it, or the path of an experiment file
    #[arg(value_name = "EXP")]
    pub experiment: String,
    /// Whose data and settings count: `demo`, `short` or `paper`
    #[arg(long, default_value = "demo")]
    pub scale: Scale,
    /// Only the cells with these axis values
    #[arg(long, value_name = "AXIS=VALUE,...", default_value = "")]
    pub only: Filter,
    /// Items to show
    #[arg(long, value_name = "N", default_value = "8", value_parser = clap::value_parser!(u16).range(1..=256))]
    pub items: u16,
    /// Seed of the trial
    #[arg(long, value_name = "N", default_value = "0")]
    pub seed: u64,
    /// Epoch whose first batch is shown, from 1
    #[arg(long, value_name = "N", default_value = "1", value_parser = clap::value_parser!(u16).range(1..))]
    pub epoch: u16,
    /// File to write; views-CELL.png in the folder of the experiment's report if not given
    #[arg(long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Folder to write each item and its two views to as sound, in WAV files; speech only
    #[arg(long, value_name = "DIR")]
    pub wav: Option<PathBuf>,
}

#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  repro export 1f3a9c\n  repro export results/pretext/1f3a9c04d2b7e6580a91 --output encoder.safetensors\n\nAddresses of runs are the names of the folders in results/pretext."
)]
pub struct Export {
    /// Folder of a finished pretext run, or the first digits of its address
    #[arg(value_name = "RUN")]
    pub run: String,
    /// Format of the file
    #[arg(long, value_enum, default_value = "safetensors")]
    pub format: ExportFormat,
    /// File to write; encoder-DATASET-METHOD-ADDRESS.safetensors (or .pkl) in this folder if not given
    #[arg(long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Write over a file that exists
    #[arg(long)]
    pub force: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum ExportFormat {
    /// Tensors under torchvision's names and those of the official code
    Safetensors,
    /// A pickle for detectron2, as MoCo's converter writes it; ResNets with the ImageNet stem only
    Detectron2,
}

#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  repro evaluate table1 --encoder checkpoint.pth --only dataset=cifar10 --scale short\n  repro evaluate table1 --encoder encoder.safetensors --only dataset=covtype --json\n\nThe encoder is a safetensors file or what torch.save wrote: a state dict, one under `state_dict` or `model`, or a\ncheckpoint of the official i-Mix code or of MoCo."
)]
pub struct Evaluate {
    /// An experiment's id, as `repro list` shows it, or the path of an experiment file
    #[arg(value_name = "EXP")]
    pub experiment: String,
    /// File of the encoder
    #[arg(long, value_name = "FILE")]
    pub encoder: PathBuf,
    /// Whose data and evaluation settings count: `demo`, `short` or `paper`
    #[arg(long, default_value = "demo")]
    pub scale: Scale,
    /// Only the cells with these axis values; those left have to agree on data and evaluation
    #[arg(long, value_name = "AXIS=VALUE,...", default_value = "")]
    pub only: Filter,
    /// Seed of the classifiers
    #[arg(long, value_name = "N", default_value = "0")]
    pub seed: u64,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  repro data status\n  repro data fetch covtype\n  repro data verify --data ~/datasets\n\nEnvironment:\n  REPRO_DATA          folder of data sets; looked in after --data DIR and before the user's cache\n  REPRO_DATA_URL      base address of a mirror to fetch from: BASE/covtype/covtype.data.gz and the like\n  REPRO_DATA_TIMEOUT  seconds to wait for a connection or for the next bytes of a download (30)"
)]
pub struct Data {
    #[command(subcommand)]
    pub action: DataAction,
}

#[derive(Debug, Subcommand)]
pub enum DataAction {
    /// Say which data sets are at hand, and where
    Status(DataName),
    /// Download a data set, resuming what an earlier try left
    Fetch(DataName),
    /// Check the data sets at hand against their published checksums
    Verify(DataName),
}

#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  repro selftest\n  repro selftest --device cuda:0 --precision tf32\n\nA GPU is checked against the CPU, and the CPU against plain definitions. Exits with 1 where a check fails."
)]
pub struct Selftest {
    /// Device to check: auto (the first GPU, if it can be used), cpu or cuda:N
    #[arg(long, default_value = "auto", value_name = "DEVICE")]
    pub device: String,
    /// How a GPU multiplies
    #[arg(long, value_enum, default_value = "f32")]
    pub precision: Precision,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  repro bench --quick\n  repro bench --device cuda:0 --precision tf32 --json\n\nSteps are those of N-pair with i-Mix, both views, from inputs in memory to the changed weights."
)]
pub struct Bench {
    /// Device to measure: auto (the first GPU, if it can be used), cpu or cuda:N
    #[arg(long, default_value = "auto", value_name = "DEVICE")]
    pub device: String,
    /// How a GPU multiplies
    #[arg(long, value_enum, default_value = "f32")]
    pub precision: Precision,
    /// Narrow networks and small batches, for seconds instead of minutes; nothing is projected
    #[arg(long)]
    pub quick: bool,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum Precision {
    F32,
    /// Factors rounded to 10 bits behind the point, on tensor cores
    Tf32,
}

impl From<Precision> for crate::kernels::Precision {
    fn from(precision: Precision) -> crate::kernels::Precision {
        match precision {
            Precision::F32 => crate::kernels::Precision::F32,
            Precision::Tf32 => crate::kernels::Precision::Tf32,
        }
    }
}

#[derive(Debug, Args)]
pub struct DataName {
    /// A data set's name, as `repro data status` shows it; all of them if not given
    pub name: Option<String>,
}
