//! `repro verify`: finished runs, done again and compared.

use std::fs;
use std::path::{Path, PathBuf};

use imix_repro::store::{Done, EvaluationResult, Provenance, Trace, checksum, read_sealed, write_sealed};
use serde_json::Value;

use crate::bench::Bench;

const ONLY: [&str; 2] = ["--only", "method=moco"];

fn first(bench: &Bench, kind: &str, name: &str) -> PathBuf {
    bench.files("results", kind, name).into_values().next().unwrap()
}

/// Changes what `done.json` says, and seals it again as a forger would.
fn forge(path: &Path, change: impl FnOnce(&mut Done)) {
    let mut done: Done = read_sealed(path).unwrap().unwrap();
    change(&mut done);
    write_sealed(path, &done).unwrap();
}

/// Every file of the results with its bytes.
fn everything(bench: &Bench) -> Vec<(PathBuf, Vec<u8>)> {
    let mut files = Vec::new();
    for kind in ["pretext", "eval"] {
        for run in fs::read_dir(bench.path("results").join(kind)).unwrap() {
            let entries = fs::read_dir(run.unwrap().path()).unwrap().map(|entry| entry.unwrap().path());
            files.extend(entries.map(|path| (path.clone(), fs::read(path).unwrap())));
        }
    }
    files.sort();
    files
}

#[test]
fn finished_runs_come_out_again_with_the_same_bits() {
    let bench = Bench::new(2);
    // On one thread each, and verified on as many as there are.
    bench.run(&[&ONLY[..], &["--jobs", "2"]].concat()).ended(0);
    let before = everything(&bench);
    let run = first(&bench, "pretext", "done.json").parent().unwrap().to_owned();
    let address = run.file_name().unwrap().to_string_lossy().into_owned();

    let one = bench.program(&["verify", &address[..8]]).ended(0);
    assert!(one.stdout.contains("step 10: loss") && one.stdout.contains("parameters after step 10"), "{}", one.stdout);
    assert!(one.stdout.contains("identical: the first 10 steps gave the same bits again"), "{}", one.stdout);
    let few = bench.program(&["verify", &run.display().to_string(), "--steps", "3"]).ended(0);
    assert!(few.stdout.contains("identical: the first 3 steps"), "{}", few.stdout);
    assert!(!few.stdout.contains("step 4") && !few.stdout.contains("parameters"), "{}", few.stdout);

    let all = bench.program(&["verify", "all", "--epochs", "9"]).ended(0);
    assert!(
        all.stdout.contains("identical: the first 2 epochs, all there are, gave the same bits again"),
        "{}",
        all.stdout
    );
    assert!(all.stdout.contains("3 identical, 0 within rounding, 0 different, 0 not verified"), "{}", all.stdout);
    assert_eq!(everything(&bench), before, "verifying wrote something");
}

#[test]
fn numbers_that_do_not_come_out_are_named() {
    let bench = Bench::new(1);
    bench.run(&ONLY).ended(0);
    let done = first(&bench, "pretext", "done.json");
    let run = done.parent().unwrap().display().to_string();
    let honest = fs::read(&done).unwrap();

    forge(&done, |done| done.trace.as_mut().unwrap().steps[4].loss *= 1.01);
    let found = bench.program(&["verify", &run]).ended(4);
    assert!(found.stdout.contains("different: step 5: loss was"), "{}", found.stdout);

    fs::write(&done, &honest).unwrap();
    forge(&done, |done| done.trace.as_mut().unwrap().parameters = Some("0".repeat(64)));
    let found = bench.program(&["verify", &run]).ended(4);
    assert!(found.stdout.contains("gave the same numbers but other content"), "{}", found.stdout);

    // What is not recorded is not what came out.
    fs::write(&done, &honest).unwrap();
    forge(&done, |done| *done.trace.as_mut().unwrap() = Trace::default());
    let found = bench.program(&["verify", &run]).ended(4);
    assert!(found.stdout.contains("different: step 1: loss was NaN"), "{}", found.stdout);

    fs::write(&done, &honest).unwrap();
    forge(&done, |done| {
        let trace = done.trace.as_mut().unwrap();
        let loss = &mut trace.steps[9].loss;
        *loss = f64::from(f32::from_bits((*loss as f32).to_bits() + 1));
        trace.parameters = Some("0".repeat(64));
    });
    bench.program(&["verify", &run]).ended(4);
    // On another kind of processor that may be.
    let provenance = done.with_file_name("provenance.json");
    let mut elsewhere: Provenance = read_sealed(&provenance).unwrap().unwrap();
    elsewhere.device = "cpu (another one)".to_owned();
    write_sealed(&provenance, &elsewhere).unwrap();
    let found = bench.program(&["verify", &run, "--json"]).ended(0);
    let found: Value = serde_json::from_str(&found.stdout).unwrap();
    assert_eq!(found[0]["agreement"], "rounding");
    assert!(found[0]["largest_difference"].as_f64().is_some_and(|difference| 0.0 < difference && difference < 1e-6));

    let result = first(&bench, "eval", "result.json");
    let mut forged: EvaluationResult = read_sealed(&result).unwrap().unwrap();
    forged.readings.values_mut().for_each(|value| *value += 5.0);
    write_sealed(&result, &forged).unwrap();
    let evaluation = result.parent().unwrap().display().to_string();
    assert!(bench.program(&["verify", &evaluation]).ended(4).stdout.contains("different: "));
}

#[test]
fn another_encoder_is_found_by_doing_the_whole_run_again() {
    let bench = Bench::new(1);
    bench.run(&ONLY).ended(0);
    let done = first(&bench, "pretext", "done.json");
    let (run, encoder) = (done.parent().unwrap().display().to_string(), done.with_file_name("encoder.safetensors"));
    let whole = bench.program(&["verify", &run, "--epochs", "9"]).ended(0);
    assert!(
        whole.stdout.contains("identical: the first epoch, all there are, gave the same bits again"),
        "{}",
        whole.stdout
    );
    let mut bytes = fs::read(&encoder).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(&encoder, &bytes).unwrap();
    forge(&done, |done| drop(done.files.insert("encoder.safetensors".to_owned(), checksum(&bytes))));
    let whole = bench.program(&["verify", &run, "--epochs", "9"]).ended(4);
    assert!(whole.stdout.contains("gave the same numbers but other content"), "{}", whole.stdout);
}

#[test]
fn what_cannot_be_verified_is_told() {
    let bench = Bench::new(1);
    assert!(bench.program(&["verify", "all"]).ended(2).stderr.contains("no finished runs in results"));
    bench.run(&ONLY).ended(0);
    bench.program(&["verify", "all", "1f"]).ended(2).says("`all` stands for every finished run");
    let done = first(&bench, "pretext", "done.json");
    let run = done.parent().unwrap().to_owned();
    let name = run.display().to_string();
    let address = run.file_name().unwrap().to_string_lossy().into_owned();

    // As releases left it that kept no trace.
    forge(&done, |done| done.trace = None);
    bench.program(&["verify", &name]).ended(2).says("holds no trace").says("--epochs 1");
    bench.program(&["verify", &name, "--epochs", "1"]).ended(0);

    let elsewhere = run.with_file_name("elsewhere");
    fs::rename(&run, &elsewhere).unwrap();
    let moved = bench.program(&["verify", &elsewhere.display().to_string()]).ended(2);
    moved.says(&address).says("expected it in the folder");
    fs::rename(&elsewhere, &run).unwrap();

    fs::write(run.join("encoder.safetensors"), b"nothing").unwrap();
    // The evaluations of the damaged encoder cannot be done again either.
    let all =
        bench.program(&["verify", "all", "--epochs", "1"]).ended(2).says("encoder.safetensors is not what was written");
    assert!(all.stdout.contains("0 identical, 0 within rounding, 0 different, 3 not verified"), "{}", all.stdout);

    fs::remove_file(&done).unwrap();
    bench.program(&["verify", &name]).ended(2).says("it is not finished");
    bench.program(&["verify", "all", "--epochs", "1"]).ended(2).says("1 run not finished, and left out");
}
