use candle_core::{Device, Var};

use super::*;
use crate::kernels::normalise::normalise;

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
    let queries = Tensor::from_vec(wave(rows * width, 0.37), (rows, width), &Device::Cpu).unwrap();
    let keys = Tensor::from_vec(wave(classes * width, 0.73), (classes, width), &Device::Cpu).unwrap();
    let (queries, keys) = (normalise(&queries).unwrap(), normalise(&keys).unwrap());
    let dots: Vec<Vec<f32>> = queries.matmul(&keys.t().unwrap()).unwrap().to_vec2().unwrap();
    let labels = |row: usize| [(row, row, 0.75f32), (row, (row * 31) % rows, 0.5)];
    for left_out in [LeftOut::Nothing, LeftOut::OtherRows] {
        // Where the keys of others are left out, a label on one of them would have no finite loss.
        let labels =
            |row: usize| if left_out == LeftOut::Nothing { labels(row) } else { [(row, row, 0.75), (row, 200, 0.5)] };
        let mut expected = 0.0;
        for (row, dots) in dots.iter().enumerate() {
            let kept = |class: usize| left_out == LeftOut::Nothing || class >= rows || class == row;
            let logit = |class: usize| f64::from(dots[class]) / temperature;
            let sum: f64 = (0..classes).filter(|class| kept(*class)).map(|class| (logit(class) - 100.0).exp()).sum();
            let of_label =
                |(_, class, weight): (usize, usize, f32)| f64::from(weight) * (100.0 + sum.ln() - logit(class));
            expected += labels(row).into_iter().map(of_label).sum::<f64>() / rows as f64;
        }
        let entries = (0..rows).flat_map(labels);
        let soft = SoftLabels::new(rows, classes, entries).unwrap();
        let found = cross_entropy(&queries, &keys, soft, left_out, temperature).unwrap().to_scalar::<f32>().unwrap();
        assert!((f64::from(found) - expected).abs() < 1e-5 * expected, "{found} for {expected}");
    }
}

#[test]
fn gradients_are_scaled_by_what_comes_after() {
    let of = |factor: f64| {
        let queries = Var::from_slice(&[0.6f32, 0.8, 1.0, 0.0], (2, 2), &Device::Cpu).unwrap();
        let labels = SoftLabels::new(2, 2, [(0, 0, 1.0), (1, 1, 1.0)]).unwrap();
        let loss = cross_entropy(&queries, &queries, labels, LeftOut::Nothing, 0.5).unwrap();
        let gradients = (loss * factor).unwrap().backward().unwrap();
        gradients.get(&queries).unwrap().flatten_all().unwrap().to_vec1::<f32>().unwrap()
    };
    for (once, thrice) in of(1.0).iter().zip(of(3.0)) {
        assert!((3.0 * once - thrice).abs() < 1e-6);
    }
}

#[test]
fn shapes_that_do_not_fit_are_refused() {
    let zeros =
        |rows: usize, width: usize| Tensor::zeros((rows, width), candle_core::DType::F32, &Device::Cpu).unwrap();
    let labels = || SoftLabels::new(2, 3, [(0, 0, 1.0)]).unwrap();
    let refused =
        |queries: Tensor, keys: Tensor| cross_entropy(&queries, &keys, labels(), LeftOut::Nothing, 1.0).is_err();
    assert!(!refused(zeros(2, 4), zeros(3, 4)));
    assert!(refused(zeros(2, 4), zeros(3, 5)));
    assert!(refused(zeros(2, 4), zeros(2, 4)));
    assert!(refused(zeros(3, 4), zeros(3, 4)));
    assert!(SoftLabels::new(2, 3, [(0, 3, 1.0)]).is_err());
    assert!(SoftLabels::new(2, 3, [(2, 0, 1.0)]).is_err());
}
