//! `repro plan`.

use super::arguments::{Common, Plan};
use super::{Exit, Output};

pub fn execute(_arguments: Plan, _common: &Common, _output: &Output) -> anyhow::Result<Exit> {
    anyhow::bail!("not there yet")
}
