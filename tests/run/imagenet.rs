//! ImageNet from a folder of picture files of various sizes, two classes of it, to a verdict.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::bench::{Bench, read};
use super::processes::signal;

const FIXTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/pictures");
const PICTURES: [&str; 4] = ["colour.jpg", "grey.jpeg", "cmyk.jpg", "tall.png"];

fn place(bench: &Bench, name: &str, fixture: &str) {
    let path = bench.path("data/imagenet").join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::copy(Path::new(FIXTURES).join(fixture), path).unwrap();
}

/// 32 training and 8 validation pictures.
fn imagenet(bench: &Bench) {
    for (class, synset) in ["n01440764", "n01443537"].into_iter().enumerate() {
        for item in 0..16 {
            place(bench, &format!("train/{synset}/{synset}_{item}.JPEG"), PICTURES[(item + class) % 2 + 2 * class]);
        }
        for item in 0..4 {
            place(bench, &format!("val/{synset}/ILSVRC2012_val_{class}{item}.JPEG"), PICTURES[item % 2 + 2 * class]);
        }
    }
}

fn bench(epochs: usize) -> Bench {
    let bench = Bench::with(epochs, small_network);
    imagenet(&bench);
    bench
}

fn small_network(experiment: &mut Value) {
    let recipe = &mut experiment["recipe"];
    recipe["data"] = json!({ "set": "imagenet", "part": "full", "crop": { "side": 32, "resize": 36 } });
    recipe["views"] = json!({
        "kind": "image", "crop_scale": 0.2, "jitter": [0.4, 0.4, 0.4, 0.1], "jitter_probability": 0.8,
        "greyscale_probability": 0.2, "flip_probability": 0.5, "blur_probability": 0.5
    });
    recipe["network"] = json!({ "kind": "resnet", "depth": 18, "width": 2, "stem": "imagenet", "input_channels": 3 });
    recipe["pretext"]["batch"] = json!(8);
    recipe["pretext"]["replicas"] = json!(2);
    recipe["pretext"]["mix"]["operator"] = json!("cutmix");
    let linear = &mut recipe["evaluation"]["linear"];
    linear["batch"] = json!(8);
    linear["rates"] = json!([30]);
    linear["validation"] = json!(false);
    linear["views"] = json!({ "kind": "resized-crop", "crop_scale": 0.08 });
    recipe["evaluation"]["pinv"] = json!(null);
}

const ARGUMENTS: [&str; 4] = ["--only", "method=moco", "--data", "data"];

#[test]
fn pictures_of_any_size_are_trained_on_and_an_interrupted_run_ends_as_a_whole_one() {
    let bench = bench(60);
    let planned = bench.program(&[&["plan", "tiny.json"][..], &ARGUMENTS].concat()).ended(0);
    assert!(planned.stdout.contains("trials"), "{}", planned.stdout);

    let ran = bench.run(&[&ARGUMENTS[..], &["--jobs", "1", "--results", "one"]].concat()).ended(0);
    assert!(ran.stdout.contains("part: 32 of 1,281,167"), "{}", ran.stdout);
    let results = bench.files("one", "eval", "result.json");
    let readings: Vec<f64> =
        results.values().filter_map(|path| read(path)["body"]["readings"]["linear/last/test-rate"].as_f64()).collect();
    assert!(matches!(readings[..], [accuracy] if accuracy >= 50.0), "two classes of two pictures each: {readings:?}");

    let run = bench.start(&[&ARGUMENTS[..], &["--checkpoint-every", "0"]].concat());
    let deadline = Instant::now() + Duration::from_secs(60);
    let checkpointed = || {
        let folders = fs::read_dir(bench.path("results/pretext")).into_iter().flatten().flatten();
        let mut files = folders.flat_map(|folder| fs::read_dir(folder.path()).into_iter().flatten().flatten());
        files.any(|file| file.file_name().to_string_lossy().starts_with("checkpoint-"))
    };
    while !checkpointed() {
        assert!(Instant::now() < deadline, "no checkpoint");
        std::thread::sleep(Duration::from_millis(5));
    }
    signal(run.id(), libc::SIGINT);
    super::bench::Ran::from(run.wait_with_output().unwrap()).ended(130);
    assert!(bench.files("results", "pretext", "done.json").is_empty(), "it was too fast to be interrupted");
    bench.run(&ARGUMENTS).ended(0);
    bench.assert_same("one", "results");
    assert!(bench.sessions("results").into_values().any(|sessions| sessions == 2));
}

#[test]
fn a_damaged_picture_ends_the_run_and_is_named() {
    let bench = bench(2);
    let path = bench.path("data/imagenet/train/n01440764/n01440764_3.JPEG");
    let whole = fs::read(&path).unwrap();
    fs::write(&path, &whole[..whole.len() / 2]).unwrap();
    bench.run(&ARGUMENTS).ended(1).says("n01440764_3.JPEG, the picture: expected a whole");
}

#[test]
fn a_cell_of_more_classes_than_there_are_is_left_out_alone() {
    let bench = Bench::with(1, |experiment| {
        experiment["axes"]["method"]["npair"]["set"]["data.subset"] = json!({ "classes": 3 });
        small_network(experiment);
    });
    imagenet(&bench);
    let ran = bench.run(&["--only", "method=moco,method=npair", "--data", "data"]).ended(1);
    ran.says("subset.classes: expected from 1 to 2, the classes of the set, found 3");
    assert_eq!(bench.files("results", "pretext", "done.json").len(), 1, "that of the other cell");
}

#[test]
fn validation_pictures_without_folders_are_told_how_to_be_sorted() {
    let bench = bench(2);
    fs::remove_dir_all(bench.path("data/imagenet/val")).unwrap();
    place(&bench, "val/ILSVRC2012_val_00000001.JPEG", "colour.jpg");
    bench.run(&ARGUMENTS).ended(2).says("1 pictures in no folder").says("valprep.sh");
    let planned = bench.program(&[&["plan", "tiny.json"][..], &ARGUMENTS].concat()).ended(0);
    assert!(planned.stdout.contains("data that cannot be used: data/imagenet/val, inside"), "{}", planned.stdout);
    assert!(!planned.stdout.contains("missing data"), "{}", planned.stdout);
}

#[test]
fn a_trained_encoder_is_handed_on_to_detectron2() {
    let bench = bench(1);
    bench.run(&ARGUMENTS).ended(0);
    let run = bench.files("results", "pretext", "done.json").into_keys().next().unwrap();
    let ran = bench.program(&["export", &run, "--format", "detectron2", "--output", "out.pkl"]).ended(0);
    assert!(ran.stdout.contains("MODEL.WEIGHTS out.pkl"), "{}", ran.stdout);
    ran.says("is for a ResNet-50 of width 64; this is another");
    let pickle = fs::read(bench.path("out.pkl")).unwrap();
    for name in ["stem.conv1.weight", "stem.conv1.norm.running_var", "res2.0.conv1.weight", "res5.0.shortcut.norm.bias"]
    {
        assert!(pickle.windows(name.len()).any(|bytes| bytes == name.as_bytes()), "no {name}");
    }
    assert!(pickle.ends_with(b"u."));
}
