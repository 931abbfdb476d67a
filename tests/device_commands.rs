//! `repro selftest` and `repro bench`, as a user runs them on a machine without a GPU.

use std::process::Output;

use assert_cmd::Command;
use serde_json::Value;
use tempfile::TempDir;

fn repro(arguments: &[&str]) -> Output {
    let folder = TempDir::new().expect("a folder");
    let mut command = Command::cargo_bin("repro").expect("the binary");
    command.current_dir(folder.path()).env_remove("REPRO_DATA").env("XDG_CACHE_HOME", folder.path());
    command.args(arguments).output().expect("output")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn the_cpu_passes_its_self_test() {
    let output = repro(&["selftest", "--device", "cpu"]);
    let (table, said) = (text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(0), "{table}{said}");
    assert!(table.starts_with("check  "), "{table}");
    for check in ["linear: forward with bias", "pixel norm: input gradient", "step of BYOL + i-Mix at layer 2: loss"] {
        assert!(table.contains(check), "no `{check}` in\n{table}");
    }
    let ending = table.lines().last().unwrap_or_default();
    assert!(ending.starts_with("All ") && ending.ends_with("against plain definitions."), "{ending}");
    assert!(!table.contains("FAILED"));
}

#[test]
fn a_quick_bench_measures_every_network() {
    let output = repro(&["bench", "--device", "cpu", "--quick", "--json"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let measured: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(measured["device"], "cpu");
    assert_eq!(measured["precisions"].as_array().map(Vec::len), Some(1));
    let measured = &measured["precisions"][0];
    assert_eq!(measured["precision"], "f32");
    assert!(measured["peak_flops_per_second"].as_f64() > Some(0.0));
    let networks = measured["networks"].as_array().expect("networks");
    let names: Vec<&str> = networks.iter().filter_map(|speed| speed["network"].as_str()).collect();
    assert_eq!(names, ["MLP, width 8", "ResNet-18, width 8", "ResNet-50, width 8"]);
    for speed in networks {
        assert!(speed["items_per_second"].as_f64() > Some(0.0), "{speed}");
        assert!(speed["batch"].as_u64() <= speed["published_batch"].as_u64(), "{speed}");
    }
}

#[test]
fn the_quick_table_says_that_it_is_quick() {
    let output = repro(&["bench", "--device", "cpu", "--quick", "--quiet"]);
    let table = text(&output.stdout);
    assert!(table.contains("Quick: narrow networks and small batches, not those of the paper."), "{table}");
    assert!(output.stderr.is_empty(), "{}", text(&output.stderr));
}

#[test]
fn the_cpu_has_one_precision() {
    for command in ["selftest", "bench"] {
        let output = repro(&[command, "--device", "cpu", "--precision", "bf16"]);
        assert_eq!(output.status.code(), Some(2));
        assert!(text(&output.stderr).ends_with(
            "error: the CPU computes in f32, not in bf16: use a GPU (--device cuda:N), or a recipe without `precision`\n"
        ));
    }
}

#[test]
fn a_device_that_cannot_be_used_is_refused_with_what_to_do() {
    for command in ["selftest", "bench"] {
        let output = repro(&[command, "--device", "gpu"]);
        assert_eq!(output.status.code(), Some(2));
        assert_eq!(text(&output.stderr), "error: --device: expected auto, cpu or cuda:N, found `gpu`\n");
        // There is no build that has so many.
        let output = repro(&[command, "--device", "cuda:4000"]);
        assert_eq!(output.status.code(), Some(2));
        let said = text(&output.stderr);
        assert!(said.starts_with("error: --device cuda:4000: ") && said.contains("--device cpu"), "{said}");
    }
}
