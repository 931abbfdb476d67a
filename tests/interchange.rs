//! `repro export` and `repro evaluate`, as a user runs them.

use std::fs;
use std::path::{Path, PathBuf};

use assert_cmd::Command;
use safetensors::SafeTensors;
use safetensors::tensor::Dtype;
use serde_json::{Value, json};
use tempfile::TempDir;

/// A folder with an experiment of one tiny MLP on the embedded part of CovType.
struct Bench(TempDir);

struct Ran {
    stdout: String,
    stderr: String,
}

impl Bench {
    fn new() -> Bench {
        let bench = Bench(TempDir::new().expect("a folder"));
        fs::write(bench.path("tiny.json"), experiment().to_string()).expect("written");
        bench
    }

    /// After `repro run tiny.json --only batch=512`.
    fn trained() -> Bench {
        let bench = Bench::new();
        bench.ends(0, &["run", "tiny.json", "--only", "batch=512"]);
        bench
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Panics with everything that was said unless the program ends with this code.
    #[track_caller]
    fn ends(&self, code: i32, arguments: &[&str]) -> Ran {
        let mut command = Command::cargo_bin("repro").expect("the binary");
        let folder = self.0.path();
        command.current_dir(folder).env_remove("REPRO_DATA").env("XDG_CACHE_HOME", folder).env("HOME", folder);
        let output = command.args(arguments).output().expect("output");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let ran = Ran { stdout: text(&output.stdout), stderr: text(&output.stderr) };
        assert_eq!(output.status.code(), Some(code), "stdout:\n{}\nstderr:\n{}", ran.stdout, ran.stderr);
        ran
    }

    /// The address of the only pretext run.
    fn address(&self) -> String {
        let mut runs = fs::read_dir(self.path("results/pretext")).expect("runs").map(|run| run.expect("a run"));
        let address = runs.next().expect("a run").file_name().into_string().expect("an address");
        assert!(runs.next().is_none(), "one run alone");
        address
    }

    /// Every reading of the evaluations in the results.
    fn readings(&self) -> serde_json::Map<String, Value> {
        let runs = fs::read_dir(self.path("results/eval")).expect("runs").map(|run| run.expect("a run").path());
        let results = runs.map(|run| read(&run.join("result.json"))["body"]["readings"].clone());
        results.flat_map(|readings| readings.as_object().expect("readings").clone()).collect()
    }
}

fn read(path: &Path) -> Value {
    serde_json::from_slice(&fs::read(path).expect("a file")).expect("JSON")
}

fn experiment() -> Value {
    let batch = |batch: usize| {
        let set = json!({ "evaluation.linear.batch": batch });
        json!({ "label": batch.to_string(), "set": set, "paper": { "dataset": "CovType", "imix": true, "method": "N-pair" } })
    };
    json!({
        "id": "tiny", "title": "A tiny experiment", "expected": "Nothing.", "cost": "Seconds.", "paper": "table1",
        "trials": 1,
        "recipe": {
            "data": { "set": "covtype", "part": "embedded", "standardise": "all-rows" },
            "views": { "kind": "tabular", "mask": 0.2 },
            "network": { "kind": "mlp", "width": 1 },
            "pretext": {
                "method": "npair", "temperature": 0.1, "mix": { "operator": "mixup", "alpha": 1 },
                "epochs": 1, "warmup_epochs": 0, "schedule": { "kind": "cosine" },
                "batch": 512, "replicas": 1, "base_rate": 0.125, "momentum": 0.9, "weight_decay": 0.0001,
                "embedding": 16, "head": "mlpbn"
            },
            "evaluation": {
                "linear": {
                    "epochs": 2, "batch": 512, "rates": [1, 10], "momentum": 0.9, "weight_decay": 0,
                    "schedule": { "kind": "step", "at": [1], "factor": 0.2 }, "measure_from": 1, "validation": true
                },
                "pinv": { "batch": 512 }
            }
        },
        "axes": { "batch": { "512": batch(512), "256": batch(256) } },
        "report": { "kind": "table", "rows": "batch", "columns": [], "reading": "linear/last/test-rate" }
    })
}

/// The same with a tiny ResNet on embedded pictures.
fn of_pictures() -> Value {
    let mut file = experiment();
    let recipe = &mut file["recipe"];
    recipe["data"] = json!({ "set": "emoji", "part": "embedded" });
    recipe["views"] = json!({
        "kind": "image", "crop_scale": 0.2, "jitter": [0.4, 0.4, 0.4, 0.1], "jitter_probability": 0.8,
        "greyscale_probability": 0.2, "flip_probability": 0.5, "blur_probability": 0
    });
    recipe["network"] = json!({ "kind": "resnet", "depth": 18, "width": 4, "stem": "cifar", "input_channels": 3 });
    recipe["evaluation"]["linear"]["validation"] = json!(false);
    recipe["evaluation"]["linear"]["views"] = json!({ "kind": "padded-crop", "padding": 4 });
    recipe["evaluation"].as_object_mut().expect("evaluations").remove("pinv");
    file
}

fn fixture(name: &str) -> String {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name).display().to_string()
}

#[test]
fn an_exported_encoder_has_pytorchs_names_and_gives_the_same_readings() {
    let bench = Bench::trained();
    let address = bench.address();
    let name = format!("encoder-covtype-npair-{}.safetensors", &address[..8]);
    let ran = bench.ends(0, &["export", &address[..6]]);
    assert!(ran.stdout.starts_with(&format!("{name}\n")), "{}", ran.stdout);
    assert!(ran.stdout.contains("strict=False"), "{}", ran.stdout);

    let bytes = fs::read(bench.path(&name)).expect("the file");
    let (_, header) = SafeTensors::read_metadata(&bytes).expect("a header");
    let metadata = header.metadata().as_ref().expect("metadata");
    assert_eq!(metadata["address"], address);
    assert_eq!(metadata["dataset"], "covtype");
    assert_eq!(metadata["method"], "npair");
    assert_eq!(metadata["architecture"], r#"{"kind":"mlp","width":1}"#);
    let file = SafeTensors::deserialize(&bytes).expect("tensors");
    assert_eq!(file.tensor("fc2.weight").expect("a layer").shape(), [64, 4]);
    let count = file.tensor("body.3.1.num_batches_tracked").expect("a count");
    assert_eq!((count.dtype(), count.shape()), (Dtype::I64, [].as_slice()));
    assert!(file.names().iter().all(|name| !name.starts_with("fc.")), "no head");

    let evaluate = ["evaluate", "tiny.json", "--encoder", &name, "--only", "batch=512"];
    let ran = bench.ends(0, &[&evaluate[..], &["--json"]].concat());
    let found: Value = serde_json::from_str(&ran.stdout).expect("JSON");
    assert_eq!(found["readings"].as_object().expect("readings"), &bench.readings());
    assert_eq!(found["encoder"]["network"], json!({ "kind": "mlp", "width": 1 }));
    assert_eq!(found["encoder"]["passed_over"], json!({ "batch counts": 4 }));
    assert!(ran.stderr.contains("An encoder from elsewhere") && ran.stderr.contains("SHA-256"), "{}", ran.stderr);

    let ran = bench.ends(0, &[&evaluate[..], &["--quiet"]].concat());
    assert!(ran.stdout.contains("pinv") && ran.stdout.contains("linear/last/test-rate"), "{}", ran.stdout);
    assert_eq!(ran.stderr, "");
}

#[test]
fn an_exported_resnet_has_torchvisions_names_and_gives_the_same_readings() {
    let bench = Bench::new();
    fs::write(bench.path("tiny.json"), of_pictures().to_string()).expect("written");
    bench.ends(0, &["run", "tiny.json", "--only", "batch=512"]);
    let ran = bench.ends(0, &["export", &bench.address(), "--output", "out.safetensors"]);
    assert!(ran.stdout.contains("resnet18(in_planes=4"), "{}", ran.stdout);
    let bytes = fs::read(bench.path("out.safetensors")).expect("the file");
    let file = SafeTensors::deserialize(&bytes).expect("tensors");
    assert_eq!(file.tensor("conv1.weight").expect("the stem").shape(), [4, 3, 3, 3]);
    assert_eq!(file.tensor("layer2.0.downsample.0.weight").expect("a shortcut").shape(), [8, 4, 1, 1]);
    assert_eq!(file.tensor("layer4.1.bn2.running_var").expect("statistics").shape(), [32]);

    let ran =
        bench.ends(0, &["evaluate", "tiny.json", "--encoder", "out.safetensors", "--only", "batch=512", "--json"]);
    let found: Value = serde_json::from_str(&ran.stdout).expect("JSON");
    assert_eq!(found["readings"].as_object().expect("readings"), &bench.readings());
    assert_eq!(found["encoder"]["network"]["depth"], 18);
}

#[test]
fn a_file_is_never_written_over_unasked() {
    let bench = Bench::trained();
    let run = format!("results/pretext/{}", bench.address());
    let export = ["export", &run, "--output", "out.safetensors"];
    let first = bench.ends(0, &[&export[..], &["--quiet"]].concat());
    assert_eq!(first.stdout, "out.safetensors\n");
    fs::write(bench.path("out.safetensors"), "mine").expect("written");
    let refused = bench.ends(2, &export);
    assert!(refused.stderr.contains("out.safetensors exists already"), "{}", refused.stderr);
    assert_eq!(fs::read(bench.path("out.safetensors")).expect("the file"), b"mine");
    bench.ends(0, &[&export[..], &["--force"]].concat());
    assert_ne!(fs::read(bench.path("out.safetensors")).expect("the file"), b"mine");
}

#[test]
fn runs_that_cannot_be_exported_are_told() {
    let bench = Bench::new();
    assert!(bench.ends(2, &["export", "12"]).stderr.contains("there is no folder results"));
    bench.ends(0, &["run", "tiny.json", "--only", "batch=512"]);
    let address = bench.address();
    let unknown = bench.ends(2, &["export", "xyz"]).stderr;
    assert!(
        unknown.contains("no run `xyz`") && unknown.contains(&format!("{address}  covtype npair, seed 0")),
        "{unknown}"
    );
    assert!(bench.ends(2, &["export", "."]).stderr.contains("expected recipe.json in it"));

    let twin = bench.path("results/pretext").join(format!("{}{}", &address[..4], "0".repeat(16)));
    fs::create_dir(&twin).expect("a folder");
    fs::copy(bench.path("results/pretext").join(&address).join("recipe.json"), twin.join("recipe.json"))
        .expect("copied");
    let ambiguous = bench.ends(2, &["export", &address[..4]]).stderr;
    assert!(ambiguous.contains("is the beginning of 2 runs"), "{ambiguous}");
    let unfinished = bench.ends(2, &["export", twin.to_str().expect("a path")]).stderr;
    assert!(unfinished.contains("is not finished"), "{unfinished}");
}

#[test]
fn an_encoder_of_pytorch_is_evaluated() {
    let bench = Bench::new();
    let file = fixture("encoder-mlp.pth");
    let evaluate = ["evaluate", "tiny.json", "--encoder", &file, "--only", "batch=512"];
    let ran = bench.ends(0, &evaluate);
    assert!(ran.stderr.contains("MLP of width 1 on 10 + 4 + 40 inputs"), "{}", ran.stderr);
    assert!(ran.stderr.contains("passed over: 2 projection head or classifier, 4 batch counts"), "{}", ran.stderr);
    let again = bench.ends(0, &evaluate);
    assert_eq!(ran.stdout, again.stdout);
    assert!(!bench.path("results").exists(), "nothing is kept");
}

#[test]
fn what_does_not_go_together_is_refused() {
    let bench = Bench::new();
    let mlp = fixture("encoder-mlp.pth");
    let differing = bench.ends(2, &["evaluate", "tiny.json", "--encoder", &mlp]).stderr;
    assert!(differing.contains("do not agree on data and evaluation"), "{differing}");
    assert!(differing.contains("evaluation.linear.batch") && differing.contains("batch=256"), "{differing}");
    let only = ["--only", "batch=512"];
    let resnet = fixture("encoder.pth");
    let unfit = bench.ends(2, &[&["evaluate", "tiny.json", "--encoder", &resnet][..], &only].concat()).stderr;
    assert!(unfit.contains("a ResNet") && unfit.contains("54 columns"), "{unfit}");
    let absent = bench.ends(2, &[&["evaluate", "tiny.json", "--encoder", "none.pth"][..], &only].concat()).stderr;
    assert!(absent.contains("cannot read none.pth"), "{absent}");
    let legacy = fixture("encoder-legacy.pth");
    let old = bench.ends(2, &[&["evaluate", "tiny.json", "--encoder", &legacy][..], &only].concat()).stderr;
    assert!(old.contains("convert it in Python"), "{old}");
}
