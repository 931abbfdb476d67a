use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;

use super::*;
use crate::recipe::Part;

fn settings(standardise: Standardise, rows: Option<usize>) -> DataSettings {
    DataSettings { standardise: Some(standardise), rows, ..DataSettings::of(DataSet::Higgs, Part::Full) }
}

/// Row `i` holds `i + 100 c` in column `c`, as the published file spells numbers; every third row is signal.
fn lines(rows: usize) -> String {
    (0..rows)
        .map(|row| {
            let inputs: Vec<String> =
                (0..WIDTH).map(|column| format!("{:.18e}", (row + 100 * column) as f64)).collect();
            format!("{:.18e},{}\n", f64::from(u8::from(row % 3 == 0)), inputs.join(","))
        })
        .collect()
}

fn write(folder: &Path, text: &str) -> std::path::PathBuf {
    let path = folder.join("HIGGS.csv.gz");
    let mut encoder = GzEncoder::new(std::fs::File::create(&path).unwrap(), Compression::fast());
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap();
    path
}

#[test]
fn the_last_rows_are_test_and_all_rows_standardise() {
    let folder = tempfile::tempdir().unwrap();
    let path = write(folder.path(), &lines(220));
    let settings = settings(Standardise::AllRows, None);
    assert_eq!(inventory(&path, &settings).unwrap().rows, (210, 10));
    let set = load(&path, &settings).unwrap();
    assert_eq!((set.train.labels.len(), set.test.labels.len()), (210, 10));
    assert_eq!(set.train.labels[..4], [1, 0, 0, 1]);
    assert_eq!(set.test.labels[..4], [1, 0, 0, 1], "row 210 is signal");
    // The mean of 0 to 219 is 109.5; their population deviation is sqrt((220^2 - 1) / 12).
    let deviation = ((220f64 * 220.0 - 1.0) / 12.0).sqrt() + 1e-7;
    for (rows, first) in [(&set.train, 0.0), (&set.test, 210.0)] {
        for column in [0, 27] {
            let expected = ((first - 109.5) / deviation) as f32;
            assert!((rows.inputs[column] - expected).abs() < 1e-5, "{} and {expected}", rows.inputs[column]);
        }
    }
}

#[test]
fn a_number_of_rows_is_drawn_as_numpy_draws_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = write(folder.path(), &lines(1047));
    let set = load(&path, &settings(Standardise::TrainingRows, Some(4))).unwrap();
    // Of 1,000 training rows NumPy draws 507, 818, 452 and 368.
    assert_eq!(set.test.labels.len(), 47);
    assert_eq!(set.train.labels, [0, 0, 1, 0], "368 = 2 modulo 3, 452 = 2, 507 = 0, 818 = 2");
    let mean = (368.0 + 452.0 + 507.0 + 818.0) / 4.0;
    let squares: f64 = [368f64, 452.0, 507.0, 818.0].iter().map(|row| (row - mean).powi(2)).sum();
    let expected = ((368.0 - mean) / ((squares / 4.0).sqrt() + 1e-7)) as f32;
    assert!((set.train.inputs[0] - expected).abs() < 1e-5);
    assert_eq!(set.published_rows, (4, PUBLISHED_TEST));
}

#[test]
fn a_file_without_a_last_newline_and_without_compression_is_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let compressed = load(&write(folder.path(), &lines(44)), &settings(Standardise::AllRows, None)).unwrap();
    let plain = folder.path().join("HIGGS.csv");
    std::fs::write(&plain, lines(44).trim_end()).unwrap();
    let plain = load(&plain, &settings(Standardise::AllRows, None)).unwrap();
    assert_eq!((plain.train, plain.test), (compressed.train, compressed.test));
}

#[test]
fn damage_is_named_by_line_and_column() {
    let folder = tempfile::tempdir().unwrap();
    let good = lines(44);
    let second = good.lines().nth(1).unwrap().to_owned();
    for (bad, expected) in [
        (second.replacen("0.0", "2.0", 1), "line 2, column 1: expected 0 or 1, found `2.0"),
        (format!("{second},1.0"), "line 2: expected 29 numbers, found 30 fields"),
        (second.rsplit_once(',').unwrap().0.to_owned(), "line 2: expected 29 numbers, found 28 fields"),
        (second.replacen("e2", "x2", 1), "line 2, column 3: expected a finite number, found `1.0"),
        (
            second.replacen(",1.0", ",nan,1.0", 1).rsplit_once(',').unwrap().0.to_owned(),
            "line 2, column 2: expected a finite number, found `nan`",
        ),
    ] {
        let path = write(folder.path(), &good.replacen(&second, &bad, 1));
        let error = load(&path, &settings(Standardise::AllRows, None)).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}\nexpected {expected}");
    }
    let path = write(folder.path(), &lines(21));
    let error = inventory(&path, &settings(Standardise::AllRows, None)).unwrap_err().to_string();
    assert!(error.contains("the end: expected at least 22 rows, found 21 rows"), "{error}");
}
