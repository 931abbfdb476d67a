//! Where and how a run was made.

use std::collections::BTreeMap;
use std::fs;
use std::time::{Duration, Instant};

use crate::kernels::Device;
use crate::kernels::cpu::vectors;
use crate::kernels::device::describe;
use crate::store::{Provenance, RunFolder, StoreError, host, now, read_sealed, write_sealed};

use super::Task;

/// Between two writes while the work goes on, so that a killed process loses at most this much of the time it took.
const WRITE_EVERY: Duration = Duration::from_secs(60);

/// Git commit of the build: see [`Provenance::commit`].
pub fn commit() -> &'static str {
    env!("REPRO_COMMIT")
}

/// Versions of the crates that do the arithmetic.
pub fn crates() -> BTreeMap<String, String> {
    let pairs = env!("REPRO_CRATES").split(',').filter_map(|pair| pair.split_once('='));
    pairs.map(|(name, version)| (name.to_owned(), version.to_owned())).collect()
}

/// A device, with what it is where the system tells, and the vectors that our loops are compiled for.
pub fn device_name(device: Device) -> String {
    match device {
        Device::Cpu => cpu(),
        Device::Cuda(number) | Device::CudaRanks { first: number, .. } => {
            let ranks = match device.ranks() {
                1 => String::new(),
                ranks => format!("{ranks} ranks: "),
            };
            describe(number).map_or_else(
                |_| device.to_string(),
                |found| format!("{device} ({ranks}{}, driver for CUDA {})", found.name, found.driver),
            )
        }
    }
}

fn cpu() -> String {
    let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = info.lines().find_map(|line| line.strip_prefix("model name")?.split_once(':'));
    let model = model.map_or("model not known", |(_, name)| name.trim());
    format!("cpu ({model}, {})", vectors())
}

/// Every device that a run was on, the last at the end: bits differ between devices.
fn devices(earlier: Option<&str>, now: String) -> String {
    match earlier {
        Some(earlier) if earlier != now && !earlier.ends_with(&format!("; {now}")) => format!("{earlier}; {now}"),
        Some(earlier) => earlier.to_owned(),
        None => now,
    }
}

/// Keeps `provenance.json` of a claimed folder while the work goes on.
pub struct Keeper<'a> {
    folder: &'a RunFolder,
    provenance: Provenance,
    /// Seconds of earlier sessions.
    before: f64,
    began: Instant,
    written: Instant,
}

impl Keeper<'_> {
    /// Starts a session: an earlier one's time counts on.
    pub fn begin<'a>(folder: &'a RunFolder, task: &Task) -> Result<Keeper<'a>, StoreError> {
        // It is for readers only: one that is damaged is written anew.
        let earlier: Option<Provenance> = read_sealed(&folder.file("provenance.json")).unwrap_or_default();
        let device = devices(
            earlier.as_ref().map(|earlier| earlier.device.as_str()),
            device_name(task.work.device(task.device)),
        );
        let (before, sessions) = earlier.map_or((0.0, 0), |earlier| (earlier.wall_seconds, earlier.sessions));
        let provenance = Provenance {
            program: format!("{} {}", env!("CARGO_PKG_NAME"), env!("CARGO_PKG_VERSION")),
            commit: commit().to_owned(),
            crates: crates(),
            device,
            threads: task.threads,
            precision: task.work.precision().to_string(),
            data_digest: task.work.data().digest.clone(),
            command: task.command.clone(),
            host: host(),
            wall_seconds: before,
            sessions: sessions + 1,
            finished_at: 0,
        };
        let now = Instant::now();
        let mut keeper = Keeper { folder, provenance, before, began: now, written: now };
        keeper.write()?;
        Ok(keeper)
    }

    /// Writes now and then.
    pub fn tick(&mut self) {
        if self.written.elapsed() >= WRITE_EVERY {
            // The time is written again at the end; a full disk shows at the next checkpoint.
            let _ = self.write();
        }
    }

    pub fn write(&mut self) -> Result<(), StoreError> {
        self.provenance.wall_seconds = self.before + self.began.elapsed().as_secs_f64();
        self.provenance.finished_at = now();
        self.written = Instant::now();
        write_sealed(&self.folder.file("provenance.json"), &self.provenance)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_that_changes_devices_names_each() {
        let mut named: Option<String> = None;
        for device in ["cpu (A)", "cpu (A)", "cuda:0 (B)", "cuda:0 (B)", "cpu (A)"] {
            named = Some(devices(named.as_deref(), device.to_owned()));
        }
        assert_eq!(named.as_deref(), Some("cpu (A); cuda:0 (B); cpu (A)"));
    }

    #[test]
    fn the_build_knows_its_arithmetic() {
        let crates = crates();
        assert!(crates.contains_key("candle-core") && crates.contains_key("gemm"), "{crates:?}");
        assert!(!commit().is_empty() && !host().is_empty());
    }
}
