//! `repro worker`: one process of a run.

use super::Exit;
use super::arguments::Common;

pub fn execute(_common: &Common) -> anyhow::Result<Exit> {
    anyhow::bail!("not there yet")
}
