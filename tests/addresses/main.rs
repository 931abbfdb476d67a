//! What an address depends on, and what it does not; and which cells an experiment has.

mod edits;
mod expansion;
mod settings;
mod values;
