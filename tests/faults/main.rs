//! Faults put into the real program, and a count of what they cost.
//!
//! Each family of faults counts what it tried, finished work that was lost, wrong numbers, crashes, and faults that no
//! message names. All but the first have to be nought; `cargo test --release --test faults -- --nocapture` prints the table.
//! What needs Linux, a C compiler or the right to mount is skipped elsewhere, and the table says so.

#![cfg(target_os = "linux")]

mod archives;
#[path = "../run/bench.rs"]
mod bench;
mod calls;
mod damage;
mod disk;
mod kills;
mod machines;
mod places;
#[path = "../run/processes.rs"]
mod processes;
mod reference;
#[path = "../data/server.rs"]
mod server;
mod servers;
mod shim;
mod table;
mod tally;
