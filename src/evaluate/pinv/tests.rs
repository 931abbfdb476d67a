use serde::Deserialize;

use super::*;
use crate::evaluate::table::{Table, go_on};

#[derive(Deserialize)]
struct Fixture {
    width: usize,
    classes: usize,
    features: Vec<f32>,
    labels: Vec<u32>,
    test_features: Vec<f32>,
    test_labels: Vec<u32>,
    weights: Vec<f64>,
    rank: usize,
    accuracy: f64,
}

#[test]
fn weights_of_deficient_features_are_numpys() {
    let fixture: Fixture =
        serde_json::from_str(include_str!("../../../tests/fixtures/pinv.json")).expect("a readable fixture");
    let (width, classes) = (fixture.width, fixture.classes);
    let mut moments = Moments::new(width, classes);
    let rows: Vec<usize> = (0..fixture.labels.len()).collect();
    rows.chunks(40).for_each(|rows| moments.add(&fixture.features, rows, &fixture.labels));
    let solution = moments.solve().unwrap();
    assert_eq!(solution.rank, fixture.rank);
    assert!(solution.rank < width);
    for (index, expected) in fixture.weights.iter().enumerate() {
        let found = solution.weights[(index / width, index % width)];
        assert!((found - expected).abs() < 1e-10, "weight {index}: {found} for {expected}");
    }

    let table = Table {
        width,
        classes,
        train: fixture.features,
        train_labels: fixture.labels,
        test: fixture.test_features,
        test_labels: fixture.test_labels,
    };
    let (labels, mut source) = table.parts(0..0);
    let outcome = evaluate(&PseudoInverse { batch: 16 }, 0, &labels, &mut source, 2, &mut go_on).unwrap();
    assert_eq!(outcome.readings["pinv"], fixture.accuracy);
    assert_eq!(outcome.details["rank"], fixture.rank);
}

#[test]
fn the_last_partial_batch_is_dropped_and_threads_change_nothing() {
    let table = Table::drawn(500, 3000, 150, 4);
    let solve = |threads| {
        let (labels, mut source) = table.parts(0..0);
        evaluate(&PseudoInverse { batch: 64 }, 1, &labels, &mut source, threads, &mut go_on).unwrap()
    };
    let outcome = solve(1);
    assert_eq!(outcome, solve(3));
    assert_eq!(outcome.details["training rows"], 448);
    assert!(outcome.readings["pinv"] > 40.0, "{:?}", outcome.readings);
}

#[test]
fn collapsed_features_give_a_number_not_a_panic() {
    let mut table = Table::drawn(100, 60, 8, 3);
    table.train.fill(0.0);
    table.test.fill(0.0);
    let (labels, mut source) = table.parts(0..0);
    let outcome = evaluate(&PseudoInverse { batch: 50 }, 0, &labels, &mut source, 1, &mut go_on).unwrap();
    assert_eq!(outcome.details["rank"], 0);
}

#[test]
fn features_that_are_not_finite_and_batches_without_rows_are_refused() {
    let mut table = Table::drawn(100, 60, 8, 3);
    for batch in [0, 101] {
        let (labels, mut source) = table.parts(0..0);
        let error = evaluate(&PseudoInverse { batch }, 0, &labels, &mut source, 1, &mut go_on).unwrap_err();
        assert!(matches!(error, EvaluateError::Unfit { .. }), "{error}");
    }
    table.train[5] = f32::NAN;
    let (labels, mut source) = table.parts(0..0);
    let error = evaluate(&PseudoInverse { batch: 50 }, 0, &labels, &mut source, 1, &mut go_on).unwrap_err();
    assert!(matches!(error, EvaluateError::NotFinite { row: 0, feature: 5, .. }), "{error}");
}
