//! `repro run`.

use super::arguments::{Common, Run};
use super::{Exit, Output};

pub fn execute(_arguments: Run, _common: &Common, _output: &Output) -> anyhow::Result<Exit> {
    anyhow::bail!("not there yet")
}
