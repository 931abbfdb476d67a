//! Recordings of the user's own, from WAV files to a verdict.

use std::fs;

use hound::{SampleFormat, WavSpec, WavWriter};
use serde_json::json;

use super::bench::{Bench, read};

/// Two kinds of tones, 40 recordings each, at two sample rates, in a folder named `tones`.
fn tones(bench: &Bench) {
    for (class, base) in [("low", 200.0), ("high", 1500.0)] {
        let folder = bench.path("data/tones").join(class);
        fs::create_dir_all(&folder).unwrap();
        for take in 0..40 {
            let rate = if take % 2 == 0 { 8_000 } else { 22_050 };
            let spec =
                WavSpec { channels: 1, sample_rate: rate, bits_per_sample: 16, sample_format: SampleFormat::Int };
            let mut writer = WavWriter::create(folder.join(format!("{take}.wav")), spec).unwrap();
            let step = std::f64::consts::TAU * (base + 20.0 * f64::from(take)) / f64::from(rate);
            (0..rate / 2).for_each(|at| writer.write_sample((8000.0 * (step * f64::from(at)).sin()) as i16).unwrap());
            writer.finalize().unwrap();
        }
    }
}

fn bench(damaged: Option<&str>) -> Bench {
    let bench = Bench::with(2, |experiment| {
        let recipe = &mut experiment["recipe"];
        recipe["data"] = json!({ "set": "speech-folder", "part": "full", "folder": { "name": "tones" } });
        if let Some(damaged) = damaged {
            recipe["data"]["speech"] = json!({ "damaged": damaged });
        }
        recipe["views"] = json!({ "kind": "speech", "probability": 0.5 });
        recipe["network"] = json!({ "kind": "resnet", "depth": 18, "width": 2, "stem": "cifar", "input_channels": 1 });
        recipe["pretext"]["batch"] = json!(32);
        recipe["evaluation"]["linear"]["batch"] = json!(32);
        recipe["evaluation"]["linear"]["validation"] = json!(false);
        recipe["evaluation"]["pinv"] = json!(null);
        recipe["evaluation"]["raw"] = recipe["evaluation"]["linear"].clone();
        recipe["evaluation"]["raw"]["rates"] = json!([0.00001, 0.0001]);
        recipe["evaluation"]["raw"]["epochs"] = json!(30);
    });
    tones(&bench);
    bench
}

#[test]
fn recordings_are_trained_on_and_told_apart() {
    let bench = bench(None);
    let arguments = ["--only", "method=npair", "--data", "data"];
    let ran = bench.run(&[&arguments[..], &["--jobs", "1", "--results", "one"]].concat()).ended(0);
    assert!(ran.stdout.contains("N-pair"), "{}", ran.stdout);
    let results = bench.files("one", "eval", "result.json");
    let raw = results.values().map(|path| read(path)["body"]["readings"]["raw/last/test-rate"].clone());
    let raw: Vec<f64> = raw.filter_map(|reading| reading.as_f64()).collect();
    assert!(matches!(raw[..], [accuracy] if accuracy > 90.0), "{raw:?}");
    bench.run(&[&arguments[..], &["--jobs", "2", "--results", "two"]].concat()).ended(0);
    bench.assert_same("one", "two");
}

#[test]
fn damaged_recordings_stop_a_run_or_are_skipped_and_counted() {
    let (strict, lenient) = (bench(None), bench(Some("skip")));
    for bench in [&strict, &lenient] {
        fs::write(bench.path("data/tones/low/broken.wav"), b"RIFF and no more").unwrap();
        fs::write(bench.path("data/tones/low/empty.wav"), b"").unwrap();
    }
    let arguments = ["--only", "method=npair", "--data", "data"];
    strict.run(&arguments).ended(2).says(".wav").says("set data.speech.damaged to skip");
    lenient.run(&arguments).ended(0).says("speech-folder: 2 recordings skipped; the first: ").says("broken.wav");
}
