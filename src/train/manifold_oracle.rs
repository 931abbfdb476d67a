//! A step with i-Mix at hidden layers against PyTorch (tests/fixtures/manifold.py).

use std::collections::BTreeMap;

use candle_core::{Device, Tensor};
use safetensors::SafeTensors;

use super::Trainer;
use super::inputs::Mixed;
use super::oracle::{floats, named, settings};
use crate::kernels::{Cpu, FeatureMap};
use crate::mix::VirtualLabels;
use crate::model::{Network, Plan, scattered};
use crate::objective::QueueState;
use crate::random::{Key, Purpose};
use crate::recipe::Stem;

const ROWS: usize = 12;
const EMBEDDING: usize = 8;
const QUEUE: usize = 24;
const PICTURE: FeatureMap = FeatureMap { height: 8, width: 8, channels: 3 };

#[derive(serde::Deserialize)]
struct Case {
    layers: Vec<usize>,
    partner: Vec<u32>,
    lambda: Vec<f32>,
    loss: f64,
}

/// The fixture's formula.
fn fill(network: &mut Network<Cpu>) {
    let parameters = network.plan().parameters().iter().enumerate();
    let values = parameters.map(|(index, parameter)| {
        let count = parameter.span.len;
        let values = match parameter.shape[..] {
            [_] => scattered(index, count, 0.3, if parameter.name.ends_with("weight") { 1.0 } else { 0.0 }),
            _ => scattered(index, count, 1.5 / ((count / parameter.shape[0]) as f64).sqrt(), 0.0),
        };
        (parameter.name.clone(), values)
    });
    let values: Vec<(String, Vec<f32>)> = values.collect();
    network.set_named_tensors(&values);
}

fn queue() -> QueueState {
    let mut keys = scattered(3000, QUEUE * EMBEDDING, 1.0, 0.0);
    for key in keys.chunks_exact_mut(EMBEDDING) {
        let length = key.iter().map(|value| value * value).sum::<f32>().sqrt();
        key.iter_mut().for_each(|value| *value /= length);
    }
    QueueState { keys, pointer: 0 }
}

#[test]
fn a_step_with_hidden_mixing_agrees_with_pytorch() {
    let file = include_bytes!("../../tests/fixtures/manifold.safetensors");
    let (_, metadata) = SafeTensors::read_metadata(file).unwrap();
    let cases: BTreeMap<String, Case> = serde_json::from_str(&metadata.metadata().as_ref().unwrap()["cases"]).unwrap();
    let fixture = SafeTensors::deserialize(file).unwrap();
    assert_eq!(cases.len(), 7);
    let mut compared = 0;
    for (name, case) in cases {
        let [method, network, _] = name.split('.').collect::<Vec<_>>()[..] else { panic!("{name}") };
        let (plan, shape) = match network {
            "mlp" => (Plan::mlp(&[3, 2], 1), vec![ROWS, 5]),
            _ => (Plan::resnet(18, 2, Stem::Cifar, PICTURE).unwrap(), vec![ROWS, 8, 8, 3]),
        };
        let settings = settings(method, case.layers.len());
        let mut trainer = Trainer::new(Cpu::new(1), plan, &settings, 0).unwrap();
        fill(&mut trainer.query);
        trainer.key.iter_mut().for_each(fill);
        if trainer.loss.queue().is_some() {
            trainer.loss.set_queue(queue()).unwrap();
        }
        let [queries, keys] = [0, 1].map(|view| {
            let values = scattered(1000 + view, shape.iter().product(), 2.0, 0.0);
            Tensor::from_vec(values, shape.as_slice(), &Device::Cpu).unwrap()
        });
        // Shares at layer 0 go in mixed.
        let share = ROWS / case.layers.len();
        let in_front = |row: usize| if case.layers[row / share] == 0 { case.lambda[row] } else { 1.0 };
        let lambda: Vec<f32> = (0..ROWS).map(in_front).collect();
        let queries = crate::mix::blend(&queries, &case.partner, &lambda).unwrap();
        let labels = VirtualLabels::mixed(case.partner, case.lambda);
        let mixed = Mixed { queries, labels, layers: case.layers };
        let mut prepared = trainer.preparation().of_mixed(mixed, &keys, Key::new(0, Purpose::ShuffleBn)).unwrap();
        trainer.take(prepared.remove(0), 0.5).unwrap();
        let observed = trainer.observed().unwrap()[0];
        assert!((observed.loss - case.loss).abs() < 1e-4 * case.loss, "{name}: {} for {}", observed.loss, case.loss);
        for (tensor, _, ours) in named(&trainer.query) {
            let after = format!("{name}.after.{tensor}");
            if fixture.tensor(&after).is_err() {
                continue;
            }
            let theirs = floats(&fixture, &after);
            let ours: Vec<f32> = ours.iter().copied().step_by((ours.len() / 40).max(1)).collect();
            assert_eq!(ours.len(), theirs.len(), "{after}");
            let scale = theirs.iter().fold(1f32, |largest, value| largest.max(value.abs()));
            for (at, (ours, theirs)) in ours.iter().zip(&theirs).enumerate() {
                assert!((ours - theirs).abs() < 1e-3 * scale, "{after}[{at}]: {ours} for {theirs}");
            }
            compared += 1;
        }
    }
    assert_eq!(compared, fixture.len());
}
