//! The command line: raw arguments become validated configuration here, once.

mod arguments;
mod bench;
mod cancel;
mod check;
mod chosen;
mod compare;
mod data;
mod device;
mod evaluate;
mod executor;
mod exit;
mod export;
mod found;
mod jobs;
mod known_data;
mod ledger;
mod list;
mod new;
mod output;
mod plan;
mod report;
mod run;
mod selftest;
mod slurm;
mod slurm_task;
mod status;
mod text;
mod verify;
mod views;
mod waiting;
mod watch;
mod why;
mod worker;

use std::process::ExitCode;

use clap::Parser;

pub use exit::Exit;
pub use output::Output;

use arguments::{Arguments, Command};

/// Parses, dispatches, and turns what comes back into an exit code.
pub fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let output = Output::new(arguments.common.quiet);
    let common = arguments.common;
    let done = match arguments.command {
        Command::List(own) => list::execute(own, &common, &output),
        Command::Check(own) => check::execute(own, &common, &output),
        Command::New(own) => new::execute(own, &common, &output),
        Command::Plan(own) => plan::execute(own, &common, &output),
        Command::Run(own) => run::execute(own, &common, &output),
        Command::Watch(own) => watch::execute(own, &common, &output),
        Command::Status(own) => status::execute(own, &common, &output),
        Command::Cancel(own) => cancel::execute(own, &common, &output),
        Command::Report(own) => report::execute(own, &common, &output),
        Command::Compare(own) => compare::execute(own, &common, &output),
        Command::Why(own) => why::execute(own, &common, &output),
        Command::Verify(own) => verify::execute(own, &common, &output),
        Command::Views(own) => views::execute(own, &common, &output),
        Command::Export(own) => export::execute(own, &common, &output),
        Command::Evaluate(own) => evaluate::execute(own, &common, &output),
        Command::Data(own) => data::execute(own, &common, &output),
        Command::Selftest(own) => selftest::execute(own, &output),
        Command::Bench(own) => bench::execute(own, &common, &output),
        Command::Worker => worker::execute(),
        Command::SlurmTask(own) => slurm_task::execute(own, &common, &output),
    };
    match done {
        Ok(_) if output.lost_a_result() => Exit::Usage.into(),
        Ok(exit) => exit.into(),
        Err(error) => {
            output.error(&error);
            Exit::Usage.into()
        }
    }
}
