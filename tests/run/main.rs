//! `repro run` as a user meets it: the real program, its worker processes and its results folder.
//!
//! Experiments here are tiny, but train for real on the embedded data.

mod bench;
mod failures;
mod handover;
#[cfg(target_os = "linux")]
mod imagenet;
#[cfg(target_os = "linux")]
mod newer;
#[cfg(target_os = "linux")]
mod processes;
mod releases;
#[cfg(target_os = "linux")]
mod signals;
#[cfg(target_os = "linux")]
mod slurm;
mod speech;
#[cfg(target_os = "linux")]
mod stand_in;
mod summary;
#[cfg(target_os = "linux")]
mod together;
#[cfg(target_os = "linux")]
mod verify;
mod watch;
