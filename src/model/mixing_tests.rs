//! Rows mixed inside a network, against finite differences and against what mixing has to leave alone.

use super::tests::{output_gradient_of, scattered};
use super::*;
use crate::kernels::{Cpu, FeatureMap, Storage};
use crate::recipe::{Head, Stem};

const ROWS: usize = 12;
const REPLICAS: usize = 2;
const STEP: f32 = 1e-3;

fn plans() -> [Plan; 2] {
    let pictures = FeatureMap { height: 6, width: 5, channels: 3 };
    let resnet = Plan::resnet(18, 1, Stem::Imagenet, pictures).expect("a plan");
    [Plan::mlp(&[3, 2], 1).with_head(Head::Mlpbn, 4), resnet.with_head(Head::Mlp, 4)]
}

fn input(plan: &Plan) -> Vec<f32> {
    scattered(1000, ROWS * plan.inputs(), 2.0, 0.0)
}

/// The first half of each share mixed in a circle, as N-pair mixes its queries.
fn mix(layer: usize) -> LayerMix {
    let share = ROWS / REPLICAS;
    let (own, next): (Vec<usize>, Vec<usize>) = (0..ROWS)
        .map(|row| {
            let (first, place) = (row / share * share, row % share);
            (row, if place < share / 2 { first + (place + 1) % (share / 2) } else { row })
        })
        .unzip();
    let lambda = own.iter().zip(&next).map(|(own, next)| if own == next { 1.0 } else { 0.5 + 0.04 * *own as f32 });
    LayerMix { layer, partner: next.iter().map(|row| *row as u32).collect(), lambda: lambda.collect() }
}

/// What a pass puts out, row by row.
fn output(network: &mut Network<Cpu>, input: &[f32], mixes: &[LayerMix]) -> Vec<f32> {
    let (cpu, outputs) = (network.kernels().clone(), network.plan().outputs());
    network.pass(cpu.stage(input.to_vec()), ROWS, REPLICAS, mixes).expect("a pass");
    cpu.download_rows(network.output().expect("a pass before"), ROWS, outputs)
}

fn loss(network: &mut Network<Cpu>, input: &[f32], mixes: &[LayerMix]) -> f64 {
    let output = output(network, input, mixes);
    let weights = output_gradient_of(ROWS, network.plan().outputs());
    let weights = weights.flatten_all().and_then(|weights| weights.to_vec1::<f32>()).expect("values");
    output.iter().zip(&weights).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum()
}

/// Each tensor of parameters is moved in a direction of its own.
#[test]
fn gradients_are_finite_differences_at_every_layer() {
    for plan in plans() {
        let (mut compared, mut corners) = (0, 0);
        let input = input(&plan);
        for layer in 1..=plan.layers() {
            let mut network = Network::new(Cpu::new(1), plan.clone(), 3);
            let mixes = [mix(layer), mix(plan.layers() - layer)];
            let mixes = if mixes[0].layer == mixes[1].layer { &mixes[..1] } else { &mixes[..] };
            let here = loss(&mut network, &input, mixes);
            network.backward(&output_gradient_of(ROWS, plan.outputs())).expect("a pass before");
            let (parameters, gradient) = (network.parameters(), network.gradient());
            for (index, parameter) in plan.parameters().iter().enumerate() {
                let span = parameter.span.range();
                let length = (span.len() as f64).sqrt();
                let direction = scattered(index, span.len(), 1.0 / length, 0.0);
                let slope: f64 =
                    gradient[span.clone()].iter().zip(&direction).map(|(g, v)| f64::from(*g) * f64::from(*v)).sum();
                let mut beside = |step: f32| {
                    let mut moved = parameters.clone();
                    moved[span.clone()].iter_mut().zip(&direction).for_each(|(value, v)| *value += step * v);
                    network.set_parameters(&moved);
                    (loss(&mut network, &input, mixes) - here) / f64::from(step)
                };
                let (left, right) = (beside(-STEP), beside(STEP));
                // Rounding makes slopes uncertain by about 0.01.
                let scale = left.abs().max(right.abs()).max(0.25);
                if (left - right).abs() > 0.05 * scale {
                    corners += 1;
                    continue;
                }
                let off = ((left + right) / 2.0 - slope).abs();
                assert!(off < 0.05 * scale, "layer {layer}, {}: {slope}, measured {left} {right}", parameter.name);
                compared += 1;
            }
        }
        assert!(corners * 8 < compared, "{corners} corners beside {compared} gradients");
    }
}

#[test]
fn what_is_mixed_shows_after_its_layer_only_and_is_gone_in_the_next_pass() {
    for plan in plans() {
        let input = input(&plan);
        let mut network = Network::new(Cpu::new(2), plan.clone(), 3);
        let weights = output_gradient_of(ROWS, plan.outputs());
        let mut pass = |mixes: &[LayerMix]| {
            let output = output(&mut network, &input, mixes);
            network.backward(&weights).expect("a pass before");
            (output, network.gradient())
        };
        let clean = pass(&[]);
        let with = |layer: usize| pass(&[mix(layer)]);
        let each: Vec<_> = (0..=plan.layers()).map(with).collect();
        for (layer, mixed) in each.iter().enumerate() {
            assert!(mixed.0 != clean.0 && mixed.1 != clean.1, "layer {layer}");
            assert!(each[..layer].iter().all(|other| other.0 != mixed.0), "layer {layer}");
        }
        let unmixed = LayerMix { layer: 2, partner: (0..ROWS as u32).collect(), lambda: vec![1.0; ROWS] };
        assert!(pass(&[unmixed]) == clean && pass(&[]) == clean);
    }
}

#[test]
fn unfit_mixtures_are_refused() {
    for plan in plans() {
        assert_eq!(plan.layers(), 5);
        let input = input(&plan);
        let mut network = Network::new(Cpu::new(1), plan, 3);
        let mut refused = |mix: LayerMix| network.pass(input.clone(), ROWS, 1, &[mix]).unwrap_err().to_string();
        assert_eq!(refused(mix(6)), "rows cannot be mixed at layer 6 of a network of 5 hidden layers");
        let twice = LayerMix { partner: vec![1; ROWS], ..mix(1) };
        let few = LayerMix { partner: vec![0], lambda: vec![1.0], layer: 1 };
        for (mix, found) in [(twice, ROWS), (few, 1)] {
            let expected = format!(
                "a mixture of {found} rows does not fit a pass of {ROWS}, or does not name each row as a partner once"
            );
            assert_eq!(refused(mix), expected);
        }
    }
}
