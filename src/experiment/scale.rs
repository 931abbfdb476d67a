//! How much of the paper's effort a run spends.

use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// An overlay in the experiment file. It changes settings, never code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Scale {
    /// Embedded data, minutes on a CPU.
    Demo,
    /// Real data, hours on one GPU or less.
    Short,
    /// As published.
    Paper,
}

impl Scale {
    pub const ALL: [Scale; 3] = [Scale::Demo, Scale::Short, Scale::Paper];

    pub fn id(self) -> &'static str {
        match self {
            Scale::Demo => "demo",
            Scale::Short => "short",
            Scale::Paper => "paper",
        }
    }
}

impl std::fmt::Display for Scale {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.id())
    }
}

impl FromStr for Scale {
    type Err = String;

    fn from_str(text: &str) -> Result<Scale, String> {
        Scale::ALL
            .into_iter()
            .find(|scale| scale.id() == text)
            .ok_or_else(|| format!("expected demo, short or paper, found `{text}`"))
    }
}
