//! What a worker tells those who watch from elsewhere.

use std::time::{Duration, Instant};

use crate::store::{Progress, RunFolder, boot, host, now};

use super::pace::Pace;
use super::{Event, Task};

/// Between two writes.
const WRITE_EVERY: Duration = Duration::from_secs(1);

/// Keeps `progress.json` of a claimed folder until it is dropped. Where the file cannot be written nobody sees it, and
/// the work goes on.
pub struct Signs<'a> {
    folder: &'a RunFolder,
    progress: Progress,
    pace: Pace,
    written: Instant,
}

impl Signs<'_> {
    pub fn begin<'a>(folder: &'a RunFolder, task: &Task) -> Signs<'a> {
        let progress = Progress {
            label: task.label.clone(),
            experiments: task.experiments.clone(),
            host: host(),
            boot: boot(),
            process: std::process::id(),
            threads: task.threads,
            told_at: now(),
            at: None,
        };
        let _ = folder.write_progress(&progress);
        Signs { folder, progress, pace: Pace::begin(), written: Instant::now() }
    }

    pub fn tell(&mut self, event: &Event) {
        let Some(position) = self.pace.position(event) else { return };
        if self.progress.at.is_none() || self.written.elapsed() >= WRITE_EVERY {
            self.progress.at = Some(position);
            self.progress.told_at = now();
            let _ = self.folder.write_progress(&self.progress);
            self.written = Instant::now();
        }
    }
}

impl Drop for Signs<'_> {
    fn drop(&mut self) {
        let _ = self.folder.remove_progress();
    }
}
