use std::f64::consts::TAU;
use std::fs;
use std::io::Cursor;

use hound::{SampleFormat, WavSpec, WavWriter};
use tempfile::TempDir;

use super::wav::{self, Extent};
use super::*;
use crate::data::{Library, Set};
use crate::recipe::{Damaged, Folder, Part, Speech, Split, Words};
use crate::speech::{CLIP, SAMPLE_RATE};

fn spec(channels: u16, rate: u32, bits: u16, sample_format: SampleFormat) -> WavSpec {
    WavSpec { channels, sample_rate: rate, bits_per_sample: bits, sample_format }
}

/// A file of these samples, each given to every channel, `spread` apart around it.
fn file(spec: WavSpec, samples: impl Iterator<Item = f64>, spread: f64) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    let mut writer = WavWriter::new(&mut bytes, spec).expect("a header");
    let middle = f64::from(spec.channels - 1) / 2.0;
    for sample in samples {
        for channel in 0..spec.channels {
            let sample = sample + spread * (f64::from(channel) - middle);
            match spec.sample_format {
                SampleFormat::Float => writer.write_sample(sample as f32),
                SampleFormat::Int => {
                    let scale = (1u64 << (spec.bits_per_sample - 1)) as f64;
                    writer.write_sample((sample * scale).round().clamp(-scale, scale - 1.0) as i32)
                }
            }
            .expect("a sample");
        }
    }
    writer.finalize().expect("a file");
    bytes.into_inner()
}

fn tone(rate: u32, frequency: f64, seconds: f64) -> impl Iterator<Item = f64> {
    let count = (f64::from(rate) * seconds).round() as usize;
    (0..count).map(move |at| 0.5 * (TAU * frequency * at as f64 / f64::from(rate)).sin())
}

/// 16 bits at 16,000 Hz, as Speech Commands comes. `kind` makes files differ.
fn word(kind: usize) -> Vec<u8> {
    file(spec(1, 16_000, 16, SampleFormat::Int), tone(16_000, 100.0 + kind as f64, 0.3), 0.0)
}

fn samples(bytes: &[u8], extent: Extent) -> Vec<f32> {
    let mut samples = Vec::new();
    wav::read(bytes, extent).expect("a sound file").read(&mut samples);
    samples
}

#[test]
fn every_kind_of_sample_reads_the_same() {
    let expected: Vec<f64> = tone(16_000, 440.0, 0.5).collect();
    let whole = [8, 16, 24, 32].map(|bits| (spec(1, 16_000, bits, SampleFormat::Int), 0.0));
    let others = [
        (spec(2, 16_000, 16, SampleFormat::Int), 0.2),
        (spec(1, 16_000, 32, SampleFormat::Float), 0.0),
        (spec(3, 16_000, 32, SampleFormat::Float), 0.1),
    ];
    for (spec, spread) in whole.into_iter().chain(others) {
        let read = samples(&file(spec, expected.iter().copied(), spread), Extent::Clip);
        assert_eq!(read.len(), expected.len(), "{spec:?}");
        let level = 0.51 / (1u64 << (spec.bits_per_sample.min(24) - 1)) as f64;
        let worst = read.iter().zip(&expected).map(|(a, b)| (f64::from(*a) - b).abs()).fold(0.0, f64::max);
        assert!(worst <= level, "{spec:?}: {worst} is more than half a level, {level}");
    }
    let plain = wav::read(&word(0), Extent::Clip).expect("a sound file");
    assert!(matches!(plain, Clip::Pcm16(_)), "what needs no change takes two bytes a sample");
}

#[test]
fn a_tone_is_the_same_tone_at_another_rate() {
    for rate in [8_000, 11_025, 22_050, 44_100, 44_101, 48_000, 96_000] {
        for frequency in [50.0, 440.0, 3_000.0] {
            let bytes = file(spec(1, rate, 32, SampleFormat::Float), tone(rate, frequency, 1.0), 0.0);
            let read = samples(&bytes, Extent::Clip);
            assert!(read.len().abs_diff(CLIP) <= 1, "{} samples from {rate} Hz", read.len());
            let expected: Vec<f64> = tone(SAMPLE_RATE as u32, frequency, 1.0).collect();
            // The ends ring: what was before and after the sound is not known.
            let middle = 1_000..15_000;
            let worst = middle.map(|at| (f64::from(read[at]) - expected[at]).abs()).fold(0.0, f64::max);
            assert!(worst < 1e-3, "{frequency} Hz at {rate} Hz: {worst}");
        }
        if rate > 22_050 {
            let high =
                samples(&file(spec(1, rate, 32, SampleFormat::Float), tone(rate, 9_000.0, 1.0), 0.0), Extent::Clip);
            assert!(high[1_000..15_000].iter().all(|sample| sample.abs() < 1e-3), "9,000 Hz cannot be heard at 16,000");
        }
    }
}

#[test]
fn a_clip_is_kept_as_far_as_a_view_can_hear_it() {
    for rate in [16_000, 44_100] {
        let bytes = file(spec(1, rate, 16, SampleFormat::Int), tone(rate, 440.0, 3.0), 0.0);
        let (clip, all) = (samples(&bytes, Extent::Clip), samples(&bytes, Extent::All));
        assert_eq!(clip.len(), 20_000);
        assert_eq!(all.len(), 48_000);
        let worst = clip[..19_000].iter().zip(&all).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(worst < 1e-6, "{worst}");
    }
}

#[test]
fn what_is_no_sound_is_told() {
    let plain = spec(1, 16_000, 16, SampleFormat::Int);
    let float = spec(2, 16_000, 32, SampleFormat::Float);
    let with = |at: usize, bytes: &[u8]| {
        let mut file = word(0);
        file[at..at + bytes.len()].copy_from_slice(bytes);
        file
    };
    let broken: Vec<(&str, Vec<u8>)> = vec![
        ("empty", Vec::new()),
        ("text", b"yes, no, up, down, left, right and so on, which is no sound at all".to_vec()),
        ("no samples", file(plain, std::iter::empty(), 0.0)),
        ("cut short", word(0)[..5_000].to_vec()),
        ("header alone", word(0)[..40].to_vec()),
        ("a chunk that lies", with(40, &0x7fff_fff0u32.to_le_bytes())),
        ("ADPCM", with(20, &2u16.to_le_bytes())),
        ("no channels", with(22, &0u16.to_le_bytes())),
        ("12 bits", with(34, &12u16.to_le_bytes())),
        ("a sample every second", with(24, &1u32.to_le_bytes())),
        ("not a number", file(float, [0.1, f64::NAN].into_iter(), 0.0)),
        ("infinite", file(float, [0.1, 0.2, f64::INFINITY].into_iter(), 0.0)),
    ];
    let told = broken.iter().map(|(name, bytes)| {
        let Fault { place, expected, found } = wav::read(bytes, Extent::Clip).expect_err(name);
        format!("{name}: {place}: expected {expected}, found {found}\n")
    });
    insta::assert_snapshot!(told.collect::<String>());
}

fn write(root: &Path, path: &str, content: &[u8]) {
    let path = root.join(path);
    fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
    fs::write(path, content).expect("a file");
}

fn load(root: &Path, settings: &DataSettings) -> Result<SpeechSet, DataError> {
    match Library::with_roots([root.to_owned()]).load(settings)? {
        Set::Speech(set) => Ok(set),
        _ => panic!("expected speech"),
    }
}

fn inventory_of(root: &Path, settings: &DataSettings) -> Inventory {
    Library::with_roots([root.to_owned()]).inventory(settings).expect("an inventory")
}

/// Recordings of each class.
fn counts(clips: &Clips, classes: usize) -> Vec<usize> {
    (0..classes as u32).map(|class| clips.labels.iter().filter(|label| **label == class).count()).collect()
}

fn commands(set: DataSet, words: Words, silence: Option<Silence>) -> DataSettings {
    let speech = Speech { words: Some(words), silence, ..Speech::default() };
    DataSettings { speech: Some(speech), ..DataSettings::of(set, Part::Full) }
}

/// Files of a small Speech Commands: 22 recordings to train with, 3 to validate, 4 to test, 3 seconds of noise.
fn recordings() -> Vec<(&'static str, String, Vec<u8>)> {
    let mut files = Vec::new();
    for (index, word_name) in ["yes", "no", "bed", "go"].into_iter().enumerate() {
        for speaker in 0..[10, 6, 5, 8][index] {
            let side = match (index, speaker) {
                (_, 0) => "test",
                (1.., 1) => "valid",
                _ => "train",
            };
            files.push((side, format!("{word_name}/s{speaker}_nohash_0.wav"), word(100 * index + speaker)));
        }
    }
    let noise = file(spec(1, 16_000, 16, SampleFormat::Int), tone(16_000, 900.0, 3.4), 0.0);
    files.push(("train", "_background_noise_/hum.wav".to_owned(), noise));
    files
}

fn listed(side: &str) -> String {
    recordings().iter().filter(|(of, ..)| *of == side).map(|(_, path, _)| format!("{path}\n")).collect()
}

/// In the layout of the archive.
fn published(root: &Path, folder: &str) {
    for (_, path, content) in recordings() {
        write(root, &format!("{folder}/{path}"), &content);
    }
    write(root, &format!("{folder}/testing_list.txt"), listed("test").as_bytes());
    write(root, &format!("{folder}/validation_list.txt"), listed("valid").as_bytes());
    write(root, &format!("{folder}/README.md"), b"about");
    write(root, &format!("{folder}/.DS_Store"), b"x");
}

#[test]
fn speech_commands_is_split_by_its_lists() {
    let root = TempDir::new().expect("a folder");
    published(root.path(), "speech_commands_v0.01");
    let settings = commands(DataSet::SpeechCommands, Words::Keywords, Some(Silence::Zeros));
    let set = load(root.path(), &settings).expect("a set");
    assert_eq!(set.class_names[..3], ["unknown", "silence", "yes"]);
    // A tenth of 22 is silence; bed is unknown.
    assert_eq!(counts(&set.train, 12), [3, 2, 9, 4, 0, 0, 0, 0, 0, 0, 0, 6]);
    assert_eq!(counts(&set.test, 12), [1, 0, 1, 1, 0, 0, 0, 0, 0, 0, 0, 1]);
    assert_eq!(set.train.clips[23], Clip::Pcm16(vec![0; CLIP].into()));
    assert_eq!(set.background.len(), 3 * CLIP, "whole seconds");
    assert_eq!(set.published_rows, (51_088 + 5_108, 6_835));
    let inventory = inventory_of(root.path(), &settings);
    assert_eq!((inventory.rows, inventory.identity), ((24, 4), set.identity.clone()));

    let noisy = commands(DataSet::SpeechCommands, Words::Keywords, Some(Silence::BackgroundNoise));
    let noisy = load(root.path(), &noisy).expect("a set");
    let Clip::Float(first) = &noisy.train.clips[22] else { panic!("cut from the noise") };
    assert!(set.background.windows(CLIP).any(|window| window == &**first));
    assert_ne!(noisy.train.clips[22], noisy.train.clips[23]);

    let words = commands(DataSet::SpeechCommands, Words::All, None);
    let words = load(root.path(), &words).expect("a set");
    assert_eq!((words.classes(), words.train.labels.len()), (30, 22));
    assert_eq!(words.class_names[words.train.labels[0] as usize], "bed");
    assert_eq!(words.published_rows, (51_088, 6_835));
}

#[test]
fn the_same_recordings_are_the_same_set_in_every_layout() {
    let settings = commands(DataSet::SpeechCommands, Words::Keywords, Some(Silence::Zeros));
    let folder = TempDir::new().expect("a folder");
    published(folder.path(), "speech_commands_v0.01");
    let moved = TempDir::new().expect("a folder");
    for (side, path, content) in recordings() {
        write(moved.path(), &format!("speech_commands/{side}/{path}"), &content);
    }
    let archived = TempDir::new().expect("a folder");
    let gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    let mut archive = tar::Builder::new(gzip);
    let mut add = |path: &str, content: &[u8]| {
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        archive.append_data(&mut header, format!("./{path}"), content).expect("a member");
    };
    recordings().iter().for_each(|(_, path, content)| add(path, content));
    add("testing_list.txt", listed("test").as_bytes());
    add("validation_list.txt", listed("valid").as_bytes());
    let bytes = archive.into_inner().and_then(flate2::write::GzEncoder::finish).expect("an archive");
    write(archived.path(), "speech-commands/speech_commands_v0.01.tar.gz", &bytes);

    let first = load(folder.path(), &settings).expect("a set");
    for other in [&moved, &archived] {
        assert_eq!(load(other.path(), &settings).expect("a set"), first);
    }
    write(archived.path(), "speech-commands/speech_commands_v0.01.tar.gz", &bytes[..bytes.len() / 2]);
    let error = load(archived.path(), &settings).expect_err("half an archive").to_string();
    assert!(error.contains("an end in its middle"), "{error}");
}

#[test]
fn what_is_wrong_with_speech_commands_is_told() {
    let settings = commands(DataSet::SpeechCommands, Words::Keywords, Some(Silence::Zeros));
    let error = |change: &dyn Fn(&Path)| {
        let root = TempDir::new().expect("a folder");
        published(root.path(), "speech_commands_v0.01");
        change(&root.path().join("speech_commands_v0.01"));
        let error = load(root.path(), &settings).expect_err("a fault").to_string();
        error.replace(&root.path().display().to_string(), "[data]")
    };
    let told = [
        error(&|set| fs::remove_file(set.join("testing_list.txt")).expect("a list")),
        error(&|set| write(set, "hello/x.wav", &word(7))),
        error(&|set| write(set, "yes/s3_nohash_0.wav", b"nothing")),
        error(&|set| write(set, "testing_list.txt", b"")),
        error(&|set| fs::remove_dir_all(set).expect("a folder")),
    ];
    insta::assert_snapshot!(told.join("\n"));
}

fn digits(split: Split) -> DataSettings {
    let speech = Speech { split: Some(split), ..Speech::default() };
    DataSettings { speech: Some(speech), ..DataSettings::of(DataSet::Fsdd, Part::Full) }
}

#[test]
fn spoken_digits_are_split_by_takes_or_by_speakers() {
    let root = TempDir::new().expect("a folder");
    for speaker in ["george", "jackson", "theo"] {
        for digit in 0..10 {
            for take in 0..7 {
                let kind = digit * 100 + take + speaker.len() * 1000;
                write(root.path(), &format!("fsdd/recordings/{digit}_{speaker}_{take}.wav"), &word(kind));
            }
        }
    }
    let takes = load(root.path(), &digits(Split::Takes)).expect("a set");
    assert_eq!((counts(&takes.train, 10), counts(&takes.test, 10)), (vec![6; 10], vec![15; 10]));
    assert_eq!((takes.published_rows, takes.background.len()), ((2_700, 300), 60 * CLIP));
    let speakers = load(root.path(), &digits(Split::Speakers)).expect("a set");
    assert_eq!((counts(&speakers.train, 10), counts(&speakers.test, 10)), (vec![14; 10], vec![7; 10]));
    assert_ne!(takes.identity.digest, speakers.identity.digest);

    write(root.path(), "fsdd/recordings/hello.wav", &word(1));
    let error = load(root.path(), &digits(Split::Takes)).expect_err("another name").to_string();
    assert!(error.contains("expected names such as 7_jackson_32.wav") && error.contains("hello.wav"), "{error}");
}

fn own(damaged: Option<Damaged>) -> DataSettings {
    let folder = Folder { name: "birds".to_owned(), side: None };
    let speech = damaged.map(|damaged| Speech { damaged: Some(damaged), ..Speech::default() });
    DataSettings { folder: Some(folder), speech, ..DataSettings::of(DataSet::SpeechFolder, Part::Full) }
}

#[test]
fn folders_of_classes_are_split_by_folder_list_or_checksum() {
    let plain = TempDir::new().expect("a folder");
    for kind in 0..10 {
        write(plain.path(), &format!("birds/wren/{kind}.wav"), &word(kind));
        write(plain.path(), &format!("birds/tit/{kind}.WAV"), &word(100 + kind));
    }
    write(plain.path(), "birds/readme.wav", &word(500));
    let set = load(plain.path(), &own(None)).expect("a set");
    assert_eq!(set.class_names, ["tit", "wren"]);
    assert_eq!((counts(&set.train, 2), counts(&set.test, 2)), (vec![8, 8], vec![2, 2]));
    assert_eq!(set.published_rows, (16, 4));

    write(plain.path(), "birds/testing_list.txt", b"wren/3.wav\ntit/4.WAV\n");
    let listed = load(plain.path(), &own(None)).expect("a set");
    assert_eq!((counts(&listed.train, 2), counts(&listed.test, 2)), (vec![9, 9], vec![1, 1]));

    let split = TempDir::new().expect("a folder");
    for kind in 0..4 {
        write(split.path(), &format!("birds/train/wren/{kind}.wav"), &word(kind));
        write(split.path(), &format!("birds/test/wren/{kind}.wav"), &word(10 + kind));
        write(split.path(), &format!("birds/train/tit/{kind}.wav"), &word(20 + kind));
    }
    let noise = file(spec(1, 8_000, 16, SampleFormat::Int), tone(8_000, 300.0, 2.5), 0.0);
    write(split.path(), "birds/train/_background_noise_/wind.wav", &noise);
    let set = load(split.path(), &own(None)).expect("a set");
    assert_eq!((counts(&set.train, 2), counts(&set.test, 2)), (vec![4, 4], vec![0, 4]));
    assert_eq!(set.background.len(), 2 * CLIP);

    write(split.path(), "birds/test/owl/1.wav", &word(30));
    let error = load(split.path(), &own(None)).expect_err("a class in the test alone").to_string();
    assert!(error.contains("test class owl: expected a training class of the same name"), "{error}");
}

#[test]
fn damaged_recordings_are_refused_or_counted() {
    let root = TempDir::new().expect("a folder");
    for kind in 0..10 {
        write(root.path(), &format!("birds/wren/{kind}.wav"), &word(kind));
    }
    write(root.path(), "birds/wren/a.wav", b"RIFF");
    write(root.path(), "birds/wren/b.wav", &word(20)[..100]);
    let refused = load(root.path(), &own(None)).expect_err("a damaged file").to_string();
    assert!(refused.contains("wren") && refused.contains("set data.speech.damaged to skip"), "{refused}");
    let settings = own(Some(Damaged::Skip));
    let set = load(root.path(), &settings).expect("a set");
    assert_eq!((set.train.labels.len(), set.test.labels.len()), (8, 2));
    let inventory = inventory_of(root.path(), &settings);
    assert_eq!((inventory.rows, inventory.identity), ((8, 2), set.identity));
    let warning = inventory.warnings.concat();
    assert!(warning.starts_with("speech-folder: 2 recordings skipped; the first: "), "{warning}");
    assert!(warning.contains("a.wav"), "{warning}");
}

#[test]
fn synthetic_speech_is_balanced_and_no_voice_is_on_both_sides() {
    let settings = DataSettings::of(DataSet::SyntheticSpeech, Part::Embedded);
    let set = load(Path::new("nowhere"), &settings).expect("a set");
    assert_eq!((counts(&set.train, 10), counts(&set.test, 10)), (vec![28; 10], vec![12; 10]));
    let mut names = set.class_names.clone();
    names.sort();
    assert_eq!(names, set.class_names);
    assert_eq!(inventory_of(Path::new("nowhere"), &settings).identity, set.identity);
    assert_eq!(Library::published(&settings).expect("embedded"), set.identity);
    for clip in set.train.clips.iter().chain(&set.test.clips) {
        assert!((2_000..CLIP).contains(&clip.len()), "{} samples", clip.len());
    }
    assert!(set.train.clips.iter().all(|clip| !set.test.clips.contains(clip)));
}

/// Files written by libsndfile, against what librosa reads in them (`tests/fixtures/recordings.py`).
#[test]
fn recordings_read_as_librosa_reads_them() {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    let bytes = fs::read(fixtures.join("recordings.safetensors")).expect("a fixture");
    let expected = safetensors::SafeTensors::deserialize(&bytes).expect("a safetensors file");
    let mut compared = 0;
    for entry in fs::read_dir(fixtures.join("recordings")).expect("a folder") {
        let path = entry.expect("an entry").path();
        let name = path.file_stem().and_then(|name| name.to_str()).expect("a name");
        let read = wav::read(&fs::read(&path).expect("a file"), Extent::All);
        let Ok(tensor) = expected.tensor(name) else {
            let fault = read.expect_err(name);
            assert_eq!(fault.place, "the header", "{name}: {fault:?}");
            continue;
        };
        let theirs: Vec<f32> =
            tensor.data().chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect();
        let mut ours = Vec::new();
        read.expect(name).read(&mut ours);
        assert_eq!(ours.len(), theirs.len(), "{name}");
        // Two resamplers differ a little in what they let pass.
        let tolerance = if name.contains("8000") || name.contains("44100") { 1e-3 } else { 1e-7 };
        let worst = ours.iter().zip(&theirs).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(worst <= tolerance, "{name}: {worst}");
        compared += 1;
    }
    assert_eq!(compared, 10);
}
