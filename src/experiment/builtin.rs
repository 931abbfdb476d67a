//! The experiment files that are part of the program.

/// Id and text of each, in the order of the paper.
pub const FILES: &[(&str, &str)] = &[("table1", include_str!("../../experiments/table1.json"))];
