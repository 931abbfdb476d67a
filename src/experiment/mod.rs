//! Experiments: the file format, scales, expansion into cells and trials, cost.

mod scale;
mod selection;
mod trial;

pub use scale::Scale;
pub use selection::Filter;
pub use trial::{Cell, Deviation, Trial};
