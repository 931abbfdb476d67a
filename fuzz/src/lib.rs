//! What each fuzz target does with its input. A target passes unless it panics, runs out of memory or takes too long.

mod archive;
mod records;
mod tensors;

use std::io::{Cursor, Write};
use std::path::Path;

use imix_repro::augment::log_mel;
use imix_repro::data::{Form, parse};
use imix_repro::experiment::{Experiment, Origin};
use imix_repro::interchange::Encoder;
use imix_repro::recipe::DataSet;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

pub use archive::archive;
pub use records::{result_file, selection, worker_line};
pub use tensors::{checkpoint, trained_encoder};

/// A target by name.
pub type Target = (&'static str, fn(&[u8]));

pub const TARGETS: [Target; 16] = [
    ("cifar_binary", cifar_binary),
    ("cifar_python", cifar_python),
    ("cifar_parquet", cifar_parquet),
    ("picture", picture),
    ("recording", recording),
    ("covtype", covtype),
    ("higgs", higgs),
    ("archive", archive),
    ("encoder_file", encoder_file),
    ("pickle", pickle),
    ("trained_encoder", trained_encoder),
    ("checkpoint", checkpoint),
    ("result_file", result_file),
    ("experiment_file", experiment_file),
    ("selection", selection),
    ("worker_line", worker_line),
];

pub fn cifar_binary(bytes: &[u8]) {
    cifar(Form::Binary, bytes);
}

pub fn cifar_python(bytes: &[u8]) {
    cifar(Form::Python, bytes);
}

pub fn cifar_parquet(bytes: &[u8]) {
    cifar(Form::Parquet, bytes);
}

fn cifar(form: Form, bytes: &[u8]) {
    for set in [DataSet::Cifar10, DataSet::Cifar100] {
        if let Ok(pictures) = parse::cifar(set, form, bytes.to_vec()) {
            assert_eq!(pictures.pixels.len(), pictures.labels.len() * 32 * 32 * 3);
        }
    }
}

pub fn picture(bytes: &[u8]) {
    if let Ok(pixels) = parse::picture(bytes, 8) {
        assert_eq!(pixels.len(), 8 * 8 * 3);
    }
}

pub fn recording(bytes: &[u8]) {
    if let Ok(clip) = parse::recording(bytes) {
        let mut samples = Vec::new();
        clip.read(&mut samples);
        assert!(!samples.is_empty() && samples.len() <= 20_000);
        assert!(samples.iter().all(|sample| sample.is_finite()));
        // Of some only: it takes as long as reading ten.
        if bytes.len().is_multiple_of(16) {
            assert!(log_mel(&clip).iter().all(|value| (-80.0..=0.0).contains(value)));
        }
    }
}

pub fn covtype(bytes: &[u8]) {
    assert!(parse::covtype(bytes).is_err(), "nothing so short is the whole set");
}

pub fn higgs(bytes: &[u8]) {
    if let Ok(rows) = parse::higgs(bytes) {
        assert_eq!(rows, bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).count());
    }
}

pub fn encoder_file(bytes: &[u8]) {
    let _ = Encoder::from_bytes(bytes, Path::new("encoder"));
}

/// The pickle of a `.pth` file, in an archive that is sound otherwise.
pub fn pickle(bytes: &[u8]) {
    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    let stored = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
    for (name, bytes) in [("a/data.pkl", bytes), ("a/data/0", &[0; 256]), ("a/data/1", &[0; 8])] {
        archive.start_file(name, stored).expect("a member");
        archive.write_all(bytes).expect("memory takes all");
    }
    encoder_file(&archive.finish().expect("an archive").into_inner());
}

pub fn experiment_file(bytes: &[u8]) {
    let _ = Experiment::parse(bytes, "experiment.json", Origin::Embedded);
}
