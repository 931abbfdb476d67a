use std::fmt::Write as _;

use proptest::prelude::*;

use super::*;
use crate::recipe::Part;

fn settings(part: Part, standardise: Standardise) -> DataSettings {
    DataSettings { standardise: Some(standardise), ..DataSettings::of(DataSet::Covtype, part) }
}

/// A text of `rows` sound rows, no two continuous values of a column alike.
fn text(rows: usize) -> String {
    let mut text = String::new();
    for row in 0..rows {
        let mut fields = vec![0; WIDTH + 1];
        for (column, field) in fields[..CONTINUOUS].iter_mut().enumerate() {
            *field = (row * 7 + column * 3) as i32 - 20;
        }
        fields[CONTINUOUS + row % 4] = 1;
        fields[CONTINUOUS + 4 + row % 40] = 1;
        fields[WIDTH] = (row % CLASSES) as i32 + 1;
        let fields: Vec<String> = fields.iter().map(i32::to_string).collect();
        writeln!(text, "{}", fields.join(",")).expect("a string takes all");
    }
    text
}

fn shape(rows: usize) -> Shape {
    Shape { rows, validation: rows / 2, test: rows - rows / 4 }
}

/// The text with one field of one line, both from 0, replaced.
fn with_field(text: &str, line: usize, column: usize, value: &str) -> String {
    let lines = text.lines().enumerate().map(|(index, content)| {
        let mut fields: Vec<&str> = content.split(',').collect();
        if index == line {
            fields[column] = value;
        }
        fields.join(",") + "\n"
    });
    lines.collect()
}

fn fault_of(text: &str, rows: usize) -> String {
    match Table::parse(text.as_bytes(), &shape(rows)) {
        Ok(_) => "none".to_owned(),
        Err(Fault { place, expected, found }) => format!("{place}: expected {expected}, found {found}"),
    }
}

#[test]
fn faults_are_named_with_their_place() {
    let good = text(12);
    let short_row = good.replacen(",0,0,0,3\n", ",0,0,3\n", 1);
    let long_row = good.replacen("\n", ",9\n", 1);
    let cases = [
        ("a sound text", good.clone()),
        ("windows line ends", good.replace('\n', "\r\n")),
        ("no line end at the end", good.trim_end().to_owned()),
        ("empty", String::new()),
        ("a row missing", text(11)),
        ("a row too many", text(13)),
        ("a short row", short_row),
        ("a long row", long_row),
        ("an empty line", good.replacen('\n', "\n\n", 1)),
        ("a header", format!("Elevation,{}\n{good}", "x,".repeat(54))),
        ("a letter", with_field(&good, 4, 2, "2x")),
        ("an empty field", with_field(&good, 4, 2, "")),
        ("a quoted field", with_field(&good, 4, 2, "\"2\"")),
        ("not a number", with_field(&good, 5, 9, "NaN")),
        ("infinite", with_field(&good, 5, 9, "inf")),
        ("two areas", with_field(&good, 0, 13, "1")),
        ("no area", with_field(&good, 0, 10, "0")),
        ("a two among zeros", with_field(&good, 3, 20, "2")),
        ("class 0", with_field(&good, 11, 54, "0")),
        ("class 8", with_field(&good, 11, 54, "8")),
        ("class 1.5", with_field(&good, 11, 54, "1.5")),
        ("binary", "\u{0}\u{1}\u{2}".to_owned()),
    ];
    let report: String = cases.iter().map(|(name, text)| format!("{name} -> {}\n", fault_of(text, 12))).collect();
    insta::assert_snapshot!(report, @r#"
    a sound text -> none
    windows line ends -> none
    no line end at the end -> none
    empty -> end of file: expected 12 rows, found 0 rows
    a row missing -> end of file: expected 12 rows, found 11 rows
    a row too many -> end of file: expected 12 rows, found 13 rows
    a short row -> line 3: expected 55 columns, found 54 columns
    a long row -> line 1: expected 55 columns, found 56 columns
    an empty line -> line 2: expected a row of 55 numbers, found an empty line
    a header -> line 1, column 1: expected a number (the published file has no header line), found `Elevation`
    a letter -> line 5, column 3: expected a number, found `2x`
    an empty field -> line 5, column 3: expected a number, found nothing
    a quoted field -> line 5, column 3: expected a number, found `"2"`
    not a number -> line 6, column 10: expected a number, found `NaN`
    infinite -> line 6, column 10: expected a number, found `inf`
    two areas -> line 1, columns 11 to 14: expected one 1, the others 0, found 2 ones
    no area -> line 1, columns 11 to 14: expected one 1, the others 0, found 0 ones
    a two among zeros -> line 4, column 21: expected 0 or 1, found `2`
    class 0 -> line 12, column 55: expected a cover type from 1 to 7, found `0`
    class 8 -> line 12, column 55: expected a cover type from 1 to 7, found `8`
    class 1.5 -> line 12, column 55: expected a cover type from 1 to 7, found `1.5`
    binary -> line 1, column 1: expected a number (the published file has no header line), found `\u{0}\u{1}\u{2}`
    "#);
}

#[test]
fn bytes_that_are_not_text_are_a_fault() {
    let mut bytes = text(12).into_bytes();
    bytes[3] = 0xff;
    assert!(Table::parse(&bytes, &shape(12)).is_err());
}

proptest! {
    /// The quick check by columns and the slow one by lines agree on every text.
    #[test]
    fn both_checks_agree(line in 0usize..9, column in 0usize..55, value in "[0-9a-z.,+-]{0,3}") {
        let text = with_field(&text(9), line, column, &value);
        let slow = fault::first(text.as_bytes(), &shape(9));
        let quick = Table::parse(text.as_bytes(), &shape(9)).err();
        prop_assert_eq!(quick, slow, "{}", text);
    }
}

#[test]
fn rows_come_out_split_standardised_and_in_order() {
    let settings = settings(Part::Full, Standardise::TrainingRows);
    let identity = identity(&settings, "0".to_owned()).expect("standardise is given");
    let set = assemble(text(12).into_bytes(), &shape(12), identity).expect("a sound text");
    assert_eq!((set.train.labels.len(), set.validation.clone(), set.test.labels.len()), (9, 6..9, 3));
    assert_eq!(set.train.labels, [0, 1, 2, 3, 4, 5, 6, 0, 1]);
    assert_eq!(set.test.labels, [2, 3, 4]);
    // Row r holds 7r plus a constant: over rows 0..9 the mean is at r = 4 and the variance is 49 x 60 / 9.
    let deviation = 7. * (60f64 / 9.).sqrt();
    for (row, inputs) in set.train.inputs.chunks(WIDTH).chain(set.test.inputs.chunks(WIDTH)).enumerate() {
        let expected = (7. * (row as f64 - 4.) / deviation) as f32;
        assert!(inputs[..CONTINUOUS].iter().all(|value| (value - expected).abs() < 1e-6), "row {row}");
        let ones: Vec<usize> = (0..WIDTH).filter(|column| *column >= CONTINUOUS && inputs[*column] == 1.).collect();
        assert_eq!(ones, [CONTINUOUS + row % 4, CONTINUOUS + 4 + row % 40], "row {row}");
    }
}

#[test]
fn a_constant_column_is_a_fault() {
    let flat = (0..12).fold(text(12), |text, line| with_field(&text, line, 3, "5"));
    let table = Table::parse(flat.as_bytes(), &shape(12)).expect("a sound text");
    let fault = Scaling::over((0..CONTINUOUS).filter_map(|index| table.column(index)), 0..12)
        .expect_err("nothing to divide by");
    assert_eq!(fault.place, "column 4");
}

fn class_counts(rows: &crate::data::Rows) -> [usize; CLASSES] {
    rows.labels.iter().fold([0; CLASSES], |mut counts, label| {
        counts[*label as usize] += 1;
        counts
    })
}

/// Mean and population standard deviation of a column.
fn moments<'a>(rows: impl Iterator<Item = &'a [f32]> + Clone, column: usize) -> (f64, f64) {
    let count = rows.clone().count() as f64;
    let mean = rows.clone().map(|row| f64::from(row[column])).sum::<f64>() / count;
    let variance = rows.map(|row| (f64::from(row[column]) - mean).powi(2)).sum::<f64>() / count;
    (mean, variance.sqrt())
}

#[test]
fn the_embedded_part_is_what_it_says() {
    let mut bytes = Vec::new();
    GzDecoder::new(EMBEDDED).read_to_end(&mut bytes).expect("the archive is whole");
    assert_eq!(crate::store::checksum(&bytes), EMBEDDED_SHA256);

    let set = load_embedded(&settings(Part::Embedded, Standardise::AllRows)).expect("it is sound");
    assert_eq!(class_counts(&set.train), [2160; CLASSES]);
    assert_eq!(class_counts(&set.test), [4478, 5990, 682, 20, 150, 319, 402]);
    assert_eq!(set.validation, VALIDATION..TRAINING);
    let rows = set.train.inputs.chunks(WIDTH).chain(set.test.inputs.chunks(WIDTH));
    for column in 0..CONTINUOUS {
        let (mean, deviation) = moments(rows.clone(), column);
        assert!(mean.abs() < 1e-6 && (deviation - 1.).abs() < 1e-6, "column {column}: {mean}, {deviation}");
    }
}

#[test]
fn training_rows_alone_can_be_the_basis() {
    let set = load_embedded(&settings(Part::Embedded, Standardise::TrainingRows)).expect("it is sound");
    for column in 0..CONTINUOUS {
        let (mean, deviation) = moments(set.train.inputs.chunks(WIDTH), column);
        assert!(mean.abs() < 1e-6 && (deviation - 1.).abs() < 1e-6, "column {column}: {mean}, {deviation}");
    }
}

#[test]
fn a_missing_setting_is_an_error() {
    let settings = DataSettings::of(DataSet::Covtype, Part::Embedded);
    assert!(matches!(load_embedded(&settings), Err(DataError::Unspecified { .. })));
}
