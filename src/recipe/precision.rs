//! What a device rounds to.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What factors of products and, in bf16, activations and their gradients are rounded to. Sums, statistics, parameters and
/// their gradients are f32; the gradients of convolutions' weights are rounded in bf16, as cuDNN writes them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Precision {
    /// As the official code's.
    #[default]
    F32,
    /// 10 bits behind the point, on a GPU's tensor cores.
    Tf32,
    /// 7 bits behind the point, on a GPU's tensor cores.
    Bf16,
}

impl Precision {
    pub const ALL: [Precision; 3] = [Precision::F32, Precision::Tf32, Precision::Bf16];

    /// What recipes leave out, so that one that names it has the address of one that does not.
    pub fn is_f32(&self) -> bool {
        *self == Precision::F32
    }
}

impl std::fmt::Display for Precision {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Precision::F32 => "f32",
            Precision::Tf32 => "tf32",
            Precision::Bf16 => "bf16",
        })
    }
}
