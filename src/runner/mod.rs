//! Brings trials to done, in worker processes.
//!
//! [`Graph`] holds what there is to do: pretext runs, and the evaluations that wait for them, each once however many
//! cells share it. [`run`] hands what is ready to workers and takes in what they tell. A worker is this program again,
//! started as `repro worker`: it reads tasks as JSON lines on stdin and answers on stdout ([`serve`]). Claims on the
//! folders of the store keep two programs from doing one piece of work.

mod graph;
mod held;
mod interrupt;
mod interruption;
mod launch;
mod pace;
mod process;
mod progress;
mod protocol;
mod provenance;
mod readout;
mod schedule;
mod signs;
mod summary;
mod training;
mod verification;
mod verify;
mod watch;
mod work;
mod worker;

#[cfg(test)]
pub(crate) use graph::tests::trial;
pub use graph::{Graph, Job, JobState, LabelledTrial};
pub use held::Held;
pub use interrupt::{report_signals, stop_on_signals};
pub use interruption::Interruption;
pub use launch::{Launcher, Report, Reports, WorkerHandle};
pub use pace::{Pace, count, described, duration, rate_text, stage_text, time_text};
pub use process::{WORKER_ENVIRONMENT, WorkerProcesses};
pub use progress::{Bars, Lines, Observer, observer};
pub use protocol::{Event, Reply, Request, Task, Work};
pub use provenance::{commit, crates, device_name};
pub use readout::ReadOut;
pub use schedule::{Ending, Settings, mark_finished, run};
pub use summary::Summary;
pub use training::Training;
pub use verification::{Agreement, Comparison, Content, Verification};
pub use verify::Verifier;
pub use watch::{Running, Screen, Seen, running};
pub use work::{Ended, Performer, Session, Watch, finished, forget_failure, perform};
pub use worker::serve;
