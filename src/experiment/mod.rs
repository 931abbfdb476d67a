//! Experiments: the file format, scales, expansion into cells and trials, cost.

mod builtin;
mod calibrate;
mod claim;
mod closest;
mod cost;
mod deviations;
mod difference;
mod document;
mod error;
mod expand;
mod file;
mod load;
mod ordered;
mod overlay;
mod references;
mod scale;
mod selection;
mod shape;
mod source;
mod trial;
mod validate;
mod workload;

pub use calibrate::calibrate;
pub use claim::Claim;
pub use closest::{Closest, Finished, FinishedRun, Missing, missing};
pub use cost::Cost;
pub use difference::{Difference, differences, shown};
pub use error::{ExperimentError, Faults, Mismatch, nearest};
pub use file::{ReportKind, ReportLayout};
pub use load::{Experiment, schema};
pub use scale::Scale;
pub use selection::Filter;
pub use source::{Origin, Source};
pub use trial::{Cell, CellData, Deviation, Trial};
pub use workload::{CellWork, KnownData, Tally, Workload, workload};
