//! Processes of a run, and signals to them.

use std::fs;

/// Processes that a process started and that are still there.
pub fn children(parent: u32) -> Vec<u32> {
    let entries = fs::read_dir("/proc").unwrap().filter_map(Result::ok);
    let processes = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let parent_of = |process: u32| -> Option<u32> {
        let stat = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
        // The name, in brackets, may hold spaces.
        stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()
    };
    processes.filter(|process| parent_of(*process) == Some(parent)).collect()
}

pub fn signal(process: u32, signal: i32) {
    // SAFETY: `kill` takes plain numbers; a process that is gone makes it fail, which is fine here.
    unsafe { libc::kill(process as libc::pid_t, signal) };
}
