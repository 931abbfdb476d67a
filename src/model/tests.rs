//! The network against PyTorch (tests/fixtures/mlp.py) and against itself.

use candle_core::{Device, Tensor};
use safetensors::SafeTensors;

use super::*;
use crate::kernels::Cpu;
use crate::recipe::Head;

const ROWS: usize = 24;

/// The fixture's formula: `count` scattered values, of parameter or input number `index`.
pub(crate) fn scattered(index: usize, count: usize, scale: f64, offset: f64) -> Vec<f32> {
    let turns = |at: usize| (12.9898 * at as f64 + 78.233 * index as f64).sin() * 43758.5453;
    (0..count).map(|at| (offset + scale * (2.0 * (turns(at) - turns(at).floor()) - 1.0)) as f32).collect()
}

/// A network of width 1 with the fixture's parameters.
fn network(threads: usize, plan: Plan) -> Network<Cpu> {
    let parameters = plan.parameters().iter().enumerate();
    let values = parameters.flat_map(|(index, parameter)| match parameter.shape[..] {
        [_, inputs] => scattered(index, parameter.span.len, 1.5 / (inputs as f64).sqrt(), 0.0),
        _ => scattered(index, parameter.span.len, 0.3, if parameter.name.ends_with("weight") { 1.0 } else { 0.0 }),
    });
    let values: Vec<f32> = values.collect();
    let mut network = Network::new(Cpu::new(threads), plan, 0);
    network.set_parameters(&values);
    network
}

fn plans() -> Vec<(&'static str, Plan)> {
    let mlp = || Plan::mlp(&[3, 2], 1);
    vec![
        ("mlp", mlp().with_head(Head::Mlp, 8)),
        ("mlpbn", mlp().with_head(Head::Mlpbn, 8)),
        ("mlpbn1", mlp().with_head(Head::Mlpbn1, 8)),
        ("predictor", mlp().with_head(Head::Mlpbn, 8).with_predictor(Head::Mlpbn1)),
        ("single-block", Plan::mlp(&[5], 1).with_head(Head::Mlpbn, 8).with_predictor(Head::Mlp)),
        ("classifier", mlp().with_classifier(7)),
    ]
}

fn rows(at: usize) -> Vec<f32> {
    scattered(1000 + at, ROWS * 5, 2.0, 0.0)
}

/// Gradient of sum(output * weights), and those weights.
pub(super) fn output_gradient_of(rows: usize, outputs: usize) -> Tensor {
    Tensor::from_vec(scattered(2000, rows * outputs, 1.0, 0.0), (rows, outputs), &Device::Cpu).unwrap()
}

fn output_gradient(outputs: usize) -> Tensor {
    output_gradient_of(ROWS, outputs)
}

/// The values of a fixture's tensor.
pub(super) fn floats(fixture: &SafeTensors, name: &str) -> Vec<f32> {
    let tensor = fixture.tensor(name).unwrap_or_else(|error| panic!("{name}: {error}"));
    tensor.data().chunks_exact(4).map(|bytes| f32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]])).collect()
}

fn flat(tensor: &Tensor) -> Vec<f32> {
    tensor.flatten_all().unwrap().to_vec1().unwrap()
}

fn named(network: &Network<Cpu>) -> Vec<(String, Vec<usize>, Vec<f32>)> {
    let sections = [Section::Encoder, Section::Head, Section::Predictor];
    sections.into_iter().flat_map(|section| network.named_tensors(section)).collect()
}

#[test]
fn passes_agree_with_pytorch() {
    let fixture = SafeTensors::deserialize(include_bytes!("../../tests/fixtures/mlp.safetensors")).unwrap();
    let mut compared = 0;
    let mut assert_close = |name: String, found: &[f32]| {
        let expected = floats(&fixture, &name);
        assert_eq!(found.len(), expected.len(), "{name}");
        // A bias that BatchNorm takes away again has a gradient of rounding errors.
        let scale = expected.iter().fold(0.2f32, |largest, value| largest.max(value.abs()));
        for (at, (found, expected)) in found.iter().zip(&expected).enumerate() {
            assert!((found - expected).abs() <= 5e-5 * scale, "{name}[{at}]: {found} for {expected}, scale {scale}");
        }
        compared += 1;
    };
    for (name, plan) in plans() {
        for replicas in [1, 2] {
            let case = format!("{name}.{replicas}");
            let mut network = network(1, plan.clone());
            let outputs = network.plan().outputs();
            network.forward(&rows(0), ROWS, Mode::Train { replicas }).unwrap();
            let output = network.forward(&rows(1), ROWS, Mode::Train { replicas }).unwrap();
            assert_close(format!("{case}.output"), &flat(&output));
            network.backward(&output_gradient(outputs)).unwrap();
            let gradient = network.gradient();
            for parameter in network.plan().parameters() {
                let values = &gradient[parameter.span.range()];
                let every = if values.len() > 200 { 9 } else { 1 };
                let values: Vec<f32> = values.iter().copied().step_by(every).collect();
                assert_close(format!("{case}.gradient.{}", parameter.name), &values);
            }
            let statistics = network.statistics();
            for statistic in network.plan().statistics() {
                assert_close(format!("{case}.statistic.{}", statistic.name), &statistics[statistic.span.range()]);
            }
            let features = network.features(&rows(2), ROWS).unwrap();
            let kept: Vec<f32> = features.chunks_exact(32).step_by(3).flatten().copied().collect();
            assert_close(format!("{case}.features"), &kept);
            let evaluation = network.forward(&rows(2), ROWS, Mode::Evaluate).unwrap();
            assert_close(format!("{case}.evaluation"), &flat(&evaluation));
        }
    }
    assert_eq!(compared, fixture.len());
}

#[test]
fn the_number_of_threads_changes_no_bit() {
    let run = |threads: usize| {
        let plan = Plan::mlp(&[10, 4, 40], 9).with_head(Head::Mlpbn, 16).with_predictor(Head::Mlp);
        let mut network = Network::new(Cpu::new(threads), plan, 5);
        let mut sgd = Sgd::new(&network, 0.9, 1e-4);
        let rows = 90;
        let input = scattered(7, rows * 54, 2.0, 0.0);
        let mut outputs = Vec::new();
        for _ in 0..3 {
            let output = network.forward(&input, rows, Mode::Train { replicas: 2 }).unwrap();
            network.backward(&output).unwrap();
            sgd.step(&mut network, 1e-3);
            outputs.push(flat(&output));
        }
        outputs.push(network.features(&input, rows).unwrap());
        (outputs, network.parameters(), network.statistics(), sgd.momentum())
    };
    let alone = run(1);
    assert!(alone.1.iter().all(|value| value.is_finite()));
    for threads in [2, 3] {
        assert!(run(threads) == alone, "{threads} threads");
    }
}

#[test]
fn what_is_not_a_number_shows_in_the_output() {
    for (name, plan) in plans() {
        for mode in [Mode::Train { replicas: 1 }, Mode::Evaluate] {
            let mut network = network(1, plan.clone());
            let mut parameters = network.parameters();
            parameters[0] = f32::NAN;
            network.set_parameters(&parameters);
            let output = network.forward(&rows(0), ROWS, mode).unwrap();
            assert!(flat(&output).iter().any(|value| value.is_nan()), "{name} {mode:?}");
        }
    }
}

#[test]
fn chunks_of_any_size_give_the_same_features() {
    let mut network = network(1, plans()[1].1.clone());
    let input = rows(0);
    let whole = network.features(&input, ROWS).unwrap();
    let mut parts = Vec::new();
    for rows in [1, 7, 16] {
        let done = parts.len() / 32;
        parts.extend(network.features(&input[done * 5..(done + rows) * 5], rows).unwrap());
    }
    for (part, whole) in parts.iter().zip(&whole) {
        assert!((part - whole).abs() <= 1e-5 * whole.abs().max(1.0), "{part} {whole}");
    }
    assert_eq!(parts.len(), whole.len());
}

#[test]
fn unfit_input_is_refused() {
    let mut network = network(1, plans()[0].1.clone());
    let wrong = network.forward(&[0.0; 9], 2, Mode::Evaluate).unwrap_err();
    assert_eq!(wrong.to_string(), "9 input values are not 2 rows of 5");
    let wrong = network.forward(&rows(0), ROWS, Mode::Train { replicas: 5 }).unwrap_err();
    assert_eq!(wrong.to_string(), "24 rows cannot be split into 5 equal shares of at least 2");
    assert!(network.forward(&rows(0), ROWS, Mode::Train { replicas: ROWS }).is_err());
    assert!(network.backward(&output_gradient(3)).is_err());
    assert!(network.features(&[], 0).unwrap().is_empty());
}

#[test]
fn the_published_network_has_the_published_shape() {
    let plan = Plan::mlp(&[10, 4, 40], 64).with_head(Head::Mlpbn, 128);
    assert_eq!(plan.features(), 2048);
    assert_eq!(plan.outputs(), 128);
    let shape = |name: &str| plan.parameters().iter().find(|p| p.name == name).map(|p| p.shape.clone());
    assert_eq!(shape("fc2.weight"), Some(vec![64, 4]));
    assert_eq!(shape("body.0.0.weight"), Some(vec![2048, 192]));
    assert_eq!(shape("body.3.1.bias"), Some(vec![4096]));
    assert_eq!(shape("last_fc.weight"), Some(vec![8192, 4096]));
    assert_eq!(shape("fc.0.weight"), Some(vec![2048, 2048]));
    assert_eq!(shape("fc.4.weight"), Some(vec![128]));
}

#[test]
fn initial_weights_are_pytorchs() {
    let network = Network::new(Cpu::new(1), Plan::mlp(&[10, 4, 40], 2).with_classifier(7), 11);
    for (name, shape, values) in named(&network) {
        let bound = match (shape.as_slice(), name.as_str()) {
            ([_, inputs], "last_fc.weight" | "body.1.0.weight" | "fc1.weight") => 1.0 / (*inputs as f32).sqrt(),
            _ => continue,
        };
        let largest = values.iter().fold(0f32, |largest, value| largest.max(value.abs()));
        assert!(largest <= bound && largest > 0.97 * bound, "{name}: {largest}, bound {bound}");
        let mean = values.iter().sum::<f32>() / values.len() as f32;
        assert!(mean.abs() < 0.1 * bound, "{name}: {mean}");
    }
    let classifier: Vec<f32> = named(&network).into_iter().find(|(name, ..)| name == "fc.weight").unwrap().2;
    let deviation = (classifier.iter().map(|w| w * w).sum::<f32>() / classifier.len() as f32).sqrt();
    assert!((deviation - 0.01).abs() < 0.001, "{deviation}");
    let again = Network::new(Cpu::new(1), network.plan().clone(), 11);
    assert_eq!(again.parameters(), network.parameters());
    let with_head = Network::new(Cpu::new(1), Plan::mlp(&[10, 4, 40], 2).with_head(Head::Mlpbn, 8), 11);
    assert_eq!(with_head.named_tensors(Section::Encoder), network.named_tensors(Section::Encoder));
}

#[test]
fn the_momentum_encoder_follows_without_the_predictor() {
    let with_head = Plan::mlp(&[3, 2], 1).with_head(Head::Mlpbn, 8);
    let query = network(1, with_head.clone().with_predictor(Head::Mlpbn));
    let mut key = Network::new(Cpu::new(1), with_head, 1);
    let (before, statistics) = (key.parameters(), key.statistics());
    momentum_update(&query, &mut key, 0.75);
    let expected: Vec<f32> =
        before.iter().zip(query.parameters()).map(|(key, query)| 0.75 * key + 0.25 * query).collect();
    assert_eq!(key.parameters(), expected);
    assert_eq!(key.statistics(), statistics);
}
