//! Data sets: where they are, whether they are what they should be, and what is in them.

mod catalogue;
mod cifar;
mod content;
mod covtype;
mod error;
pub mod fetch;
mod library;
mod set;
mod speech_commands;

pub use catalogue::{CATALOGUE, Descriptor, PublishedFile, descriptor};
pub use error::DataError;
pub use library::Library;
pub use set::{CHANNELS, ImageSet, Pictures, Rows, Set, SetPart, TabularSet};
