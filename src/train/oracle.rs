//! Three steps of each method against PyTorch (tests/fixtures/step.py).

use std::collections::BTreeMap;

use safetensors::SafeTensors;

use crate::augment::Source;
use crate::data::DataError;
use crate::kernels::Cpu;
use crate::model::{Network, Plan, Section};
use crate::objective::QueueState;
use crate::recipe::{Contrast, Head, Method, Mix, Operator, Precision, Pretext, Schedule};

use super::{Batch, Trainer};

const ROWS: usize = 12;
const WIDTH: usize = 5;

/// The fixture's rows, the same in both views.
struct Fixed(Vec<f32>);

impl Source for Fixed {
    fn len(&self) -> usize {
        self.0.len() / WIDTH
    }

    fn shape(&self) -> &[usize] {
        &[WIDTH]
    }

    fn fill(&self, row: usize, _: usize, _: usize, out: &mut [f32]) -> Result<(), DataError> {
        out.copy_from_slice(&self.0[row * WIDTH..][..WIDTH]);
        Ok(())
    }
}

pub(super) fn settings(case: &str, replicas: usize) -> Pretext {
    let (method, contrast) = match case {
        "npair" => (Method::Npair, None),
        "moco" => (Method::Moco, Some(Contrast::OnePlusK)),
        "mocon" => (Method::Moco, Some(Contrast::NPlusK)),
        _ => (Method::Byol, None),
    };
    let momentum_encoder = method != Method::Npair;
    Pretext {
        method,
        mix: Mix { operator: Operator::None, alpha: 0.0, layers: None },
        input_mix: None,
        epochs: 1,
        batch: ROWS,
        replicas,
        base_rate: 0.05,
        momentum: 0.9,
        weight_decay: 1e-4,
        schedule: Schedule::Cosine,
        warmup_epochs: 0,
        head: Head::Mlpbn,
        embedding: 8,
        temperature: (method != Method::Byol).then_some(0.1),
        contrast,
        queue: contrast.map(|_| 24),
        key_momentum: momentum_encoder.then_some(0.99),
        shuffle_bn: momentum_encoder.then_some(false),
        predictor: (method == Method::Byol).then_some(Head::Mlpbn),
        precision: Precision::F32,
    }
}

pub(super) fn named(network: &Network<Cpu>) -> Vec<(String, Vec<usize>, Vec<f32>)> {
    [Section::Encoder, Section::Head, Section::Predictor]
        .into_iter()
        .flat_map(|section| network.named_tensors(section))
        .collect()
}

pub(super) fn floats(tensors: &SafeTensors<'_>, name: &str) -> Vec<f32> {
    let data = tensors.tensor(name).unwrap_or_else(|error| panic!("{name}: {error}")).data();
    data.chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect()
}

#[test]
fn three_steps_agree_with_pytorch() {
    let file = include_bytes!("../../tests/fixtures/step.safetensors");
    let (_, metadata) = SafeTensors::read_metadata(file).unwrap();
    let losses = &metadata.metadata().as_ref().unwrap()["losses"];
    let losses: BTreeMap<String, Vec<f64>> = serde_json::from_str(losses).unwrap();
    let fixture = SafeTensors::deserialize(file).unwrap();
    let source = Fixed(floats(&fixture, "rows"));
    assert_eq!(losses.len(), 8);
    for (case, expected) in &losses {
        let (name, replicas) = case.split_once('.').unwrap();
        let settings = settings(name, replicas.parse().unwrap());
        let mut trainer = Trainer::new(Cpu::new(1), Plan::mlp(&[3, 2], 1), &settings, 0).unwrap();
        let start = |network: &mut Network<Cpu>| {
            let values: Vec<_> = named(network)
                .into_iter()
                .map(|(name, _, _)| {
                    let values = floats(&fixture, &format!("before.{name}"));
                    (name, values)
                })
                .collect();
            network.set_named_tensors(&values);
        };
        start(&mut trainer.query);
        if let Some(key) = &mut trainer.key {
            start(key);
        }
        if trainer.loss.queue().is_some() {
            let state = QueueState { keys: floats(&fixture, &format!("{case}.queue")), pointer: 0 };
            trainer.loss.set_queue(state).unwrap();
        }
        for (step, expected) in expected.iter().enumerate() {
            let batch: Vec<u32> = (0..ROWS as u32).map(|row| row + (step * ROWS) as u32).collect();
            let observed = trainer.step(Batch::draw(&source, &batch, 0, step).unwrap(), 0.05).unwrap();
            let tolerance = 1e-3 * expected.abs().max(0.1);
            assert!(
                (observed.loss - expected).abs() < tolerance,
                "{case} step {step}: loss {} against {expected}",
                observed.loss
            );
        }
        let mut compared = 0;
        for (name, _, ours) in named(&trainer.query) {
            let Ok(tensor) = fixture.tensor(&format!("{case}.after.{name}")) else { continue };
            let theirs: Vec<f32> =
                tensor.data().chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect();
            for (index, (ours, theirs)) in ours.iter().zip(&theirs).enumerate() {
                let tolerance = 2e-3 * theirs.abs().max(0.2);
                assert!((ours - theirs).abs() < tolerance, "{case} {name}[{index}]: {ours} against {theirs}");
            }
            compared += 1;
        }
        assert!(compared > 20, "{case} compared {compared} tensors");
    }
}
