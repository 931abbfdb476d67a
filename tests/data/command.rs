//! `repro data` as a user meets it.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::server::{Answer, Server};
use assert_cmd::Command;
use assert_cmd::assert::Assert;
use flate2::Compression;
use flate2::write::GzEncoder;
use imix_repro::data::{Library, Set, TabularSet};
use imix_repro::recipe::{DataSet, DataSettings, Part, Standardise};

/// A command that sees no data but what a test gives it.
pub fn repro(home: &Path) -> Command {
    let mut command = Command::cargo_bin("repro").expect("the program is built");
    for name in ["REPRO_DATA", "REPRO_DATA_URL", "XDG_CACHE_HOME", "http_proxy", "HTTP_PROXY", "ALL_PROXY", "all_proxy"]
    {
        command.env_remove(name);
    }
    command.env("HOME", home).env("REPRO_DATA_TIMEOUT", "0.3");
    command
}

pub fn text(assert: &Assert, home: &Path) -> String {
    let output = assert.get_output();
    let both = [&output.stdout[..], &output.stderr[..]].concat();
    String::from_utf8_lossy(&both).replace(&home.display().to_string(), "HOME")
}

pub fn gzip(content: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(content).expect("memory takes all");
    encoder.finish().expect("memory takes all")
}

pub fn place(root: &Path, name: &str, bytes: &[u8]) -> PathBuf {
    let path = root.join(name);
    fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
    fs::write(&path, bytes).expect("a file");
    path
}

/// A sound row of CovType.
fn row() -> String {
    let mut fields = vec!["0"; 55];
    (fields[0], fields[10], fields[14], fields[54]) = ("2596", "1", "1", "5");
    fields.join(",") + "\n"
}

#[cfg(target_os = "linux")]
#[test]
fn status_lists_every_set() {
    let home = tempfile::tempdir().expect("a folder");
    let assert = repro(home.path()).args(["data", "status"]).assert().code(0);
    insta::assert_snapshot!(text(&assert, home.path()), @r#"
    SET                 PART      ROWS (TRAIN + TEST)   STATE    LICENCE                PATH
    cifar10             full      50,000 + 10,000       missing  none stated
    cifar100            full      50,000 + 10,000       missing  none stated
    speech-commands     full      56,196 + 6,835        missing  CC BY 4.0
    speech-commands-v2  full      93,327 + 11,005       missing  CC BY 4.0
    fsdd                full      2,700 + 300           missing  CC BY-SA 4.0
    synthetic-speech    embedded  280 + 120             ok       no restriction         in the program
    covtype             embedded  15,120 + 12,041       ok       CC BY 4.0              in the program
    covtype             full      15,120 + 565,892      missing  CC BY 4.0
    higgs               full      10,500,000 + 500,000  missing  CC BY 4.0
    imagenet            full      1,281,167 + 50,000    missing  ImageNet's terms
    emoji               embedded  960 + 400             ok       Apache 2.0, CC BY 4.0  in the program
    emoji-groups        embedded  674 + 280             ok       Apache 2.0, CC BY 4.0  in the program
    To get cifar10, run `repro data fetch cifar10`
    To get cifar100, run `repro data fetch cifar100`
    To get speech-commands, run `repro data fetch speech-commands`
    To get speech-commands-v2, run `repro data fetch speech-commands-v2`
    To get fsdd, run `repro data fetch fsdd`
    To get covtype, run `repro data fetch covtype`
    To get higgs, download it from https://archive.ics.uci.edu/dataset/280/higgs
    To get imagenet, download it from https://image-net.org/download.php, which asks you to agree to its terms, and lay it out as imagenet/train/n01440764/*.JPEG and imagenet/val/n01440764/*.JPEG
    "#);
}

#[test]
fn an_unknown_name_gets_the_nearest_one() {
    let home = tempfile::tempdir().expect("a folder");
    let assert = repro(home.path()).args(["data", "verify", "covtpye"]).assert().code(2);
    insta::assert_snapshot!(text(&assert, home.path()), @"error: unknown data set `covtpye`: did you mean `covtype`? Known are cifar10, cifar100, speech-commands, speech-commands-v2, fsdd, synthetic-speech, covtype, higgs, imagenet, emoji, emoji-groups");
}

#[test]
fn verify_tells_damaged_altered_and_missing_apart() {
    let home = tempfile::tempdir().expect("a folder");
    let data = home.path().join("data");
    let archive = gzip(row().repeat(1000).as_bytes());
    place(&data, "covtype/covtype.data.gz", &archive[..archive.len() - 20]);
    place(&data, "covtype.data", row().repeat(9).replacen("2596", "25x6", 2).as_bytes());
    let assert = repro(home.path()).args(["data", "verify", "covtype", "--data"]).arg(&data).assert().code(1);
    insta::assert_snapshot!(text(&assert, home.path()), @r#"
    covtype: damaged: HOME/data/covtype/covtype.data.gz
    covtype: damaged: HOME/data/covtype.data
    HOME/data/covtype/covtype.data.gz, line 995 of the uncompressed content: expected gzip data to its end, found an end in its middle: the file is cut short. Move the file away and run `repro data fetch covtype`
    HOME/data/covtype.data, line 1, column 1: expected a number (the published file has no header line), found `25x6`. Move the file away and run `repro data fetch covtype`
    "#);

    let assert = repro(home.path()).args(["data", "verify", "covtype"]).assert().code(1);
    insta::assert_snapshot!(text(&assert, home.path()), @r#"
    covtype: missing
    To get covtype, run `repro data fetch covtype`
    "#);
    repro(home.path()).args(["data", "verify"]).assert().code(0);
}

#[test]
fn content_that_reads_well_and_is_not_the_published_one_is_altered() {
    let home = tempfile::tempdir().expect("a folder");
    let data = home.path().join("data");
    place(&data, "covtype.data.gz", &gzip(row().repeat(581_012).as_bytes()));
    let assert = repro(home.path()).env("REPRO_DATA", &data).args(["data", "verify", "covtype"]).assert().code(1);
    insta::assert_snapshot!(text(&assert, home.path()), @r#"
    covtype: altered: HOME/data/covtype.data.gz
    HOME/data/covtype.data.gz: expected the published content with SHA-256 0a9371cef7c964b5475d6053cc3e0894a5aa6f65ad1ed3ecb01c45aa96217945, found 6c9e7b80279eb922edbad9a9cd33759d0fdf0ab69e8c718f5a334eaaafa08a7d. Move the file away and run `repro data fetch covtype`
    "#);
}

#[test]
fn a_wrong_file_is_not_kept() {
    let home = tempfile::tempdir().expect("a folder");
    let data = home.path().join("data");
    let server = Server::start(vec![Answer::whole(&Arc::new(gzip(row().as_bytes())))]);
    let assert = repro(home.path())
        .env("REPRO_DATA_URL", &server.url)
        .args(["data", "fetch", "covtype", "--data"])
        .arg(&data)
        .assert()
        .code(2);
    let said = text(&assert, home.path()).replace(&server.url, "SERVER");
    insta::assert_snapshot!(said, @r#"
    fetching SERVER/covtype/covtype.data.gz
      38 of 38 bytes
    error: cannot download covtype.data.gz: SERVER/covtype/covtype.data.gz does not give the published file: expected SHA-256 0a9371cef7c964b5475d6053cc3e0894a5aa6f65ad1ed3ecb01c45aa96217945, found content with SHA-256 0c9a52b283bab04ff4ad6e761d8fbcbb93fd60f03e3d4830cbff630c7851332b. Run the command again, or set REPRO_DATA_URL to the address of a mirror
    "#);
    let left: Vec<PathBuf> =
        fs::read_dir(data.join("covtype")).expect("a folder").map(|entry| entry.expect("an entry").path()).collect();
    assert_eq!(left, [data.join("covtype/.covtype.data.gz.lock")]);
}

#[test]
fn quiet_leaves_only_the_error() {
    let home = tempfile::tempdir().expect("a folder");
    let server = Server::start(vec![Answer::Silence]);
    let assert = repro(home.path())
        .env("REPRO_DATA_URL", &server.url)
        .args(["data", "fetch", "covtype", "--quiet"])
        .assert()
        .code(2);
    let said = text(&assert, home.path());
    assert!(said.starts_with("error: cannot download covtype.data.gz: "), "{said}");
    assert_eq!(said.lines().count(), 1, "{said}");
}

#[test]
fn a_bad_timeout_is_named() {
    let home = tempfile::tempdir().expect("a folder");
    let assert = repro(home.path()).env("REPRO_DATA_TIMEOUT", "soon").args(["data", "fetch"]).assert().code(2);
    insta::assert_snapshot!(text(&assert, home.path()), @"error: REPRO_DATA_TIMEOUT: expected a positive number of seconds, found `soon`");
}

/// The published file, if the environment has it.
fn published() -> Option<PathBuf> {
    let root = std::env::var_os("REPRO_DATA").map(PathBuf::from)?;
    let found = ["covtype/covtype.data.gz", "covtype.data.gz"].map(|name| root.join(name));
    found.into_iter().find(|path| path.is_file())
}

macro_rules! published_or_skip {
    () => {
        match published() {
            Some(path) => path,
            None => {
                eprintln!("skipped: needs covtype/covtype.data.gz in the folder that REPRO_DATA names");
                return;
            }
        }
    };
}

#[test]
fn the_published_file_is_fetched_found_and_verified() {
    let archive = Arc::new(fs::read(published_or_skip!()).expect("the file"));
    let home = tempfile::tempdir().expect("a folder");
    let cache = home.path().join("cache");
    let server = Server::start(vec![Answer::cut(&archive, 5_000_000), Answer::whole(&archive)]);
    let run = |action: &str| {
        let mut command = repro(home.path());
        command.env("REPRO_DATA_URL", &server.url).env("XDG_CACHE_HOME", &cache).args(["data", action, "covtype"]);
        command.assert().code(0)
    };
    assert!(text(&run("fetch"), home.path()).contains("fetched, checksum ok"));
    assert_eq!(server.ranges(), [None, Some(5_000_000)]);
    assert!(text(&run("fetch"), home.path()).contains("already there"));
    assert_eq!(server.asked().len(), 2);
    assert!(text(&run("verify"), home.path()).starts_with("covtype: official: "));
    if cfg!(target_os = "linux") {
        assert!(cache.join("imix-repro/data/covtype/covtype.data.gz").exists());
    }
}

#[test]
fn the_published_file_loads_with_its_class_counts() {
    let path = published_or_skip!();
    let library = Library::with_roots([path]);
    let settings =
        DataSettings { standardise: Some(Standardise::AllRows), ..DataSettings::of(DataSet::Covtype, Part::Full) };
    let set = table(library.load(&settings).expect("it loads"));
    assert_eq!(set.identity, library.identity(&settings).expect("it is known"));
    let mut counts = [0; 7];
    for label in set.train.labels.iter().chain(&set.test.labels) {
        counts[*label as usize] += 1;
    }
    assert_eq!(counts, [211_840, 283_301, 35_754, 2_747, 9_493, 17_367, 20_510]);
    assert_eq!((set.train.labels.len(), set.test.labels.len()), set.published_rows);
    assert_eq!(set.train.inputs.len() + set.test.inputs.len(), 581_012 * 54);
    for column in 0..10 {
        let values = || set.train.inputs.chunks(54).chain(set.test.inputs.chunks(54)).map(|row| f64::from(row[column]));
        let mean = values().sum::<f64>() / 581_012.;
        let variance = values().map(|value| (value - mean).powi(2)).sum::<f64>() / 581_012.;
        assert!(mean.abs() < 1e-6 && (variance - 1.).abs() < 1e-6, "column {column}: {mean}, {variance}");
    }
}

#[test]
fn the_embedded_rows_are_rows_of_the_published_file() {
    let library = Library::with_roots([published_or_skip!()]);
    let load = |part| {
        let settings =
            DataSettings { standardise: Some(Standardise::TrainingRows), ..DataSettings::of(DataSet::Covtype, part) };
        table(library.load(&settings).expect("it loads"))
    };
    let (full, embedded) = (load(Part::Full), load(Part::Embedded));
    assert_eq!(full.train, embedded.train);
    for (row, inputs) in embedded.test.inputs.chunks(54).enumerate() {
        assert_eq!(inputs, &full.test.inputs[row * 47 * 54..][..54], "row {row}");
    }
}

fn table(set: Set) -> TabularSet {
    match set {
        Set::Table(table) => table,
        _ => panic!("expected a table"),
    }
}
