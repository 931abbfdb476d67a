use super::*;
use crate::kernels::{Features, Span, Storage};

/// Values between -1 and 1 without a pattern that matters.
fn values(seed: usize, count: usize) -> Vec<f32> {
    (0..count).map(|at| (12.9898 * at as f64 + 78.233 * seed as f64).sin() as f32).collect()
}

#[track_caller]
fn assert_close(found: &[f32], expected: &[f64]) {
    assert_eq!(found.len(), expected.len());
    for (at, (found, expected)) in found.iter().zip(expected).enumerate() {
        assert!((f64::from(*found) - expected).abs() <= 1e-4, "[{at}]: {found} for {expected}");
    }
}

/// Feature-major activations by hand: `[rows, width]` turned.
fn turned(rows: usize, width: usize, values: &[f32]) -> Vec<f32> {
    (0..width * rows).map(|at| values[at % rows * width + at / rows]).collect()
}

#[test]
fn rows_come_back_from_activations() {
    for threads in [1, 3] {
        let cpu = Cpu::new(threads);
        for (rows, width) in [(1, 1), (3, 54), (16, 16), (70, 33), (130, 7)] {
            let host = values(1, rows * width);
            let mut buffer = cpu.zeros(rows * width + 5);
            cpu.place_rows(host.clone(), width, &mut buffer);
            assert_eq!(buffer[..rows * width], turned(rows, width, &host));
            assert_eq!(cpu.download_rows(&buffer, rows, width), host);
        }
    }
}

/// Layers wide enough for several pieces of work, and of sizes that no block divides.
#[test]
fn linear_layers_are_sums_of_products() {
    for (rows, inputs, outputs) in [(1, 1, 1), (5, 3, 301), (67, 301, 130)] {
        // Not the first features of wider matrices.
        let x_part = Features { start: 2, count: inputs };
        let y_part = Features { start: 1, count: outputs };
        let layer = Linear {
            weight: Span { start: 3, len: inputs * outputs },
            bias: Span { start: 3 + inputs * outputs, len: outputs },
            x: x_part,
            y: y_part,
        };
        let parameters = values(1, 3 + inputs * outputs + outputs);
        let (weight, bias) = (&parameters[layer.weight.range()], &parameters[layer.bias.range()]);
        let x = values(2, rows * (inputs + 2));
        let dy = values(3, rows * (outputs + 1));
        let of_x = |row: usize, input: usize| f64::from(x[(2 + input) * rows + row]);
        let of_dy = |row: usize, output: usize| f64::from(dy[(1 + output) * rows + row]);
        let of_weight = |output: usize, input: usize| f64::from(weight[output * inputs + input]);
        for threads in [1, 2] {
            let cpu = Cpu::new(threads);
            let mut y = cpu.zeros(rows * (outputs + 1));
            for with_bias in [false, true] {
                cpu.linear(&layer, rows, &parameters, &x, &mut y, with_bias);
                let expected: Vec<f64> = (0..outputs * rows)
                    .map(|at| {
                        let (output, row) = (at / rows, at % rows);
                        let sum: f64 = (0..inputs).map(|input| of_x(row, input) * of_weight(output, input)).sum();
                        sum + if with_bias { f64::from(bias[output]) } else { 0.0 }
                    })
                    .collect();
                assert_close(&y[rows..], &expected);
                assert!(y[..rows].iter().all(|value| *value == 0.0));

                let mut gradient = vec![f32::NAN; parameters.len()];
                let mut scratch = cpu.zeros(rows * inputs);
                cpu.linear_gradient(&layer, rows, &x, &dy, &mut scratch, &mut gradient, with_bias);
                let expected: Vec<f64> = (0..outputs * inputs)
                    .map(|at| (0..rows).map(|row| of_dy(row, at / inputs) * of_x(row, at % inputs)).sum())
                    .collect();
                assert_close(&gradient[layer.weight.range()], &expected);
                let sums = |output| if with_bias { (0..rows).map(|row| of_dy(row, output)).sum() } else { 0.0 };
                assert_close(&gradient[layer.bias.range()], &(0..outputs).map(sums).collect::<Vec<f64>>());
            }
            let mut dx = cpu.zeros(rows * (inputs + 2));
            cpu.linear_input_gradient(&layer, rows, &parameters, &dy, &mut dx);
            let expected: Vec<f64> = (0..inputs * rows)
                .map(|at| (0..outputs).map(|output| of_dy(at % rows, output) * of_weight(output, at / rows)).sum())
                .collect();
            assert_close(&dx[2 * rows..], &expected);
        }
    }
}

#[test]
fn max_out_gives_a_tie_to_the_first() {
    let cpu = Cpu::new(1);
    let layer = MaxOut { outputs: 1, pieces: 4 };
    // A row of each: the largest first, last, tied, all equal.
    let rows = [[3.0, 1.0, 2.0, 0.0], [-4.0, -3.0, -2.0, -1.0], [0.0, 5.0, 2.0, 5.0], [7.0; 4]];
    let x = turned(4, 4, rows.as_flattened());
    let (mut y, mut dx) = (cpu.zeros(4), vec![f32::NAN; 16]);
    cpu.max_out(&layer, 4, &x, &mut y);
    assert_eq!(y, [3.0, -1.0, 5.0, 7.0]);
    cpu.max_out_gradient(&layer, 4, &x, &vec![1.0, 2.0, 3.0, 4.0], &mut dx);
    let expected = [[1.0, 0.0, 0.0, 0.0], [0.0, 0.0, 0.0, 2.0], [0.0, 3.0, 0.0, 0.0], [4.0, 0.0, 0.0, 0.0]];
    assert_eq!(cpu.download_rows(&dx, 4, 4), expected.as_flattened());
}

#[test]
fn max_out_and_relu_keep_what_is_not_a_number() {
    let cpu = Cpu::new(1);
    for at in 0..4 {
        let mut x = vec![1.0; 4];
        x[at] = f32::NAN;
        let mut y = cpu.zeros(1);
        cpu.max_out(&MaxOut { outputs: 1, pieces: 4 }, 1, &x, &mut y);
        assert!(y[0].is_nan());
    }
    let mut x = vec![f32::NAN, -1.0, -0.0, 2.0];
    cpu.relu(4, &mut x);
    assert!(x[0].is_nan());
    assert_eq!(x[1..], [0.0, 0.0, 2.0]);
}

/// More rows than the lanes of a sum, and a remainder.
#[test]
fn sums_cover_every_value() {
    for count in [0, 1, 31, 32, 33, 1000] {
        let all = values(4, count);
        let expected: f64 = all.iter().map(|value| f64::from(*value)).sum();
        assert!((f64::from(sums::sum(&all, |value| value)) - expected).abs() < 1e-5);
        let mut doubled = all.clone();
        let (first, second) = sums::replace_and_sum(&mut doubled, &all, |a, b| (a + b, b - 1.0));
        assert!((f64::from(first) - 2.0 * expected).abs() < 1e-5);
        assert!((f64::from(second) - expected + count as f64).abs() < 1e-3);
        assert!(doubled.iter().zip(&all).all(|(doubled, value)| *doubled == 2.0 * value));
    }
}

#[test]
fn mixed_rows_are_weighted_sums_and_their_gradient_is_the_transpose() {
    // An order of the rows, some of them their own partners.
    let partner: Vec<u32> = (0..70).map(|row| (13 * row + 4) % 70).collect();
    let lambda: Vec<f32> = values(5, 70).iter().map(|value| value.abs()).collect();
    let mix = RowMix::new(partner.clone(), lambda.clone()).expect("an order");
    let back = mix.transposed();
    assert_eq!(back.transposed(), mix);
    let width = 37;
    let (rows, d) = (values(6, 70 * width), values(7, 70 * width));
    let expected: Vec<f64> = (0..70 * width)
        .map(|at| {
            let (row, feature) = (at / width, at % width);
            let (own, other) = (rows[at], rows[partner[row] as usize * width + feature]);
            f64::from(lambda[row]) * f64::from(own) + (1.0 - f64::from(lambda[row])) * f64::from(other)
        })
        .collect();
    for threads in [1, 3] {
        let cpu = Cpu::new(threads);
        let mut mixed = cpu.zeros(70 * width + 3);
        cpu.mix_pictures(&mix, width, &rows, &mut mixed);
        assert_close(&mixed[..70 * width], &expected);
        let mut by_feature = cpu.zeros(70 * width);
        cpu.mix_rows(&mix, width, &turned(70, width, &rows), &mut by_feature);
        assert_eq!(cpu.download_rows(&by_feature, 70, width), mixed[..70 * width]);
        // <M x, d> = <x, M' d>
        let mut dx = cpu.zeros(70 * width);
        cpu.mix_pictures(&back, width, &d, &mut dx);
        let product =
            |a: &[f32], b: &[f32]| -> f64 { a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum() };
        assert!((product(&mixed, &d) - product(&rows, &dx)).abs() < 1e-3);
    }
}

#[test]
fn partners_have_to_be_an_order_of_the_rows() {
    for partner in [vec![0, 0], vec![0, 2], vec![0], vec![1, 0, 2]] {
        assert_eq!(RowMix::new(partner.clone(), vec![0.5; 2]), None, "{partner:?}");
    }
}

#[derive(serde::Deserialize)]
struct Optimised {
    rate: f64,
    momentum: f64,
    weight_decay: f64,
    key_momentum: f64,
    before: Vec<f32>,
    steps: Vec<Step>,
}

#[derive(serde::Deserialize)]
struct Step {
    gradient: Vec<f32>,
    parameters: Vec<f32>,
    momentum: Vec<f32>,
    key: Vec<f32>,
}

/// Three steps of tests/fixtures/sgd.py.
#[test]
fn sgd_and_the_moving_average_agree_with_pytorch() {
    let fixture: Optimised = serde_json::from_str(include_str!("../../../tests/fixtures/sgd.json")).unwrap();
    let settings = SgdStep {
        rate: fixture.rate as f32,
        momentum: fixture.momentum as f32,
        weight_decay: fixture.weight_decay as f32,
    };
    let cpu = Cpu::new(1);
    let (mut parameters, mut key) = (fixture.before.clone(), fixture.before.clone());
    let mut momentum = cpu.zeros(parameters.len());
    for step in &fixture.steps {
        cpu.sgd(settings, &step.gradient, &mut momentum, &mut parameters);
        cpu.moving_average(parameters.len(), fixture.key_momentum, &parameters, &mut key);
        for (found, expected) in [(&parameters, &step.parameters), (&momentum, &step.momentum), (&key, &step.key)] {
            for (found, expected) in found.iter().zip(expected) {
                assert!((found - expected).abs() <= 1e-6 * expected.abs().max(1.0), "{found} for {expected}");
            }
        }
    }
}
