//! ResNets against PyTorch (tests/fixtures/resnet.py) and against what is published of them.

use safetensors::SafeTensors;

use super::tests::{floats, output_gradient_of, scattered};
use super::*;
use crate::kernels::{Cpu, FeatureMap};
use crate::recipe::{Head, Stem};

const ROWS: usize = 6;

fn pictures(height: usize, width: usize) -> FeatureMap {
    FeatureMap { height, width, channels: 3 }
}

/// A network with the fixture's parameters.
fn network(threads: usize, plan: Plan) -> Network<Cpu> {
    let mut network = Network::new(Cpu::new(threads), plan, 0);
    let parameters = network.plan().parameters().iter().enumerate();
    let values: Vec<(String, Vec<f32>)> = parameters
        .map(|(index, parameter)| {
            let count = parameter.span.len;
            let values = match parameter.shape[..] {
                [outputs, ..] if parameter.shape.len() == 4 => {
                    scattered(index, count, 1.5 / ((count / outputs) as f64).sqrt(), 0.0)
                }
                _ => scattered(index, count, 0.3, if parameter.name.ends_with("weight") { 1.0 } else { 0.0 }),
            };
            (parameter.name.clone(), values)
        })
        .collect();
    network.set_named_tensors(&values);
    network
}

#[test]
fn passes_agree_with_pytorch() {
    let fixture = SafeTensors::deserialize(include_bytes!("../../tests/fixtures/resnet.safetensors")).unwrap();
    let mut compared = 0;
    let mut assert_close = |name: String, found: &[f32]| {
        let expected = floats(&fixture, &name);
        assert_eq!(found.len(), expected.len(), "{name}");
        let scale = expected.iter().fold(0.5f32, |largest, value| largest.max(value.abs()));
        for (at, (found, expected)) in found.iter().zip(&expected).enumerate() {
            assert!((found - expected).abs() <= 1e-3 * scale, "{name}[{at}]: {found} for {expected}, scale {scale}");
        }
        compared += 1;
    };
    for (name, depth, width, stem, map) in [
        ("resnet18-cifar", 18, 4, Stem::Cifar, pictures(11, 9)),
        ("resnet50-imagenet", 50, 2, Stem::Imagenet, pictures(41, 37)),
    ] {
        for replicas in [1, 2] {
            let case = format!("{name}.{replicas}");
            let plan = Plan::resnet(depth, width, stem, map).unwrap();
            let mut network = network(2, plan);
            let input = scattered(1000, ROWS * map.len(), 2.0, 0.0);
            let output = network.forward(&input, ROWS, Mode::Train { replicas }).unwrap();
            let features = network.plan().features();
            assert_close(format!("{case}.output"), &output.flatten_all().unwrap().to_vec1::<f32>().unwrap());
            network.backward(&output_gradient_of(ROWS, features)).unwrap();
            let gradient = network.gradient();
            for parameter in network.plan().parameters() {
                let values = parameter.to_pytorch(&gradient[parameter.span.range()]);
                let values: Vec<f32> = values.iter().copied().step_by((values.len() / 40).max(1)).collect();
                assert_close(format!("{case}.gradient.{}", parameter.name), &values);
            }
            let statistics = network.statistics();
            for statistic in network.plan().statistics() {
                let values: Vec<f32> = statistics[statistic.span.range()].iter().copied().step_by(3).collect();
                // PyTorch's network begins with the same statistics, 0 and 1.
                assert_close(format!("{case}.statistic.{}", statistic.name), &values);
            }
            assert_close(format!("{case}.features"), &network.features(&input, ROWS).unwrap());
        }
    }
    assert_eq!(compared, fixture.len());
}

#[test]
fn published_sizes() {
    let count = |depth: usize, stem: Stem| {
        let plan = Plan::resnet(depth, 64, stem, pictures(32, 32)).unwrap();
        (plan.parameters_len(), plan.features(), plan.flops_per_row() / 2e9)
    };
    // torchvision's networks without their last layer.
    for (depth, parameters, classifier) in [
        (18, 11_689_512, 513_000),
        (34, 21_797_672, 513_000),
        (50, 25_557_032, 2_049_000),
        (101, 44_549_160, 2_049_000),
        (152, 60_192_808, 2_049_000),
    ] {
        assert_eq!(count(depth, Stem::Imagenet).0, parameters - classifier, "{depth}");
    }
    let (_, features, operations) = count(18, Stem::Cifar);
    assert_eq!(features, 512);
    assert!((operations - 0.5554).abs() < 0.001, "{operations}");
    let (_, features, operations) = count(50, Stem::Cifar);
    assert_eq!(features, 2048);
    assert!((operations - 1.297).abs() < 0.01, "{operations}");
}

#[test]
fn names_are_torchvisions() {
    let plan = Plan::resnet(50, 64, Stem::Imagenet, pictures(224, 224)).unwrap();
    let shape = |name: &str| plan.parameters().iter().find(|p| p.name == name).map(|p| p.shape.clone());
    assert_eq!(shape("conv1.weight"), Some(vec![64, 3, 7, 7]));
    assert_eq!(shape("bn1.bias"), Some(vec![64]));
    assert_eq!(shape("layer1.0.downsample.0.weight"), Some(vec![256, 64, 1, 1]));
    assert_eq!(shape("layer1.1.downsample.0.weight"), None);
    assert_eq!(shape("layer4.2.conv2.weight"), Some(vec![512, 512, 3, 3]));
    assert!(plan.statistics().iter().any(|s| s.name == "layer2.3.bn3.running_var"));
}

#[test]
fn what_cannot_be_built_is_refused() {
    let refused = |depth, width, map| Plan::resnet(depth, width, Stem::Cifar, map).unwrap_err().to_string();
    let found = refused(20, 64, pictures(32, 32));
    assert_eq!(found, "there is no ResNet of 20 layers: expected 18, 34, 50, 101 or 152");
    assert_eq!(refused(18, 64, pictures(0, 32)), "a ResNet of width 64 cannot read pictures of 0 x 32 x 3");
    assert!(Plan::resnet(18, 1, Stem::Imagenet, pictures(1, 1)).is_ok());
}

#[test]
fn the_number_of_threads_changes_no_bit_and_images_do_not_meet_in_evaluation() {
    let plan = Plan::resnet(18, 4, Stem::Cifar, pictures(8, 8)).unwrap().with_head(Head::Mlpbn, 8);
    let input = scattered(7, ROWS * 8 * 8 * 3, 2.0, 0.0);
    let run = |threads: usize| {
        let mut network = network(threads, plan.clone());
        let mut sgd = Sgd::new(&network, 0.9, 1e-4);
        for _ in 0..2 {
            let output = network.forward(&input, ROWS, Mode::Train { replicas: 2 }).unwrap();
            network.backward(&output).unwrap();
            sgd.step(&mut network, 1e-2);
        }
        let features = network.features(&input, ROWS).unwrap();
        let alone: Vec<f32> = input.chunks(8 * 8 * 3).flat_map(|image| network.features(image, 1).unwrap()).collect();
        for (alone, together) in alone.iter().zip(&features) {
            assert!((alone - together).abs() < 1e-5 * together.abs().max(1.0));
        }
        (features, network.parameters(), network.statistics())
    };
    let alone = run(1);
    assert!(alone.1.iter().all(|value| value.is_finite()));
    assert!(run(2) == alone && run(3) == alone);
}
