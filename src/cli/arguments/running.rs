//! Arguments of the commands that run trials, here or on a cluster, and look after them.

use clap::Args;

use super::Selection;
use crate::cli::executor::{Executor, SlurmOptions};
use crate::train::TRACED;

/// What a run may use.
#[derive(Debug, Args)]
pub struct Resources {
    /// Device to train on: auto (the first GPU, if it can be used), cpu, cuda:N, or cuda:FIRST-LAST, GPUs that train
    /// each trial together
    #[arg(long, default_value = "auto", value_name = "DEVICE")]
    pub device: String,
    /// Trials at a time; on a CPU they share the cores out. If not given, as many as there are cores; on a GPU as many
    /// as its free memory, the work of their training steps and the cores allow, at most 8; on several GPUs 1
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub jobs: Option<u16>,
}

#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  repro run table1\n  repro run table1 --scale short --only dataset=covtype --trials 3\n  repro run my-experiment.json --only method=moco,imix=on --jobs 1\n  repro run table2 --scale paper --only dataset=imagenet1k --device cuda:0-7\n  repro run table1 --scale short --executor slurm --gpus 1 --time 4:00:00 --array-limit 20 -- --account=lab"
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

fn seconds(text: &str) -> Result<f64, String> {
    let seconds = text.parse().ok().filter(|seconds: &f64| seconds.is_finite() && *seconds >= 0.0);
    seconds.ok_or_else(|| "expected a number of seconds, 0 or more".to_owned())
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
    /// Only tasks that no other experiment than this needs: an id, as `repro list` shows it, or the path of an
    /// experiment file; all tasks if not given, or with `all`
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
    /// Device to do them on: auto, cpu, cuda:N or cuda:FIRST-LAST. On another kind than they were made on, bits differ
    #[arg(long, default_value = "cpu", value_name = "DEVICE")]
    pub device: String,
    /// Take whole epochs again instead, and compare with the metrics of each
    #[arg(long, value_name = "N", conflicts_with = "steps", value_parser = clap::value_parser!(u16).range(1..))]
    pub epochs: Option<u16>,
    /// Print JSON: an array with an object for each run
    #[arg(long)]
    pub json: bool,
}
