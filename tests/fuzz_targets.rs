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

/// Every fixture goes through every target: a file is also read as what it is not. So do beginnings of it.
#[test]
fn fixtures_pass_every_target() {
    let folders =
        ["tests/fixtures", "tests/fixtures/cifar_layouts", "tests/fixtures/pictures", "tests/fixtures/recordings"];
    let fixtures: Vec<PathBuf> = folders.into_iter().flat_map(files).collect();
    assert!(fixtures.len() > 30, "{fixtures:?}");
    let small = fixtures.iter().filter(|path| path.metadata().is_ok_and(|file| file.len() < 130_000));
    for fixture in small {
        let bytes = fs::read(fixture).expect("a fixture");
        for (_, target) in targets::TARGETS {
            for sixteenths in [16, 15, 8, 1] {
                target(&bytes[..bytes.len() * sixteenths / 16]);
            }
        }
    }
}

/// What the fuzzer grew the fixtures into, and what crashed once.
#[test]
fn seeds_and_regressions_pass() {
    for (name, target) in targets::TARGETS {
        let seeds = files(&format!("fuzz/seeds/{name}"));
        assert!(!seeds.is_empty(), "{name} has no seeds");
        for path in seeds.into_iter().chain(files(&format!("fuzz/regressions/{name}"))) {
            target(&fs::read(path).expect("an input"));
        }
    }
}

#[test]
fn every_target_has_its_program() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz");
    let manifest = fs::read_to_string(root.join("Cargo.toml")).expect("the manifest");
    for (name, _) in targets::TARGETS {
        let program = fs::read_to_string(root.join(format!("fuzz_targets/{name}.rs"))).expect("the program");
        assert!(program.contains(&format!("imix_repro_fuzz::{name}(")), "{name}");
        assert!(manifest.contains(&format!("path = \"fuzz_targets/{name}.rs\"")), "{name}");
    }
}
