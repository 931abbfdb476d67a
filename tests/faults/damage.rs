//! Files of the results folder cut short at every sixteenth of their length, and with single bits flipped.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde_json::json;

use crate::bench::{Bench, read};
use crate::calls::short;
use crate::kills::copy;
use crate::processes::{children, signal};
use crate::reference::Reference;
use crate::tally::{Figures, family};

const PLACES: usize = 16;
const SEED: u64 = 11;

#[derive(Clone, Copy, Debug)]
enum Damage {
    Cut,
    Flip,
}

impl Damage {
    /// Damages a file at a sixteenth of its length.
    fn put_into(self, path: &Path, place: usize) {
        let mut bytes = fs::read(path).unwrap();
        let (at, next) = (bytes.len() * place / PLACES, bytes.len() * (place + 1) / PLACES);
        match self {
            Damage::Cut => bytes.truncate(at),
            Damage::Flip if bytes.is_empty() => {}
            Damage::Flip => {
                let mut draws = ChaCha8Rng::seed_from_u64(SEED + (place + bytes.len()) as u64);
                let at = draws.random_range(at..next.max(at + 1)).min(bytes.len() - 1);
                bytes[at] ^= 1 << draws.random_range(0..8);
            }
        }
        fs::write(path, bytes).unwrap();
    }
}

/// The files called `name` of one kind of run, in the order of the addresses; of evaluations, of one of each two.
fn files(bench: &Bench, kind: &str, name: &str) -> Vec<PathBuf> {
    let all: Vec<PathBuf> = bench.files("results", kind, name).into_values().collect();
    let step = all.len() / PLACES;
    all.into_iter().step_by(step.max(1)).take(PLACES).collect()
}

const TRIALS: [&str; 4] = ["--only", "method=npair", "--trials", "16"];

#[test]
fn damage_to_finished_runs_is_found_and_mended() {
    family("files cut short or altered", |figures| {
        let bench = short(1);
        let reference = Reference::of(&bench, &TRIALS);
        copy(&bench.path("reference"), &bench.path("results"));
        let kinds = [
            ("pretext", "recipe.json"),
            ("pretext", "provenance.json"),
            ("pretext", "metrics.jsonl"),
            ("pretext", "encoder.safetensors"),
            ("pretext", "done.json"),
            ("pretext", "lock"),
            ("eval", "recipe.json"),
            ("eval", "provenance.json"),
            ("eval", "metrics.jsonl"),
            ("eval", "result.json"),
            ("eval", "lock"),
        ];
        for (kind, name) in kinds {
            for damage in [Damage::Cut, Damage::Flip] {
                finished(&bench, &reference, kind, name, damage, figures);
            }
        }
        for name in ["failed.json", "progress.json"] {
            for damage in [Damage::Cut, Damage::Flip] {
                unfinished(&bench, &reference, name, damage, figures);
            }
        }
        // By all that was damaged and mended nothing else was touched.
        let sessions = bench.sessions("results");
        assert_eq!(sessions.len(), 3 * PLACES, "{sessions:?}");
        Ok(())
    });
}

/// Damages one file of each of 16 finished runs.
fn finished(bench: &Bench, reference: &Reference, kind: &str, name: &str, damage: Damage, figures: &mut Figures) {
    let (results, reports) = (bench.path("results"), bench.path("reports"));
    let paths = files(bench, kind, name);
    assert_eq!(paths.len(), PLACES);
    for (place, path) in paths.iter().enumerate() {
        damage.put_into(path, place);
    }
    figures.faults += PLACES;
    let fault = format!("{damage:?} {kind} {name}");
    let before = reference.finished(&results);

    let report = bench.program(&[&["report", "tiny.json"], &TRIALS[..]].concat());
    figures.ended(&report, &[0], &fault);
    reference.check_report(&reports, figures, &fault);
    let numbers_gone = reference.missing(&reports).len();
    let named = |path: &Path| shown(path, bench);
    if name != "recipe.json" && name != "lock" && name != "encoder.safetensors" {
        paths.iter().for_each(|path| figures.named(&report, &named(path), &format!("{fault}, report")));
    } else if numbers_gone > 0 {
        figures.unnamed += numbers_gone;
        figures.note(format!("{fault}: {numbers_gone} numbers are gone from the report"));
    }

    let ran = bench.run(&TRIALS);
    if name != "provenance.json" && name != "lock" {
        paths.iter().for_each(|path| figures.named(&ran, &named(path), &format!("{fault}, run")));
    }
    // A provenance that cannot be read tells no sessions, before and after.
    reference.check(&results, &before, figures, &fault);
    if name == "provenance.json" {
        // Nobody can know it any more; the report says that it is gone until it is back.
        let kept = bench.files("reference", kind, name);
        for path in paths {
            fs::copy(&kept[address(&path)], &path).unwrap();
        }
        bench.program(&[&["report", "tiny.json"], &TRIALS[..]].concat()).ended(0);
    }
    reference.check_end(&ran, &results, &reports, figures, &fault);
}

fn address(path: &Path) -> &str {
    path.parent().unwrap().file_name().unwrap().to_str().unwrap()
}

/// The path as messages have it.
fn shown(path: &Path, bench: &Bench) -> String {
    path.strip_prefix(bench.path("")).unwrap().display().to_string()
}

/// Damages a file that 16 evaluations left which did not come to their end.
fn unfinished(bench: &Bench, reference: &Reference, name: &str, damage: Damage, figures: &mut Figures) {
    let (results, reports) = (bench.path("results"), bench.path("reports"));
    let whole = unfinished_file(name);
    for (place, result) in files(bench, "eval", "result.json").into_iter().enumerate() {
        let path = result.with_file_name(name);
        fs::write(&path, &whole).unwrap();
        fs::remove_file(result).unwrap();
        damage.put_into(&path, place);
    }
    figures.faults += PLACES;
    let fault = format!("{damage:?} {name}");
    let before = reference.finished(&results);
    let report = bench.program(&[&["report", "tiny.json"], &TRIALS[..]].concat());
    figures.ended(&report, &[0], &fault);
    reference.check_report(&reports, figures, &fault);
    figures.ended(&bench.program(&["watch", "--once"]), &[0], &fault);
    if name == "failed.json" {
        let paths = bench.files("results", "eval", name).into_values();
        paths.for_each(|path| figures.named(&report, &shown(&path, bench), &format!("{fault}, report")));
    }
    let ran = bench.run(&TRIALS);
    reference.check(&results, &before, figures, &fault);
    reference.check_end(&ran, &results, &reports, figures, &fault);
}

/// A file as the program writes it.
fn unfinished_file(name: &str) -> String {
    if name == "progress.json" {
        let at = json!({ "stage": "epoch", "at": 1, "of": 2, "fraction": 0.5, "loss": 1.5, "items_per_second": 9.5, "seconds_left": 1.0 });
        let progress = json!({
            "format": 1, "label": "npair", "experiments": ["tiny"], "host": "alpha", "process": 1, "threads": 1, "told_at": 1, "at": at
        });
        return progress.to_string();
    }
    let bench = Bench::with(1, |experiment| {
        let set = &mut experiment["axes"]["method"]["moco"]["set"];
        (set["pretext.base_rate"], set["pretext.weight_decay"]) = (json!(1e6), json!(0.9));
    });
    bench.run(&["--only", "method=moco"]).ended(1).says("collapse");
    let path = bench.files("results", "pretext", name).into_values().next().unwrap();
    assert_eq!(read(&path)["body"]["kind"]["kind"], "collapse");
    fs::read_to_string(path).unwrap()
}

const ONE: [&str; 4] = ["--only", "method=moco", "--checkpoint-every", "0"];

#[test]
fn damaged_checkpoints_cost_time_and_change_nothing() {
    family("checkpoints cut short or altered", |figures| {
        let bench = short(6);
        let reference = Reference::of(&bench, &ONE);
        let half = interrupted(&bench);
        for damage in [Damage::Cut, Damage::Flip] {
            for place in 0..PLACES {
                // The newest one, and each of them by turns.
                for count in [1, 2].into_iter().take(if place % 4 == 0 { 2 } else { 1 }) {
                    resume(&bench, &reference, &half, (damage, place), count, figures);
                }
            }
        }
        // The lines so far are in the checkpoints as well.
        for place in 0..PLACES / 4 {
            resume(&bench, &reference, &half, (Damage::Flip, 4 * place), 0, figures);
        }
        Ok(())
    });
}

fn resume(
    bench: &Bench,
    reference: &Reference,
    half: &Path,
    (damage, place): (Damage, usize),
    count: usize,
    figures: &mut Figures,
) {
    let (results, reports) = (bench.path("results"), bench.path("reports"));
    let _ = fs::remove_dir_all(&results);
    copy(half, &results);
    let folder = bench.files("results", "pretext", "recipe.json").into_values().next().unwrap();
    let folder = folder.parent().unwrap();
    let damaged = if count == 0 {
        vec![folder.join("metrics.jsonl")]
    } else {
        checkpoints(folder).into_iter().rev().take(count).collect()
    };
    damaged.iter().for_each(|path| damage.put_into(path, place));
    figures.faults += damaged.len();
    let fault = format!("{damage:?} at {place} of {damaged:?}");
    let ran = bench.run(&ONE);
    if count > 0 {
        damaged.iter().for_each(|path| figures.named(&ran, &shown(path, bench), &fault));
    }
    reference.check_end(&ran, &results, &reports, figures, &fault);
}

/// Checkpoints of a folder, oldest first.
fn checkpoints(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().map(|entry| entry.unwrap().path());
    let mut found: Vec<PathBuf> =
        entries.filter(|path| path.file_name().unwrap().to_string_lossy().starts_with("checkpoint-")).collect();
    found.sort();
    found
}

/// A results folder with two checkpoints of a run that was killed.
fn interrupted(bench: &Bench) -> PathBuf {
    let deadline = Instant::now() + Duration::from_secs(60);
    let half = bench.path("half");
    loop {
        let _ = fs::remove_dir_all(&half);
        let mut run = bench.start(&[&ONE[..], &["--results", "half"]].concat());
        let folder = || bench.files("half", "pretext", "recipe.json").into_values().next();
        while folder().is_none_or(|path| checkpoints(path.parent().unwrap()).len() < 2)
            && run.try_wait().unwrap().is_none()
        {
            std::thread::sleep(Duration::from_millis(1));
        }
        let workers = children(run.id());
        signal(run.id(), libc::SIGKILL);
        workers.iter().for_each(|worker| signal(*worker, libc::SIGKILL));
        run.wait().unwrap();
        if bench.files("half", "pretext", "done.json").is_empty()
            && folder().is_some_and(|path| checkpoints(path.parent().unwrap()).len() == 2)
        {
            return half;
        }
        assert!(Instant::now() < deadline, "no run was killed between its checkpoints");
    }
}
