//! This machine and its clock, as files of the results folder name them.

use std::fs;
use std::time::{SystemTime, UNIX_EPOCH};

/// Name of this machine, `unknown` where it does not say.
pub fn host() -> String {
    let from_kernel = fs::read_to_string("/proc/sys/kernel/hostname").ok();
    let from_shell = || std::env::var("HOSTNAME").or_else(|_| std::env::var("COMPUTERNAME")).ok();
    let name = from_kernel.or_else(from_shell).unwrap_or_default();
    if name.trim().is_empty() { "unknown".to_owned() } else { name.trim().to_owned() }
}

/// What tells this start of this machine from every other start of any machine; none where the system does not say.
/// Names of machines are not unique, and process ids are given out anew after each start.
pub fn boot() -> Option<String> {
    let id = fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    Some(id.trim().to_owned()).filter(|id| !id.is_empty())
}

/// Seconds since 1970, as far as the clock is right: it may jump in either direction.
pub fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs())
}
