//! A worker's side of the conversation.

use std::io::{BufRead, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use thiserror::Error;

use super::protocol::{LineError, from_line, to_line};
use super::work::{Ended, Performer, perform};
use super::{Event, Reply, Request, Task};

/// Least time between two reports of progress: a step can take less than a millisecond.
const REPORT_EVERY: Duration = Duration::from_millis(200);

/// Why a worker does not do what it was told.
#[derive(Debug, Error)]
pub enum ProtocolError {
    #[error(
        "line {line} of the input is no request of `repro run`: {found}. `repro worker` is started by `repro run`, not by hand"
    )]
    NoRequest { line: usize, found: String },
    #[error(
        "this worker is of another release than the run that started it ({found}): repro was replaced while the run went \
         on. Run the same command again"
    )]
    OtherRelease { found: String },
}

/// Does the tasks that come in, one after another, until the input ends.
///
/// `stop` ends the task at hand at its next step, and with it the worker. The end of the input sets it, because then
/// the run that would take the answer is gone.
pub fn serve(
    input: impl BufRead + Send + 'static,
    mut output: impl Write,
    stop: &Arc<AtomicBool>,
    performer: &mut dyn Performer,
) -> Result<(), ProtocolError> {
    let (sender, requests) = mpsc::channel();
    let flag = stop.clone();
    std::thread::spawn(move || read(input, &flag, &sender));
    while let Ok(task) = requests.recv() {
        let task = task?;
        let mut reported: Option<Instant> = None;
        let mut tell = |reply: &Reply| {
            if say(&mut output, reply).is_err() {
                stop.store(true, Ordering::Relaxed);
            }
        };
        let ended = perform(&task, performer, stop, &mut |event| {
            let due = reported.is_none_or(|at| at.elapsed() >= REPORT_EVERY);
            if due || matches!(event, Event::Warning(_)) {
                reported = Some(Instant::now());
                tell(&Reply::Event(event));
            }
        });
        let reply = match ended {
            Ok(Ended::Done) => Reply::Done,
            Ok(Ended::Busy) => Reply::Busy,
            Ok(Ended::Stopped) => Reply::Stopped,
            Err(failure) => Reply::Failed(failure),
        };
        tell(&reply);
        if stop.load(Ordering::Relaxed) {
            break;
        }
    }
    Ok(())
}

fn say(output: &mut impl Write, reply: &Reply) -> std::io::Result<()> {
    let line = to_line(reply).map_err(std::io::Error::other)?;
    output.write_all(line.as_bytes())?;
    output.flush()
}

/// Passes tasks on. Every way out of here, a dead run included, raises the flag and drops the sender.
fn read(input: impl BufRead, stop: &AtomicBool, tasks: &mpsc::Sender<Result<Task, ProtocolError>>) {
    for (index, line) in input.lines().enumerate() {
        let number = index + 1;
        let request = line
            .map_err(|error| ProtocolError::NoRequest { line: number, found: error.to_string() })
            .and_then(|line| request(&line, number));
        match request {
            Ok(Request::Task(task)) => {
                if tasks.send(Ok(*task)).is_err() {
                    break;
                }
            }
            Ok(Request::Stop) => stop.store(true, Ordering::Relaxed),
            Err(error) => {
                let _ = tasks.send(Err(error));
                break;
            }
        }
    }
    stop.store(true, Ordering::Relaxed);
}

/// The request of a line, `number` counting from 1.
fn request(line: &str, number: usize) -> Result<Request, ProtocolError> {
    let request = from_line(line).map_err(|fault| match fault {
        LineError::NoMessage(error) => {
            ProtocolError::NoRequest { line: number, found: format!("{error} in `{}`", shortened(line)) }
        }
        LineError::OtherProtocol { .. } => ProtocolError::OtherRelease { found: fault.to_string() },
    })?;
    match request {
        // Its address would file what this release computes under the name of what another one does.
        Request::Task(task) if !task.work.is_current() => {
            Err(ProtocolError::OtherRelease { found: format!("the recipe of {} is not of this release", task.label) })
        }
        request => Ok(request),
    }
}

fn shortened(line: &str) -> String {
    line.chars().take(60).collect()
}
