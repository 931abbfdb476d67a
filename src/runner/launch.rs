//! The face of worker processes that the scheduler sees.

use std::io;
use std::sync::mpsc::Sender;

use super::{Reply, Request};

/// Something that the scheduler waits for.
#[derive(Debug)]
pub enum Report {
    /// A worker said something.
    Said { worker: u64, reply: Reply },
    /// A worker's output ended: its process is gone or going.
    Gone { worker: u64 },
    /// The user or the system asks the run to stop.
    Interrupt,
}

/// Where workers and signals report to.
pub type Reports = Sender<Report>;

/// Starts workers.
pub trait Launcher {
    /// Starts a worker that reports under the number `worker`, ending with one [`Report::Gone`].
    fn launch(&mut self, worker: u64, reports: Reports) -> io::Result<Box<dyn WorkerHandle>>;
}

/// A worker that was started. Dropping it ends it: at once where it is idle.
pub trait WorkerHandle {
    /// An error means that the worker is gone; [`Report::Gone`] follows.
    fn send(&mut self, request: &Request) -> io::Result<()>;
    /// Ends the worker without a checkpoint.
    fn kill(&mut self);
    /// Waits for the end of a worker that is gone and says how it came.
    fn obituary(&mut self) -> String;
}
