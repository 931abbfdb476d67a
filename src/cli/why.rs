//! `repro why`.

use super::arguments::{Common, Why};
use super::{Exit, Output};

pub fn execute(_arguments: Why, _common: &Common, _output: &Output) -> anyhow::Result<Exit> {
    anyhow::bail!("not there yet")
}
