//! Data sets: where they are, whether they are what they should be, and what is in them.

mod set;

pub use set::{Rows, TabularSet};
