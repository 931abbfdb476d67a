use candle_core::{Device, Tensor};

use super::*;
use crate::random::Purpose;
use crate::recipe::InputMix;

#[derive(serde::Deserialize)]
struct Values {
    shape: Vec<usize>,
    values: Vec<f32>,
}

impl Values {
    fn tensor(&self) -> Tensor {
        Tensor::from_slice(&self.values, self.shape.as_slice(), &Device::Cpu).unwrap()
    }

    #[track_caller]
    fn assert_close(&self, found: &Tensor) {
        assert_eq!(found.dims(), self.shape);
        for (found, expected) in flat(found).iter().zip(&self.values) {
            assert!((found - expected).abs() <= 1e-6, "{found} for {expected}");
        }
    }
}

#[derive(serde::Deserialize)]
struct Fixture {
    mixup: Vec<Mixup>,
    rectangles: Vec<RectangleCase>,
    paste: Paste,
    input_mix: InputMixCase,
}

#[derive(serde::Deserialize)]
struct Mixup {
    input: Values,
    partner: Vec<u32>,
    lambda: Vec<f32>,
    output: Values,
}

#[derive(serde::Deserialize)]
struct RectangleCase {
    size: (usize, usize),
    lambda: f32,
    centre: (usize, usize),
    rows: (usize, usize),
    columns: (usize, usize),
    corrected: f32,
}

#[derive(serde::Deserialize)]
struct Paste {
    input: Values,
    partner: Vec<u32>,
    size: (usize, usize),
    rows: (usize, usize),
    columns: (usize, usize),
    output: Values,
}

#[derive(serde::Deserialize)]
struct InputMixCase {
    input: Values,
    own: Vec<f32>,
    others: Vec<(Vec<u32>, Vec<f32>)>,
    output: Values,
}

fn fixture() -> Fixture {
    serde_json::from_str(include_str!("../../tests/fixtures/mixing.json")).expect("committed fixture")
}

fn flat(tensor: &Tensor) -> Vec<f32> {
    tensor.flatten_all().unwrap().to_vec1().unwrap()
}

fn mean(values: &[f32]) -> f64 {
    values.iter().map(|value| f64::from(*value)).sum::<f64>() / values.len() as f64
}

fn settings(operator: Operator, alpha: f64) -> Mix {
    Mix { operator, alpha, layers: None }
}

fn key() -> Key {
    Key::new(3, Purpose::Mix).epoch(1).step(2)
}

/// Row `i` holds `i` everywhere.
fn numbered(shape: &[usize]) -> Tensor {
    let rows = Tensor::arange(0f32, shape[0] as f32, &Device::Cpu).unwrap();
    let mut per_row = vec![1; shape.len()];
    per_row[0] = shape[0];
    rows.reshape(per_row).unwrap().broadcast_as(shape).unwrap().contiguous().unwrap()
}

#[test]
fn mixup_of_given_draws_agrees_with_pytorch() {
    for case in fixture().mixup {
        case.output.assert_close(&blend(&case.input.tensor(), &case.partner, &case.lambda).unwrap());
    }
}

#[test]
fn cutmix_of_given_draws_agrees_with_pytorch() {
    let fixture = fixture();
    for case in fixture.rectangles {
        let found = Rectangle::around(case.size, case.lambda, case.centre);
        let expected = (case.rows.0..case.rows.1, case.columns.0..case.columns.1);
        assert_eq!((found.rows.clone(), found.columns.clone()), expected, "{:?} {}", case.size, case.lambda);
        assert_eq!(found.share_left(), case.corrected);
    }
    let case = fixture.paste;
    let (rows, columns) = (case.rows.0..case.rows.1, case.columns.0..case.columns.1);
    let rectangle = Rectangle { size: case.size, rows, columns };
    case.output.assert_close(&paste(&case.input.tensor(), &case.partner, &rectangle).unwrap());
}

#[test]
fn input_mix_of_given_draws_agrees_with_pytorch() {
    let case = fixture().input_mix;
    case.output.assert_close(&weighted_sum(&case.input.tensor(), &case.own, &case.others).unwrap());
}

#[test]
fn without_an_operator_inputs_and_labels_stay_clean() {
    let input = numbered(&[6, 3]);
    let (mixed, labels) = apply(&settings(Operator::None, 1.0), 2, &input, key()).unwrap();
    assert_eq!(flat(&mixed), flat(&input));
    assert_eq!(labels, VirtualLabels::clean(6));
    assert!(labels.entries().eq((0..6).map(|row| (row, row, 1.0))));
}

#[test]
fn mixup_draws_a_folded_lambda_for_each_row() {
    // The mean of max(l, 1 - l) is 1/2 + E|l - 1/2|: 11/16 for Beta(2, 2) and 3/4 for Beta(1, 1).
    for (alpha, expected) in [(2.0, 0.6875), (1.0, 0.75)] {
        let (_, labels) = apply(&settings(Operator::Mixup, alpha), 1, &numbered(&[20_000, 1]), key()).unwrap();
        assert!(labels.lambda.iter().all(|lambda| (0.5..=1.0).contains(lambda)));
        let mean = mean(&labels.lambda);
        assert!((mean - expected).abs() < 0.004, "{mean} for {expected}");
    }
}

#[test]
fn labels_say_what_was_mixed() {
    let (mixed, labels) = apply(&settings(Operator::Mixup, 2.0), 2, &numbered(&[64, 1]), key()).unwrap();
    let mut expected = vec![0f32; 64];
    for (query, item, weight) in labels.entries() {
        expected[query] += weight * item as f32;
    }
    for (found, expected) in flat(&mixed).iter().zip(expected) {
        assert!((found - expected).abs() < 1e-4, "{found} for {expected}");
    }
}

#[test]
fn partners_are_an_order_of_the_share_and_differ_between_shares() {
    let (_, labels) = apply(&settings(Operator::Mixup, 2.0), 4, &numbered(&[256, 1]), key()).unwrap();
    let shares = labels.split(4).unwrap();
    for share in &shares {
        let mut partner = share.partner.clone().unwrap();
        partner.sort_unstable();
        assert_eq!(partner, (0..64).collect::<Vec<u32>>());
    }
    assert_ne!(shares[0].partner, shares[1].partner);
    assert_ne!(shares[0].lambda, shares[1].lambda);
    let lambda: Vec<f32> = shares.iter().flat_map(|share| share.lambda.clone()).collect();
    assert_eq!(lambda, labels.lambda);
}

#[test]
fn every_layer_of_the_recipe_has_its_turn_in_every_share() {
    let mix = |layers| Mix { layers, ..settings(Operator::Mixup, 1.0) };
    let of_step = |step| layers(&mix(Some(vec![0, 2, 5])), 2, Key::new(3, Purpose::MixLayer).step(step));
    let drawn: Vec<Vec<usize>> = (0..3000).map(of_step).collect();
    for share in [0, 1] {
        for layer in [0, 2, 5] {
            let count = drawn.iter().filter(|drawn| drawn[share] == layer).count();
            assert!((900..1100).contains(&count), "layer {layer} in share {share}: {count}");
        }
    }
    let alike = drawn.iter().filter(|drawn| drawn[0] == drawn[1]).count();
    assert!((900..1100).contains(&alike), "shares draw by their own: {alike}");
    assert_eq!(of_step(7), drawn[7]);
    assert_eq!(layers(&mix(None), 3, Key::new(3, Purpose::MixLayer)), [0, 0, 0]);
}

#[test]
fn another_step_draws_anew_and_the_same_step_draws_the_same() {
    let input = numbered(&[32, 2]);
    let draw = |key| apply(&settings(Operator::Mixup, 2.0), 1, &input, key).unwrap().1;
    assert_eq!(draw(key()), draw(key()));
    assert_ne!(draw(key()).partner, draw(key().step(3)).partner);
    assert_ne!(draw(key()).lambda, draw(key().step(3)).lambda);
}

#[test]
fn cutmix_pastes_the_share_of_the_image_that_lambda_says() {
    let (mixed, labels) = apply(&settings(Operator::Cutmix, 1.0), 2, &numbered(&[8, 32, 32, 3]), key()).unwrap();
    let partner = labels.partner.clone().unwrap();
    let pixels = flat(&mixed);
    for (row, image) in pixels.chunks(3 * 32 * 32).enumerate() {
        let (own, other) = (row as f32, partner[row] as f32);
        assert!(image.iter().all(|pixel| *pixel == own || *pixel == other));
        if own != other {
            let share = image.iter().filter(|pixel| **pixel == own).count() as f32 / image.len() as f32;
            assert!((share - labels.lambda[row]).abs() < 1e-6);
        }
    }
    assert!(labels.lambda[..4].iter().all(|lambda| *lambda == labels.lambda[0]), "one lambda for each share");
    assert_ne!(labels.lambda[0], labels.lambda[4]);
}

#[test]
fn cutmix_keeps_at_least_half_and_moves_its_rectangle() {
    let input = numbered(&[2, 32, 32, 1]);
    let lambda_of = |step| apply(&settings(Operator::Cutmix, 1.0), 1, &input, key().step(step)).unwrap().1.lambda[0];
    let lambdas: Vec<f32> = (0..400).map(lambda_of).collect();
    assert!(lambdas.iter().all(|lambda| (0.5..=1.0).contains(lambda)));
    // Clipping at the borders leaves more of the image than the 0.75 that is drawn.
    assert!(mean(&lambdas) > 0.76, "{}", mean(&lambdas));
}

#[test]
fn input_mix_keeps_at_least_half_of_each_input() {
    let weights = |auxiliaries| {
        let settings = InputMix { auxiliaries, alpha: 1.0 };
        input_mix::weights(&settings, 20_000, Key::new(3, Purpose::InputMix)).unwrap()
    };
    for (auxiliaries, own_mean) in [(1, 0.75), (2, 0.5 + 0.5 / 3.0), (4, 0.6)] {
        let (own, others) = weights(auxiliaries);
        assert_eq!(others.len(), auxiliaries);
        assert!(own.iter().all(|weight| (0.5..=1.0).contains(weight)));
        for row in 0..own.len() {
            let sum: f32 = own[row] + others.iter().map(|weights| weights[row]).sum::<f32>();
            assert!((sum - 1.0).abs() < 1e-6);
        }
        assert!((mean(&own) - own_mean).abs() < 0.005, "{auxiliaries}: {}", mean(&own));
        let each = (1.0 - own_mean) / auxiliaries as f64;
        assert!(others.iter().all(|weights| (mean(weights) - each).abs() < 0.005), "auxiliaries are exchangeable");
    }
}

#[test]
fn input_mix_partners_come_from_the_whole_pool() {
    let views = numbered(&[512, 1]);
    let settings = InputMix { auxiliaries: 2, alpha: 1.0 };
    let mixed = flat(&input_mix(&settings, &views, Key::new(3, Purpose::InputMix)).unwrap());
    // Half of a row below 128 and half of anything below 192 is below 160: the rest came from further up.
    let pulled_up = mixed[..128].iter().filter(|value| **value > 160.0).count();
    assert!(pulled_up > 10, "{pulled_up}");
}

#[test]
fn what_cannot_be_mixed_is_refused() {
    let apply = |operator, alpha, replicas, shape: &[usize]| {
        apply(&settings(operator, alpha), replicas, &numbered(shape), key()).unwrap_err()
    };
    assert!(matches!(apply(Operator::Cutmix, 1.0, 1, &[4, 54]), MixError::NoRectangle { found } if found == [4, 54]));
    assert!(matches!(apply(Operator::Mixup, 0.0, 1, &[4, 2]), MixError::Alpha { .. }));
    assert!(matches!(apply(Operator::Mixup, f64::NAN, 1, &[4, 2]), MixError::Alpha { .. }));
    assert!(matches!(apply(Operator::Mixup, 1.0, 3, &[4, 2]), MixError::Shares { rows: 4, replicas: 3 }));
    assert!(matches!(apply(Operator::Mixup, 1.0, 0, &[4, 2]), MixError::Shares { .. }));
    let none = InputMix { auxiliaries: 0, alpha: 1.0 };
    assert!(matches!(input_mix(&none, &numbered(&[4, 2]), key()), Err(MixError::NoAuxiliaries)));
    let negative = InputMix { auxiliaries: 2, alpha: -1.0 };
    assert!(matches!(input_mix(&negative, &numbered(&[4, 2]), key()), Err(MixError::Alpha { .. })));
}

#[test]
fn labels_across_shares_are_refused() {
    let labels = VirtualLabels::mixed(vec![1, 0, 1, 3], vec![0.5; 4]);
    assert!(labels.split(1).is_ok());
    assert_eq!(labels.split(2), Err(LabelError::Partner { row: 2, partner: 1, share: 2..4 }));
    let short = VirtualLabels::mixed(vec![0], vec![0.5; 4]);
    assert!(matches!(short.split(1), Err(LabelError::Length { .. })));
}
