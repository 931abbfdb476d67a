//! `repro views`, as a user runs it.

use std::fs;
use std::path::Path;
use std::process::Output;

use assert_cmd::Command;
use tempfile::TempDir;

fn views(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::cargo_bin("repro").expect("the binary");
    command.current_dir(folder).env_remove("REPRO_DATA").env("XDG_CACHE_HOME", folder).env("HOME", folder);
    command.arg("views").args(arguments).output().expect("output")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn a_sheet_is_drawn_and_listed() {
    let folder = TempDir::new().expect("a folder");
    let output = views(folder.path(), &["table1", "--only", "dataset=cifar10", "--items", "3"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    insta::assert_snapshot!(text(&output.stdout));
    insta::assert_snapshot!(text(&output.stderr), @"CIFAR-10, N-pair, + i-Mix: data set emoji, demo scale, seed 0, epoch 1, the first 3 of a batch of 128");
    let path = folder.path().join("reports/table1/demo/views-cifar10-npair-on.png");
    let sheet = image::open(&path).expect("a picture").into_rgb8();
    // Each of the 3 pictures of 32 pixels is enlarged 6 times.
    assert!(sheet.width() > 5 * 192 && sheet.height() > 3 * 192, "{:?}", sheet.dimensions());

    let again = views(folder.path(), &["table1", "--only", "dataset=cifar10", "--items", "3", "--output", "again.png"]);
    assert_eq!(again.status.code(), Some(0));
    assert_eq!(fs::read(path).expect("a sheet"), fs::read(folder.path().join("again.png")).expect("a sheet"));
}

#[test]
fn what_cannot_be_shown_is_told() {
    let folder = TempDir::new().expect("a folder");
    let refused = |arguments: &[&str]| {
        let output = views(folder.path(), arguments);
        assert_eq!((output.status.code(), text(&output.stdout)), (Some(2), String::new()));
        text(&output.stderr)
    };
    let report = [
        refused(&["table1", "--only", "dataset=covtype"]),
        refused(&["table1", "--scale", "short", "--only", "dataset=speech-commands", "--data", "nowhere"]),
        refused(&["table1", "--only", "dataset=cifar10", "--epoch", "9"]),
        refused(&["table1", "--scale", "short", "--only", "dataset=cifar10", "--data", "nowhere"]),
    ];
    let here = folder.path().display().to_string();
    insta::assert_snapshot!(report.concat().replace(&here, "[folder]"));
    assert_eq!(fs::read_dir(folder.path()).expect("a folder").count(), 0, "nothing is left behind");
}

#[test]
fn speech_is_drawn_and_can_be_heard() {
    let folder = TempDir::new().expect("a folder");
    let arguments =
        ["table1", "--only", "dataset=speech-commands", "--items", "2", "--output", "sheet.png", "--wav", "sounds"];
    let output = views(folder.path(), &arguments);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    insta::assert_snapshot!(text(&output.stdout));
    assert!(text(&output.stderr).contains("black -80 dB, white 0 dB"), "{}", text(&output.stderr));
    let sheet = image::open(folder.path().join("sheet.png")).expect("a picture").into_rgb8();
    assert!(sheet.pixels().all(|pixel| pixel.0[0] == pixel.0[1] && pixel.0[1] == pixel.0[2]), "spectra are grey");
    let mut sounds = 0;
    for entry in fs::read_dir(folder.path().join("sounds")).expect("a folder") {
        let mut reader = hound::WavReader::open(entry.expect("an entry").path()).expect("a sound");
        assert_eq!((reader.spec().sample_rate, reader.len()), (16_000, 16_000));
        let loudest = reader.samples::<f32>().fold(0.0f32, |most, sample| most.max(sample.expect("a sample").abs()));
        assert!(loudest > 0.01 && loudest < 2.0, "{loudest}");
        sounds += 1;
    }
    assert_eq!(sounds, 6);

    let silent = views(folder.path(), &["table1", "--only", "dataset=cifar10", "--output", "x.png", "--wav", "none"]);
    assert_eq!(silent.status.code(), Some(2));
    assert!(text(&silent.stderr).contains("there is no sound in emoji"), "{}", text(&silent.stderr));
}
