//! What the fuzz targets do, with their seeds and with all that they ever found.

#[path = "../fuzz/src/lib.rs"]
mod targets;

use std::fs;
use std::path::{Path, PathBuf};

fn files(folder: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let mut files: Vec<PathBuf> = fs::read_dir(folder)
        .into_iter()
        .flatten()
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.is_file())
        .collect();
    files.sort();
    files
}

/// Every seed goes through every target: a file is also read as what it is not. So do beginnings of it.
#[test]
fn seeds_and_regressions_pass() {
    let folders = [
        "tests/fixtures",
        "tests/fixtures/cifar_layouts",
        "tests/fixtures/pictures",
        "tests/fixtures/recordings",
        "fuzz/seeds/covtype",
    ];
    let seeds: Vec<PathBuf> = folders.into_iter().flat_map(files).collect();
    assert!(seeds.len() > 30, "{seeds:?}");
    let small = seeds.iter().filter(|path| path.metadata().is_ok_and(|file| file.len() < 130_000));
    for seed in small {
        let bytes = fs::read(seed).expect("a seed");
        for (_, target) in targets::TARGETS {
            for sixteenths in [16, 15, 8, 1] {
                target(&bytes[..bytes.len() * sixteenths / 16]);
            }
        }
    }
    for (name, target) in targets::TARGETS {
        for regression in files(&format!("fuzz/regressions/{name}")) {
            target(&fs::read(regression).expect("a regression"));
        }
    }
}
