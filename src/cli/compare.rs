//! `repro compare`.

use super::arguments::{Common, Compare};
use super::{Exit, Output};

pub fn execute(_arguments: Compare, _common: &Common, _output: &Output) -> anyhow::Result<Exit> {
    anyhow::bail!("not there yet")
}
