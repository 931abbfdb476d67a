//! What a run that goes well prints and leaves.

use crate::bench::{Bench, read};

#[test]
fn a_demo_says_what_it_is_first_and_last_and_is_never_done_twice() {
    let bench = Bench::new(1);
    let ran = bench.run(&[]).ended(0).says("9 pretext runs and evaluations to do, 0 done already");
    for line in [ran.stdout.lines().next().unwrap(), ran.stdout.lines().last().unwrap()] {
        assert!(line.contains("embedded data") && line.contains("not comparable with the paper"), "{line}");
    }
    assert!(ran.stdout.contains("MoCo v2"), "{}", ran.stdout);
    assert!(bench.path("reports/tiny/demo/table.md").exists());
    let again = bench.run(&[]).ended(3).says("nothing to do: every trial was done already");
    assert!(again.stdout.contains("MoCo v2"), "the table is printed all the same: {}", again.stdout);
    assert!(bench.sessions("results").values().all(|sessions| *sessions == 1));
}

#[test]
fn results_do_not_depend_on_jobs_or_threads() {
    let bench = Bench::new(2);
    bench.run(&["--jobs", "1", "--results", "one"]).ended(0);
    bench.run(&["--jobs", "5", "--results", "five"]).ended(0);
    bench.assert_same("one", "five");
}

#[test]
fn quiet_says_nothing_on_stderr() {
    let bench = Bench::new(1);
    let ran = bench.run(&["--quiet", "--only", "method=npair"]).ended(0);
    assert_eq!(ran.stderr, "");
}

#[test]
fn provenance_says_where_a_result_comes_from() {
    let bench = Bench::new(1);
    bench.run(&["--only", "method=npair", "--jobs", "1"]).ended(0);
    let path = bench.files("results", "pretext", "provenance.json").into_values().next().unwrap();
    let provenance = &read(&path)["body"];
    assert!(provenance["program"].as_str().unwrap().starts_with("imix-repro "));
    assert!(provenance["crates"]["gemm"].is_string() && provenance["crates"]["candle-core"].is_string());
    assert!(provenance["command"].as_array().unwrap().iter().any(|word| word == "method=npair"));
    assert!(provenance["wall_seconds"].as_f64().unwrap() > 0.0);
    assert_eq!(provenance["precision"], "f32");
}
