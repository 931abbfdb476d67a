//! `repro run --executor slurm` where there is no Slurm, and options that do not go together.

use crate::bench::{Bench, Ran};

const SLURM: [&str; 2] = ["--executor", "slurm"];

/// A run on a machine without Slurm.
fn run(bench: &Bench, arguments: &[&str]) -> Ran {
    bench.command(arguments).env("PATH", bench.path("nothing")).output().unwrap().into()
}

#[test]
fn a_dry_run_prints_the_scripts_and_leaves_nothing() {
    let bench = Bench::new(1);
    let options = ["--gpus", "1", "--time", "2:00:00", "--array-limit", "20", "--partition", "long", "--dry-run"];
    let extra = ["--data", "some data", "--", "--account=lab"];
    let ran = run(&bench, &[&SLURM[..], &options, &extra].concat()).ended(0);
    for line in [
        "#SBATCH --array=0-2%20",
        "#SBATCH --gres=gpu:1",
        "#SBATCH --time=2:00:00",
        "#SBATCH --partition=\"long\"",
        "#SBATCH --cpus-per-task=1",
        "#SBATCH --requeue",
    ] {
        assert_eq!(ran.stdout.lines().filter(|found| *found == line).count(), 2, "{line} in\n{}", ran.stdout);
    }
    let first = ran.stdout.lines().next().unwrap();
    assert!(first.starts_with("# JOB0: sbatch --parsable --account=lab /"), "{first}");
    assert!(ran.stdout.contains("# JOB1: sbatch --parsable --dependency=aftercorr:JOB0"), "{}", ran.stdout);
    assert!(!ran.stdout.contains("Demo scale"), "stdout is for the scripts: {}", ran.stdout);
    assert!(!bench.path("results").exists() && !bench.path("reports").exists());
    ran.says("9 pretext runs and evaluations to do, 0 done already");
}

#[test]
fn without_slurm_nothing_is_submitted_and_the_way_out_is_named() {
    let bench = Bench::new(1);
    run(&bench, &SLURM).ended(2).says("cannot find `sbatch`").says("--dry-run").says("--executor local");
    assert!(bench.files("results", "pretext", "recipe.json").is_empty());
    bench.program(&["status"]).ended(0);
    bench.program(&["cancel"]).ended(3);
    bench.program(&["status", "tabel1"]).ended(2).says("did you mean `table1`?");
}

#[test]
fn options_that_do_not_go_together_are_refused() {
    let bench = Bench::new(1);
    for (flags, flag) in [
        (&["--gpus", "1"][..], "--gpus"),
        (&["--time", "10"], "--time"),
        (&["--wait"], "--wait"),
        (&["--dry-run"], "--dry-run"),
        (&["--", "--mem=8G"], "-- SBATCH OPTION"),
    ] {
        run(&bench, flags).ended(2).says(&format!("{flag} is for --executor slurm"));
    }
    run(&bench, &[&SLURM[..], &["--jobs", "2"]].concat()).ended(2).says("--jobs is for --executor local");
    run(&bench, &[&SLURM[..], &["--time", "2h"]].concat()).ended(2).says("`2h` is no time limit");
    run(&bench, &[&SLURM[..], &["--", "--array=1"]].concat()).ended(2).says("--array=1 cannot be handed to sbatch");
    run(&bench, &[&SLURM[..], &["--wait", "--dry-run"]].concat()).ended(2);
    if cfg!(not(feature = "nccl")) {
        run(&bench, &[&SLURM[..], &["--gpus", "2"]].concat()).ended(2).says("--gpus 2: a trial trains on all GPUs");
    }
    run(&bench, &["--executor", "pbs"]).ended(2).says("local, slurm");
    assert!(!bench.path("results").exists());
}

#[test]
fn a_task_started_by_hand_says_what_it_is_for() {
    let bench = Bench::new(1);
    bench.program(&["slurm-task", "1", "0"]).ended(2).says("SLURM_ARRAY_TASK_ID is not set");
    let mut task = bench.repro(&["slurm-task", "1", "0"]);
    let ran = Ran::from(task.env("SLURM_ARRAY_TASK_ID", "0").output().unwrap()).ended(2);
    ran.says("submission.json").says("it is gone");
    let mut task = bench.repro(&["slurm-task", "1", "0"]);
    Ran::from(task.env("SLURM_ARRAY_TASK_ID", "x").output().unwrap()).ended(2).says("expected a number");
}
