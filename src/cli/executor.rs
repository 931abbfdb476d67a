//! Where trials run, and the options that go with it.

use clap::{Args, ValueEnum};

use super::arguments;
use crate::kernels::DeviceError;
use crate::kernels::device::check_ranks;
use crate::slurm::{Resources, TimeLimit};

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Executor {
    /// In worker processes on this machine
    #[default]
    Local,
    /// As job arrays of the Slurm cluster that this machine belongs to
    Slurm,
}

/// Options for `--executor slurm`.
#[derive(Debug, Args)]
#[command(next_help_heading = "With --executor slurm")]
pub struct SlurmOptions {
    /// Partition of the cluster; the cluster's default one if not given
    #[arg(long, value_name = "NAME")]
    partition: Option<String>,
    /// GPUs of a task; a trial trains on all of them together
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    gpus: Option<u16>,
    /// Cores of a task; 1 if not given
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    cpus: Option<u16>,
    /// Time limit of a task, as Slurm writes it: MINUTES, HOURS:MINUTES:SECONDS, DAYS-HOURS and the like. Before it is
    /// up the task writes a checkpoint and is requeued
    #[arg(long, value_name = "TIME")]
    time: Option<TimeLimit>,
    /// Tasks of an array at a time
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    array_limit: Option<u16>,
    /// Wait for the end of all tasks, then write the report
    #[arg(long)]
    pub wait: bool,
    /// Print the batch scripts and submit nothing
    #[arg(long, conflicts_with = "wait")]
    pub dry_run: bool,
    /// Further options for sbatch, after `--`; they overrule the others
    #[arg(last = true, value_name = "SBATCH OPTION")]
    extra: Vec<String>,
}

/// Whether this build can have several GPUs train one trial.
pub fn trains_on_several() -> bool {
    !matches!(check_ranks(), Err(DeviceError::NotBuilt | DeviceError::RanksNotBuilt))
}

impl SlurmOptions {
    /// What each task asks for.
    pub fn resources(&self) -> Resources {
        Resources {
            partition: self.partition.clone(),
            gpus: self.gpus,
            cpus: self.cpus.unwrap_or(1),
            time: self.time.clone(),
            array_limit: self.array_limit,
            extra: self.extra.clone(),
        }
    }

    /// Whether a task is sure or likely to have a GPU.
    pub fn asks_for_a_gpu(&self) -> bool {
        self.gpus.is_some() || self.extra.iter().any(|option| option.contains("gpu") || option.contains("gres"))
    }

    /// The first of these options that was given.
    fn given(&self) -> Option<&'static str> {
        let given = [
            ("--partition", self.partition.is_some()),
            ("--gpus", self.gpus.is_some()),
            ("--cpus", self.cpus.is_some()),
            ("--time", self.time.is_some()),
            ("--array-limit", self.array_limit.is_some()),
            ("--wait", self.wait),
            ("--dry-run", self.dry_run),
            ("-- SBATCH OPTION", !self.extra.is_empty()),
        ];
        given.into_iter().find(|(_, given)| *given).map(|(flag, _)| flag)
    }

    /// Makes sure that these options, and those about this machine, fit the executor.
    pub fn check(&self, executor: Executor, local: &arguments::Resources) -> anyhow::Result<()> {
        match executor {
            Executor::Local => {
                if let Some(flag) = self.given() {
                    anyhow::bail!("{flag} is for --executor slurm: add that, or leave {flag} out");
                }
            }
            Executor::Slurm => {
                anyhow::ensure!(
                    local.jobs.is_none(),
                    "--jobs is for --executor local: with Slurm, --array-limit is how many tasks run at a time and \
                     --cpus how many cores each has"
                );
                anyhow::ensure!(
                    local.device == "auto",
                    "--device is for --executor local: with Slurm a task takes the GPU that --gpus gives it, else the CPU"
                );
                let gpus = self.resources().gpus_of_trial();
                // The nodes may have the libraries that this machine lacks.
                anyhow::ensure!(
                    gpus == 1 || trains_on_several(),
                    "--gpus {gpus}: a trial trains on all GPUs of its task, which takes a build with \
                     `cargo build --release --features nccl` (see docs/cuda.md); --gpus 1 does without"
                );
                self.resources().check()?;
            }
        }
        Ok(())
    }
}
