//! The C library with one call that fails, for the program and its workers.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// A fault in a call.
#[derive(Clone, Copy)]
pub struct Failing<'a> {
    /// As `shim.c` knows it.
    pub call: &'a str,
    /// Which one fails, from 1; 0 for every one.
    pub at: usize,
    /// `errno`, or the seconds that the clock jumps by.
    pub error: i64,
    /// Only on files below it.
    pub under: &'a Path,
}

pub struct Shim {
    library: PathBuf,
}

impl Shim {
    /// Compiles it, once.
    pub fn new() -> Result<Shim, String> {
        static BUILT: OnceLock<Result<PathBuf, String>> = OnceLock::new();
        BUILT.get_or_init(build).clone().map(|library| Shim { library })
    }

    /// Has the fault happen to a command. Failed calls are logged in `log`.
    pub fn put_into(&self, command: &mut Command, failing: Failing, log: &Path) {
        command.env("LD_PRELOAD", &self.library).env("FAULT_CALL", failing.call);
        command.env("FAULT_AT", failing.at.to_string()).env("FAULT_ERRNO", failing.error.to_string());
        command.env("FAULT_UNDER", failing.under).env("FAULT_LOG", log);
    }
}

fn build() -> Result<PathBuf, String> {
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/faults/shim.c");
    let library = Path::new(env!("CARGO_TARGET_TMPDIR")).join("shim.so");
    let output = Command::new("cc")
        .args(["-shared", "-fPIC", "-O1", "-Wall", "-o"])
        .arg(&library)
        .arg(source)
        .arg("-ldl")
        .output();
    let output = output.map_err(|error| format!("there is no C compiler `cc`: {error}"))?;
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Ok(library)
}

/// Paths of the calls that failed.
pub fn failed(log: &Path) -> Vec<String> {
    fs::read_to_string(log).unwrap_or_default().lines().map(str::to_owned).collect()
}
