use serde::Deserialize;

use super::*;
use crate::evaluate::table::{Table, go_on};

#[derive(Deserialize)]
struct Fixture {
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    name: String,
    width: usize,
    train: Vec<f32>,
    test: Vec<f32>,
    distance: f64,
}

fn table(width: usize, train: Vec<f32>, test: Vec<f32>) -> Table {
    let labels = |values: &[f32]| vec![0; values.len() / width];
    Table { width, classes: 1, train_labels: labels(&train), test_labels: labels(&test), train, test }
}

fn outcome(table: &Table, threads: usize) -> Result<Outcome, EvaluateError> {
    let (labels, mut source) = table.parts(0..0);
    evaluate(&labels, &mut source, threads, &mut go_on)
}

fn distance_of(table: &Table) -> f64 {
    outcome(table, 1).unwrap().readings[FRECHET]
}

/// tests/fixtures/frechet.py, rank-deficient covariances included.
#[test]
fn distances_are_scipys() {
    let fixture: Fixture = serde_json::from_str(include_str!("../../../tests/fixtures/frechet.json")).unwrap();
    assert_eq!(fixture.cases.len(), 3);
    for Case { name, width, train, test, distance } in fixture.cases {
        let found = distance_of(&table(width, train, test));
        assert!((found - distance).abs() < 1e-11, "{name}: {found} for {distance}");
    }
}

#[test]
fn the_same_rows_are_no_distance_apart_whatever_their_length() {
    let drawn = Table::drawn(300, 10, 40, 3);
    let longer = drawn.train.iter().map(|value| 4.0 * value).collect();
    let found = distance_of(&table(40, drawn.train.clone(), longer));
    assert!(found < 1e-12, "{found}");
    let turned = drawn.train.chunks(40).flat_map(|row| row.iter().rev().copied()).collect();
    assert!(distance_of(&table(40, drawn.train.clone(), turned)) > 0.01);
}

#[test]
fn which_side_is_which_and_the_number_of_threads_change_nothing() {
    // More rows than a chunk, and more features than a task's columns.
    let drawn = Table::drawn(2500, 100, 150, 4);
    let one = outcome(&drawn, 1).unwrap();
    assert_eq!(one, outcome(&drawn, 3).unwrap());
    assert_eq!((&one.details["training rows"], &one.details["test rows"]), (&json!(2500), &json!(100)));
    assert_eq!((&one.details["training rank"], &one.details["test rank"]), (&json!(150), &json!(99)));
    let other = distance_of(&table(150, drawn.test.clone(), drawn.train.clone()));
    assert!((other - one.readings[FRECHET]).abs() < 1e-11);
}

#[test]
fn collapsed_features_give_a_number_not_a_panic() {
    for value in [0.0, 0.25] {
        let found = distance_of(&table(8, vec![value; 80], vec![value; 40]));
        assert!((0.0..1e-12).contains(&found), "{found}");
    }
    // All at one point, and all at the opposite one.
    let found = distance_of(&table(8, vec![1.0; 80], vec![-1.0; 40]));
    assert!((found - 4.0).abs() < 1e-12 && found <= 4.0, "{found}");
}

#[test]
fn features_that_are_not_finite_and_single_rows_are_refused() {
    let mut rows = vec![1.0; 40];
    let error = outcome(&table(8, rows.clone(), vec![1.0; 8]), 1).unwrap_err();
    assert_eq!(error.to_string(), "test rows: expected at least 2, found 1");
    rows[9] = f32::INFINITY;
    let error = outcome(&table(8, rows, vec![1.0; 16]), 1).unwrap_err();
    assert!(matches!(error, EvaluateError::NotFinite { row: 1, feature: 1, .. }), "{error}");
}
