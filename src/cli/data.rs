//! `repro data`.

use super::arguments::{Common, Data};
use super::{Exit, Output};

pub fn execute(_arguments: Data, _common: &Common, _output: &Output) -> anyhow::Result<Exit> {
    anyhow::bail!("not there yet")
}
