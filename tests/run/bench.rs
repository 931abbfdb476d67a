//! A folder with a tiny experiment, and the program run in it.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
#[cfg(target_os = "linux")]
use std::process::Child;
use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};
use tempfile::TempDir;

/// The cells' names: `method=npair`, `method=moco`, `method=byol`.
pub const METHODS: [&str; 3] = ["npair", "moco", "byol"];

pub struct Bench {
    folder: TempDir,
}

/// What a command left behind.
pub struct Ran {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl From<Output> for Ran {
    fn from(output: Output) -> Ran {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Ran { code: output.status.code(), stdout: text(&output.stdout), stderr: text(&output.stderr) }
    }
}

impl Ran {
    /// Panics with everything that was said unless the program ended with this code.
    #[track_caller]
    pub fn ended(self, code: i32) -> Ran {
        assert_eq!(self.code, Some(code), "stdout:\n{}\nstderr:\n{}", self.stdout, self.stderr);
        assert!(!self.stderr.contains("panicked"), "{}", self.stderr);
        self
    }

    #[track_caller]
    pub fn says(self, words: &str) -> Ran {
        assert!(self.stderr.contains(words), "no `{words}` in stderr:\n{}", self.stderr);
        self
    }
}

impl Bench {
    /// Encoders are trained for so many epochs of 29 steps.
    pub fn new(epochs: usize) -> Bench {
        Bench::with(epochs, |_| {})
    }

    /// With a change to the experiment file.
    pub fn with(epochs: usize, change: impl FnOnce(&mut Value)) -> Bench {
        let mut experiment = experiment(epochs);
        change(&mut experiment);
        Bench::of(&experiment.to_string())
    }

    /// With the text of an experiment file.
    pub fn of(experiment: &str) -> Bench {
        let bench = Bench { folder: tempfile::tempdir().unwrap() };
        fs::write(bench.path("tiny.json"), experiment).unwrap();
        bench
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// `repro run tiny.json` with more arguments.
    pub fn command(&self, arguments: &[&str]) -> Command {
        self.repro(&[&["run", "tiny.json"], arguments].concat())
    }

    /// What another command than `run` says.
    pub fn program(&self, arguments: &[&str]) -> Ran {
        self.repro(arguments).output().unwrap().into()
    }

    /// `repro` with these arguments.
    pub fn repro(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_repro"));
        command.args(arguments).current_dir(self.folder.path());
        // Whatever data sets or settings the machine has must not matter.
        command.env("HOME", self.folder.path()).env_remove("XDG_CACHE_HOME").env_remove("REPRO_DATA");
        command.env("RUST_BACKTRACE", "0").stdin(Stdio::null());
        command
    }

    pub fn run(&self, arguments: &[&str]) -> Ran {
        self.command(arguments).output().unwrap().into()
    }

    #[cfg(target_os = "linux")]
    pub fn start(&self, arguments: &[&str]) -> Child {
        self.command(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    }

    /// Files called `name` under a folder of results, `pretext` or `eval`, by the address of their run.
    pub fn files(&self, results: &str, kind: &str, name: &str) -> BTreeMap<String, PathBuf> {
        let folders = fs::read_dir(self.path(results).join(kind)).into_iter().flatten();
        let folders = folders.map(|entry| entry.unwrap()).filter(|entry| entry.path().join(name).exists());
        folders.map(|entry| (entry.file_name().into_string().unwrap(), entry.path().join(name))).collect()
    }

    /// Every byte that a run's recipe determines.
    pub fn outcome(&self, results: &str) -> BTreeMap<String, Vec<u8>> {
        let mut outcome = BTreeMap::new();
        let names = [
            ("pretext", "encoder.safetensors"),
            ("pretext", "metrics.jsonl"),
            ("pretext", "done.json"),
            ("eval", "metrics.jsonl"),
            ("eval", "result.json"),
        ];
        for (kind, name) in names {
            for (address, path) in self.files(results, kind, name) {
                outcome.insert(format!("{kind}/{address}/{name}"), fs::read(path).unwrap());
            }
        }
        outcome
    }

    /// Panics unless two folders of results hold the same files with the same bytes.
    #[track_caller]
    pub fn assert_same(&self, one: &str, other: &str) {
        let (one, other) = (self.outcome(one), self.outcome(other));
        assert!(!one.is_empty());
        assert_eq!(one.keys().collect::<Vec<_>>(), other.keys().collect::<Vec<_>>());
        for (name, bytes) in &one {
            assert!(*bytes == other[name], "{name} differs");
        }
    }

    /// Sessions of every run, by address.
    pub fn sessions(&self, results: &str) -> BTreeMap<String, u64> {
        let mut sessions = BTreeMap::new();
        for kind in ["pretext", "eval"] {
            for (address, path) in self.files(results, kind, "provenance.json") {
                sessions.insert(address, read(&path)["body"]["sessions"].as_u64().unwrap());
            }
        }
        sessions
    }
}

pub fn read(path: &Path) -> Value {
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

fn experiment(epochs: usize) -> Value {
    let method = |label: &str, set: Value| json!({ "label": label, "set": set, "paper": { "dataset": "CovType", "imix": true, "method": label } });
    json!({
        "id": "tiny",
        "title": "A tiny experiment",
        "expected": "Nothing.",
        "cost": "Seconds.",
        "paper": "table1",
        "trials": 1,
        "recipe": {
            "data": { "set": "covtype", "part": "embedded", "standardise": "all-rows" },
            "views": { "kind": "tabular", "mask": 0.2 },
            "network": { "kind": "mlp", "width": 1 },
            "pretext": {
                "mix": { "operator": "mixup", "alpha": 1 },
                "epochs": epochs, "warmup_epochs": 1, "schedule": { "kind": "cosine" },
                "batch": 512, "replicas": 1, "base_rate": 0.125, "momentum": 0.9, "weight_decay": 0.0001,
                "embedding": 16, "head": "mlpbn"
            },
            "evaluation": {
                "linear": {
                    "epochs": 3, "batch": 512, "rates": [1, 10], "momentum": 0.9, "weight_decay": 0,
                    "schedule": { "kind": "step", "at": [2], "factor": 0.2 }, "measure_from": 2, "validation": true
                },
                "pinv": { "batch": 512 }
            }
        },
        "axes": {
            "method": {
                "npair": method("N-pair", json!({ "pretext.method": "npair", "pretext.temperature": 0.1 })),
                "moco": method("MoCo v2", json!({
                    "pretext.method": "moco", "pretext.temperature": 0.1, "pretext.queue": 1024,
                    "pretext.key_momentum": 0.99, "pretext.shuffle_bn": true, "pretext.contrast": "n-plus-k"
                })),
                "byol": method("BYOL", json!({
                    "pretext.method": "byol", "pretext.predictor": "mlpbn1", "pretext.key_momentum": 0.99,
                    "pretext.shuffle_bn": true
                }))
            }
        },
        "report": { "kind": "table", "rows": "method", "columns": [], "reading": "linear/last/test-rate" }
    })
}
