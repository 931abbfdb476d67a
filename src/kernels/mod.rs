//! The operations that training spends its time in.

pub mod cross_entropy;
pub mod normalise;
