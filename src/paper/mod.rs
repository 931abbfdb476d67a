//! The paper's numbers, each with its source and how far it can be relied on.

mod record;

pub use record::{Confidence, Facts, PaperNumber, elements, number, numbers};
