//! Arguments of the commands about this machine.

use clap::{Args, ValueEnum};

#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  repro selftest\n  repro selftest --device cuda:0 --precision bf16\n\nA GPU is checked against the CPU, and the CPU against plain definitions. Exits with 1 where a check fails."
)]
pub struct Selftest {
    /// Device to check: auto (the first GPU, if it can be used), cpu or cuda:N
    #[arg(long, default_value = "auto", value_name = "DEVICE")]
    pub device: String,
    /// What factors of products, and activations, are rounded to; the CPU can f32 only
    #[arg(long, value_enum, default_value = "f32")]
    pub precision: Precision,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  repro bench --quick\n  repro bench --device cuda:0 --precision bf16 --json\n\nSteps are those of N-pair with i-Mix, both views, from inputs in memory to the changed weights."
)]
pub struct Bench {
    /// Device to measure: auto (the first GPU, if it can be used), cpu or cuda:N
    #[arg(long, default_value = "auto", value_name = "DEVICE")]
    pub device: String,
    /// What factors of products, and activations, are rounded to, or several; whatever the device can if not
    /// given
    #[arg(long, value_enum, value_delimiter = ',')]
    pub precision: Vec<Precision>,
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
    /// Factors rounded to 7 bits behind the point, on tensor cores, and activations kept so
    Bf16,
}

impl From<Precision> for crate::kernels::Precision {
    fn from(precision: Precision) -> crate::kernels::Precision {
        match precision {
            Precision::F32 => crate::kernels::Precision::F32,
            Precision::Tf32 => crate::kernels::Precision::Tf32,
            Precision::Bf16 => crate::kernels::Precision::Bf16,
        }
    }
}
