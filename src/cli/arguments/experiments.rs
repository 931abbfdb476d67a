//! Arguments of the commands about experiments and their reports.

use std::path::PathBuf;

use clap::Args;

use super::machine::Precision;
use super::{Resources, Selection};
use crate::experiment::{Filter, Scale};

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
    /// What factors of products, and activations, are rounded to while encoders are trained; anything but f32
    /// needs a GPU
    #[arg(long, value_enum)]
    pub precision: Option<Precision>,
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
