//! Arguments of the commands about encoders and data sets.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use crate::experiment::{Filter, Scale};

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
pub struct DataName {
    /// A data set's name, as `repro data status` shows it; all of them if not given
    pub name: Option<String>,
}
