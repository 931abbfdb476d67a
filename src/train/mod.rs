//! Self-supervised training of an encoder: the loop, one step, the schedule, checkpoints.
//!
//! `train` never knows which experiment it serves: it gets a recipe, the data and a folder.

mod batch;
mod checkpoint;
mod course;
mod encoder;
mod followers;
pub mod inputs;
#[cfg(test)]
mod manifold_oracle;
#[cfg(test)]
mod oracle;
mod pretext;
mod ranks;
#[cfg(test)]
mod ranks_tests;
mod rehearsal;
#[cfg(test)]
mod resume_tests;
pub mod schedule;
mod step;

pub use batch::{Batch, Batches, ahead};
pub use checkpoint::load_checkpoint;
pub use course::{Extent, Position, TRACED};
pub use encoder::{encoder_plan, load_encoder};
pub use pretext::{Ended, Options, Progress, Retraced, TrainError, pretext, retrace};
pub use rehearsal::rehearse;
pub use step::{StepError, Trainer};
