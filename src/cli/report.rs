//! `repro report`.

use super::arguments::{Common, Report};
use super::{Exit, Output};

pub fn execute(_arguments: Report, _common: &Common, _output: &Output) -> anyhow::Result<Exit> {
    anyhow::bail!("not there yet")
}
