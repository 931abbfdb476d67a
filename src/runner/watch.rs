//! What the runs of a results folder are at, for whoever looks on.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use indicatif::{MultiProgress, ProgressBar};
use serde::Serialize;

use crate::store::{Progress, Results, RunFolder, StoreError, boot, host, now};

use super::pace::{described, duration};
use super::progress::{job_bar, show};

/// Seconds without news after which a view says so.
const QUIET: u64 = 20;
/// Seconds without news after which a process counts as gone, and by which a clock may be ahead of ours. A step takes
/// less, and clocks differ by less.
pub(super) const LOST: u64 = 15 * 60;

/// A piece of work that a process is at.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Running {
    /// `pretext` or `eval`, and the address: the folder in the results.
    pub folder: String,
    #[serde(flatten)]
    pub progress: Progress,
    /// Seconds since the process last told how far it is.
    pub silent_for: u64,
}

impl Running {
    /// What it is, and on which machine if that is another one.
    pub fn label(&self) -> String {
        let Progress { label, host, .. } = &self.progress;
        if is_here(&self.progress) { label.clone() } else { format!("{label} on {host}") }
    }

    /// How far it is, in a line.
    pub fn text(&self) -> String {
        let at = self.progress.at.as_ref().map_or("starting".to_owned(), described);
        match self.silence() {
            Some(silence) => format!("{at}, {silence}"),
            None => at,
        }
    }

    /// Says that there has been no news for long, if that is so.
    pub fn silence(&self) -> Option<String> {
        let long = self.silent_for >= QUIET;
        long.then(|| format!("no news for {}", duration(self.silent_for as f64)))
    }
}

/// What is seen of a results folder.
#[derive(Debug, Default)]
pub struct Seen {
    /// In the order of their labels.
    pub running: Vec<Running>,
    /// Progress that only a newer release can read: each a [`StoreError::Newer`].
    pub newer: Vec<StoreError>,
}

/// All work that is going on in a results folder; that of one experiment if given. What a killed process left behind is
/// passed over. Nothing is written and no run is held up.
///
/// # Errors
/// The results folder cannot be read.
pub fn running(results: &Results, experiment: Option<&str>) -> Result<Seen, StoreError> {
    let root = results.root();
    fs::read_dir(root).map_err(StoreError::io(root))?;
    let now = now();
    let Seen { mut running, mut newer } = Seen::default();
    for kind in ["pretext", "eval"] {
        for entry in fs::read_dir(root.join(kind)).into_iter().flatten().flatten() {
            let progress = match RunFolder::at(entry.path()).read_progress() {
                Ok(Some(progress)) => progress,
                Err(error @ StoreError::Newer { .. }) => {
                    newer.push(error);
                    continue;
                }
                // Nobody is at work, or the file is just being replaced.
                Ok(None) | Err(_) => continue,
            };
            let silent_for = now.saturating_sub(progress.told_at);
            let wanted = experiment.is_none_or(|id| progress.experiments.iter().any(|known| known == id));
            if wanted && is_alive(&progress, now) {
                let folder = format!("{kind}/{}", entry.file_name().to_string_lossy());
                running.push(Running { folder, progress, silent_for });
            }
        }
    }
    running.sort_by(|one, other| (&one.progress.label, &one.folder).cmp(&(&other.progress.label, &other.folder)));
    Ok(Seen { running, newer })
}

/// Whether it was written on this machine, since its last start.
fn is_here(progress: &Progress) -> bool {
    progress.host == host() && progress.boot == boot()
}

/// A process is gone that has said nothing for long, or that this machine, where it tells, does not have. Having one
/// proves little: ids are given out again.
fn is_alive(progress: &Progress, now: u64) -> bool {
    let is_gone = || {
        let process = Path::new("/proc").join(progress.process.to_string());
        progress.boot.is_some() && is_here(progress) && !process.exists()
    };
    now.abs_diff(progress.told_at) < LOST && !is_gone()
}

/// A bar for each piece of work that is going on, drawn in place on a terminal.
#[derive(Debug, Default)]
pub struct Screen {
    screen: MultiProgress,
    bars: BTreeMap<String, ProgressBar>,
}

impl Screen {
    pub fn show(&mut self, running: &[Running]) {
        self.bars.retain(|folder, bar| {
            let goes_on = running.iter().any(|one| one.folder == *folder);
            if !goes_on {
                bar.finish_and_clear();
            }
            goes_on
        });
        for one in running {
            let screen = &self.screen;
            let bar = self.bars.entry(one.folder.clone()).or_insert_with(|| screen.add(job_bar(one.label())));
            show(bar, one.progress.at.map_or(0.0, |at| at.fraction), one.text());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn progress(host: &str, process: u32, told_at: u64) -> Progress {
        let (label, experiments) = (format!("{host} {process}"), vec!["table1".to_owned()]);
        Progress { label, experiments, host: host.to_owned(), boot: boot(), process, threads: 1, told_at, at: None }
    }

    fn leave(results: &Results, kind: &str, name: &str, progress: &Progress) -> RunFolder {
        let folder = RunFolder::at(results.root().join(kind).join(name));
        fs::create_dir_all(folder.path()).unwrap();
        folder.write_progress(progress).unwrap();
        folder
    }

    #[test]
    fn the_work_of_living_processes_is_found() {
        let root = tempfile::tempdir().unwrap();
        let results = Results::new(root.path());
        assert_eq!(running(&results, None).unwrap().running, []);
        let leave = |kind: &str, name: &str, progress: &Progress| leave(&results, kind, name, progress);
        let ours = progress(&host(), std::process::id(), now() - QUIET);
        leave("pretext", "a", &ours);
        leave("eval", "b", &progress("elsewhere", 1, now() - LOST / 2));
        leave("eval", "c", &progress("elsewhere", 2, now() - 2 * LOST));
        let finished = leave("eval", "d", &ours);
        fs::write(finished.file("result.json"), "{}").unwrap();
        let newer = leave("eval", "e", &ours);
        fs::write(newer.file("progress.json"), r#"{"format": 2, "label": 3}"#).unwrap();
        #[cfg(target_os = "linux")]
        leave("pretext", "f", &progress(&host(), u32::MAX, now()));

        let Seen { running: found, newer: unread } = running(&results, None).unwrap();
        let mut folders: Vec<&str> = found.iter().map(|one| one.folder.as_str()).collect();
        folders.sort_unstable();
        assert_eq!(folders, ["eval/b", "pretext/a"]);
        let is_newer = |error: &StoreError| matches!(error, StoreError::Newer { path, .. } if *path == newer.file("progress.json"));
        assert!(matches!(&unread[..], [error] if is_newer(error)), "{unread:?}");
        let own = found.iter().find(|one| one.folder == "pretext/a").unwrap();
        assert_eq!(own.text(), "starting, no news for 20 s");
        assert_eq!(running(&results, Some("table1")).unwrap().running.len(), 2);
        assert_eq!(running(&results, Some("table2")).unwrap().running, []);
        assert!(running(&Results::new(root.path().join("nowhere")), None).is_err());
    }

    #[test]
    fn neither_a_process_id_nor_a_host_name_is_trusted_alone() {
        let root = tempfile::tempdir().unwrap();
        let results = Results::new(root.path());
        let (living, gone) = (std::process::id(), u32::MAX);
        let namesake = |boot: Option<&str>, told_at| Progress {
            boot: boot.map(str::to_owned),
            ..progress(&host(), gone, told_at)
        };
        leave(&results, "pretext", "reused-id", &progress(&host(), living, now() - 2 * LOST));
        leave(&results, "pretext", "from-the-future", &progress(&host(), living, now() + 2 * LOST));
        leave(&results, "pretext", "clock-ahead", &progress("elsewhere", gone, now() + LOST / 2));
        leave(&results, "pretext", "namesake", &namesake(Some("another"), now()));
        leave(&results, "pretext", "silent-namesake", &namesake(Some("another"), now() - 2 * LOST));
        leave(&results, "pretext", "no-boot", &namesake(None, now()));

        let found = running(&results, None).unwrap().running;
        let mut folders: Vec<&str> = found.iter().map(|one| one.folder.as_str()).collect();
        folders.sort_unstable();
        assert_eq!(folders, ["pretext/clock-ahead", "pretext/namesake", "pretext/no-boot"]);
        let other = found.iter().find(|one| one.folder == "pretext/namesake").unwrap();
        assert!(other.label().ends_with(&format!(" on {}", host())), "{}", other.label());
    }
}
