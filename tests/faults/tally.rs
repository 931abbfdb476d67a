//! What came of all faults, family by family.

use std::sync::Mutex;

use crate::bench::Ran;

/// Families in the order of the table: each is a test.
const FAMILIES: [&str; 14] = [
    "kill -9: runs",
    "kill -9: evaluations",
    "kill -9: reports",
    "kill -9: downloads",
    "files cut short or altered",
    "checkpoints cut short or altered",
    "failing system calls",
    "a clock that jumps",
    "a full disk",
    "a read-only folder",
    "spaces and Unicode in paths",
    "two machines and their locks",
    "servers",
    "archives",
];

/// Counts of a family.
#[derive(Clone, Debug, Default)]
pub struct Figures {
    pub faults: usize,
    /// Finished pretext runs and evaluations that were altered, gone or done again though nothing was wrong with them.
    pub lost: usize,
    /// Numbers that differ from those of an undisturbed run.
    pub wrong: usize,
    /// Panics, and ends by a signal that nobody sent.
    pub crashes: usize,
    /// Faults that mattered and that no message named.
    pub unnamed: usize,
    /// What went wrong, in words.
    notes: Vec<String>,
    skipped: Option<String>,
}

impl Figures {
    pub fn note(&mut self, text: impl Into<String>) {
        self.notes.push(text.into());
    }

    /// Takes in what a program said that was not killed.
    pub fn heard(&mut self, ran: &Ran, fault: &str) {
        if ran.code.is_none() || ran.stderr.contains("panicked") || ran.stderr.contains("a fault of its own") {
            self.crashes += 1;
            self.note(format!("{fault}: crashed with {:?}: {}", ran.code, ran.stderr));
        }
    }

    /// The program has to have said this.
    pub fn named(&mut self, ran: &Ran, words: &str, fault: &str) {
        if !ran.stderr.contains(words) && !ran.stdout.contains(words) {
            self.unnamed += 1;
            self.note(format!("{fault}: no `{words}` in what was said:\n{}{}", ran.stdout, ran.stderr));
        }
    }

    /// The program has to have ended with one of these codes.
    pub fn ended(&mut self, ran: &Ran, codes: &[i32], fault: &str) {
        self.heard(ran, fault);
        if !ran.code.is_some_and(|code| codes.contains(&code)) {
            self.lost += 1;
            self.note(format!("{fault}: ended with {:?}, expected {codes:?}: {}", ran.code, ran.stderr));
        }
    }

    fn is_clean(&self) -> bool {
        self.lost + self.wrong + self.crashes + self.unnamed == 0 && self.notes.is_empty()
    }
}

static ENDED: Mutex<Vec<(&str, Figures)>> = Mutex::new(Vec::new());

/// Plays the faults of a family, enters them into the table, and panics unless nothing was lost. The last family to end
/// prints the table. `play` gives the reason where this machine does not let it.
#[track_caller]
pub fn family(name: &'static str, play: impl FnOnce(&mut Figures) -> Result<(), String>) {
    assert!(FAMILIES.contains(&name));
    let mut figures = Figures::default();
    figures.skipped = play(&mut figures).err();
    if let Some(reason) = &figures.skipped {
        eprintln!("skipped {name}: {reason}");
    }
    let all = {
        let mut ended = ENDED.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        ended.push((name, figures.clone()));
        (ended.len() == FAMILIES.len()).then(|| ended.clone())
    };
    if let Some(all) = all {
        print(&all);
    }
    assert!(figures.is_clean(), "{name}: {figures:?}\n{}", figures.notes.join("\n"));
}

fn print(all: &[(&str, Figures)]) {
    let line = |name: &str, cells: [String; 5]| {
        let [faults, lost, wrong, crashes, unnamed] = cells;
        println!("{name:34} {faults:>7} {lost:>13} {wrong:>13} {crashes:>8} {unnamed:>8}");
    };
    line("faults", ["tried", "finished lost", "wrong numbers", "crashes", "unnamed"].map(str::to_owned));
    let mut sum = [0; 5];
    for family in FAMILIES {
        let Some((_, it)) = all.iter().find(|(name, _)| *name == family) else { continue };
        let counts = [it.faults, it.lost, it.wrong, it.crashes, it.unnamed];
        sum.iter_mut().zip(counts).for_each(|(sum, count)| *sum += count);
        line(
            family,
            if it.skipped.is_some() {
                ["skipped", "", "", "", ""].map(str::to_owned)
            } else {
                counts.map(|n| n.to_string())
            },
        );
    }
    line("all", sum.map(|count| count.to_string()));
}
