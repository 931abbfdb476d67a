//! `repro worker`: one process of a run.

use std::io::{BufReader, stdin, stdout};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use super::Exit;
use crate::runner::{Training, serve, stop_on_signals};

pub fn execute() -> anyhow::Result<Exit> {
    let stop = Arc::new(AtomicBool::new(false));
    stop_on_signals(stop.clone())?;
    serve(BufReader::new(stdin()), stdout(), &stop, &mut Training::default())?;
    Ok(Exit::Done)
}
