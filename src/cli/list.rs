//! `repro list`.

use super::arguments::{Common, List};
use super::{Exit, Output};

pub fn execute(_arguments: List, _common: &Common, _output: &Output) -> anyhow::Result<Exit> {
    anyhow::bail!("not there yet")
}
