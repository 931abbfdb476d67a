//! Tells the program where it was built from: the git commit and the crates that do its arithmetic. With the feature
//! `cuda`, compiles the GPU's kernels.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const ARITHMETIC: [&str; 5] = ["candle-core", "candle-nn", "faer", "gemm", "rand_chacha"];

fn main() {
    let root = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").expect("cargo sets it"));
    println!("cargo::rustc-env=REPRO_COMMIT={}", commit(&root));
    println!("cargo::rustc-env=REPRO_CRATES={}", crates(&root));
    // A file that is not there would run this script, and so the compiler, at every build.
    for path in ["build.rs", "Cargo.toml", "Cargo.lock", "src", "experiments"].map(|name| root.join(name)) {
        watch(&path);
    }
    if env::var_os("CARGO_FEATURE_CUDA").is_some()
        && let Err(problem) = compile_kernels(&root)
    {
        eprintln!("{problem}");
        std::process::exit(1);
    }
}

/// Compiles the kernels for every major architecture that nvcc knows, and as PTX for later ones: `kernels.fatbin`.
fn compile_kernels(root: &Path) -> Result<(), String> {
    let nvcc = nvcc();
    let run = |command: &mut Command| {
        let output = command.output().map_err(|error| {
            format!(
                "the feature `cuda` needs nvcc, and `{}` cannot be started ({error}): install a CUDA toolkit of 12.0 or \
                 newer, and put its `bin` on the PATH or its folder into CUDA_HOME; see docs/cuda.md",
                nvcc.display()
            )
        })?;
        let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        if output.status.success() { Ok(text) } else { Err(format!("{} failed:\n{text}", nvcc.display())) }
    };
    let version = run(Command::new(&nvcc).arg("--version"))?;
    let release = version.split("release ").nth(1).and_then(|rest| rest.split([',', ' ', '\n']).next());
    let number = release.and_then(|release| release.split_once('.'));
    let number =
        number.and_then(|(major, minor)| Some(1000 * major.parse::<u32>().ok()? + 10 * minor.parse::<u32>().ok()?));
    let number = number.ok_or_else(|| format!("`nvcc --version` names no release:\n{version}"))?;
    if number < 12_000 {
        return Err(format!("nvcc is too old: found CUDA {}, expected 12.0 or newer", release.unwrap_or_default()));
    }
    println!("cargo::rustc-env=REPRO_CUDA={number}");
    let image = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets it")).join("kernels.fatbin");
    let source = root.join("src/kernels/cuda/source/all.cu");
    // Without fused multiply-adds every operation rounds as on the CPU.
    let options = ["--fatbin", "-arch=all-major", "--fmad=false", "-Wno-deprecated-gpu-targets", "-o"];
    run(Command::new(&nvcc).args(options).arg(image).arg(source))?;
    Ok(())
}

fn nvcc() -> PathBuf {
    for name in ["CUDA_HOME", "CUDA_PATH"] {
        println!("cargo::rerun-if-env-changed={name}");
        if let Some(folder) = env::var_os(name).filter(|folder| !folder.is_empty()) {
            return PathBuf::from(folder).join("bin/nvcc");
        }
    }
    PathBuf::from("nvcc")
}

fn watch(path: &Path) {
    if path.exists() {
        println!("cargo::rerun-if-changed={}", path.display());
    }
}

/// The commit of a checkout, with `-dirty` where it has changes; that of a published package; or `unknown`.
fn commit(root: &Path) -> String {
    // A folder that merely lies inside somebody's checkout is not at that checkout's commit.
    let top = git(root, &["rev-parse", "--show-toplevel"]).map(PathBuf::from);
    if top.and_then(|top| top.canonicalize().ok()) != root.canonicalize().ok() {
        return published(root).unwrap_or_else(|| "unknown".to_owned());
    }
    // `logs/HEAD` grows with every commit; the index is left out, because `git status` alone rewrites it.
    for name in ["HEAD", "logs/HEAD"] {
        if let Some(path) = git(root, &["rev-parse", "--git-path", name]) {
            watch(&root.join(path));
        }
    }
    let Some(commit) = git(root, &["rev-parse", "HEAD"]) else { return "unknown".to_owned() };
    match git(root, &["status", "--porcelain"]) {
        Some(changes) if changes.is_empty() => commit,
        _ => format!("{commit}-dirty"),
    }
}

fn git(root: &Path, arguments: &[&str]) -> Option<String> {
    let mut command = Command::new("git");
    command.current_dir(root).args(arguments).env("GIT_OPTIONAL_LOCKS", "0");
    let output = command.output().ok().filter(|output| output.status.success())?;
    Some(String::from_utf8(output.stdout).ok()?.trim().to_owned())
}

/// What `cargo package` notes down.
fn published(root: &Path) -> Option<String> {
    let text = fs::read_to_string(root.join(".cargo_vcs_info.json")).ok()?;
    let (_, rest) = text.split_once("\"sha1\"")?;
    Some(rest.split('"').nth(1)?.to_owned())
}

/// `name=version,...` from the lock file.
fn crates(root: &Path) -> String {
    let lock = fs::read_to_string(root.join("Cargo.lock")).unwrap_or_default();
    let mut found = Vec::new();
    let mut lines = lock.lines();
    while let Some(line) = lines.next() {
        let Some(name) = line.strip_prefix("name = ").map(|name| name.trim_matches('"')) else { continue };
        let version = lines.next().and_then(|line| line.strip_prefix("version = "));
        if let Some(version) = version.filter(|_| ARITHMETIC.contains(&name)) {
            found.push(format!("{name}={}", version.trim_matches('"')));
        }
    }
    found.join(",")
}
