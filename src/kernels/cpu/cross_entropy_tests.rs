use super::*;
use crate::kernels::{EmbeddingKernels, SoftLabels, normalise_rows};

#[test]
fn exponentials_are_those_of_the_standard_library() {
    for step in 0..=100_000 {
        let x = -(step as f32) * 87.3e-5;
        let (found, expected) = (f64::from(exp(x)), f64::from(x).exp());
        assert!((found - expected).abs() <= 1.5e-7 * expected, "exp({x}) = {found} for {expected}");
    }
    assert_eq!((exp(0.0), exp(-100.0), exp(f32::NEG_INFINITY)), (1.0, 0.0, 0.0));
    assert!(exp(f32::NAN).is_nan());
}

/// Logits of up to 1 / 0.01 with 600 classes: more than a block of rows, not a whole number of lanes.
#[test]
fn losses_are_those_of_a_dense_softmax_in_f64() {
    let (rows, classes, width, temperature) = (150, 603, 7, 0.01);
    let wave = |count: usize, by: f32| (0..count).map(|i| (i as f32 * by).sin()).collect::<Vec<f32>>();
    let (mut queries, mut keys) = (wave(rows * width, 0.37), wave(classes * width, 0.73));
    normalise_rows(&mut queries, width);
    normalise_rows(&mut keys, width);
    let row_of = |values: &[f32], row: usize| values[row * width..][..width].to_vec();
    let dot = |row: usize, class: usize| -> f64 {
        let pairs = row_of(&queries, row).into_iter().zip(row_of(&keys, class));
        pairs.map(|(a, b)| f64::from(a) * f64::from(b)).sum()
    };
    let labels = |row: usize| [(row, row, 0.75f32), (row, (row * 31) % rows, 0.5)];
    let others = LeftOut::Others { of: rows, first: 0 };
    for left_out in [LeftOut::Nothing, others] {
        // Where the keys of others are left out, a label on one of them would have no finite loss.
        let labels = |row: usize| if left_out == others { [(row, row, 0.75), (row, 200, 0.5)] } else { labels(row) };
        let mut expected = 0.0;
        for row in 0..rows {
            let logit = |class: usize| dot(row, class) / temperature;
            let kept = (0..classes).filter(|class| !left_out.leaves(row, *class));
            let sum: f64 = kept.map(|class| (logit(class) - 100.0).exp()).sum();
            let of_label =
                |(_, class, weight): (usize, usize, f32)| f64::from(weight) * (100.0 + sum.ln() - logit(class));
            expected += labels(row).into_iter().map(of_label).sum::<f64>() / rows as f64;
        }
        let soft = SoftLabels::new(rows, classes, (0..rows).flat_map(labels)).unwrap();
        let operation = CrossEntropy {
            width,
            labels: soft,
            left_out,
            temperature,
            queries: 0,
            keys: 0,
            keys_learn: false,
            share: 0,
            shares: 1,
        };
        let (mut gradient, mut losses) = (vec![0.0; rows * width], vec![0.0]);
        Cpu::new(1).cross_entropy(&operation, &queries, &keys, &mut gradient, &mut losses);
        let found = f64::from(losses[0]);
        assert!((found - expected).abs() < 1e-5 * expected, "{found} for {expected}");
    }
}

#[test]
fn labels_outside_their_matrix_are_refused() {
    assert!(SoftLabels::new(2, 3, [(1, 2, 1.0)]).is_ok());
    let refused = |entry| SoftLabels::new(2, 3, [entry]).unwrap_err().to_string();
    assert_eq!(refused((0, 3, 1.0)), "label of row 0 is class 3, outside a matrix of 2 rows and 3 classes");
    assert_eq!(refused((2, 0, 1.0)), "label of row 2 is class 0, outside a matrix of 2 rows and 3 classes");
}
