//! Ctrl-C, termination and hang-up.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::{Report, Reports};

/// Exit code of a program that a signal ended, as shells give it for Ctrl-C.
const INTERRUPTED: i32 = 130;

/// Reports each signal to a run. After the run, a signal ends the program.
pub fn report_signals(reports: Reports) -> Result<(), ctrlc::Error> {
    handle(move || {
        if reports.send(Report::Interrupt).is_err() {
            std::process::exit(INTERRUPTED);
        }
    })
}

/// Sets a flag at the first signal: for a worker, which its run or a batch system may tell to stop.
pub fn stop_on_signals(stop: Arc<AtomicBool>) -> Result<(), ctrlc::Error> {
    handle(move || stop.store(true, Ordering::Relaxed))
}

/// Calls `handler` at each SIGINT, SIGTERM and SIGHUP. A hang-up that is ignored, as `nohup` arranges, stays so.
fn handle(handler: impl FnMut() + Send + 'static) -> Result<(), ctrlc::Error> {
    #[cfg(unix)]
    // SAFETY: both actions are async-signal-safe constants, and no handler of ours is installed yet.
    let hang_up_ignored = unsafe { libc::signal(libc::SIGHUP, libc::SIG_IGN) } == libc::SIG_IGN;
    ctrlc::set_handler(handler)?;
    #[cfg(unix)]
    if hang_up_ignored {
        // SAFETY: as above; it takes the place of the handler that was just installed.
        unsafe { libc::signal(libc::SIGHUP, libc::SIG_IGN) };
    }
    Ok(())
}
