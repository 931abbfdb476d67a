use super::queue::Queue;
use super::*;
use crate::kernels::collective::Alone;
use crate::kernels::{Cpu, Storage};
use crate::mix::VirtualLabels;
use crate::recipe::{Head, Mix, Precision, Schedule};

/// What an objective makes of embeddings.
#[derive(Clone, Debug, PartialEq)]
struct Found {
    observed: Observed,
    query_gradient: Vec<f32>,
    /// None where keys are constants.
    key_gradient: Option<Vec<f32>>,
}

/// The rows of both, a share of one and then a share of the other.
fn joined(queries: &[f32], keys: &[f32], share: usize) -> Vec<f32> {
    queries.chunks(share).zip(keys.chunks(share)).flat_map(|(query, key)| [query, key].concat()).collect()
}

fn apart(rows: &[f32], share: usize) -> [Vec<f32>; 2] {
    let both = rows.chunks(2 * share);
    [0, 1].map(|at| both.clone().flat_map(|both| both[at * share..][..share].to_vec()).collect())
}

/// Queries and keys row by row, `width` values each.
fn evaluate(
    objective: Objective,
    [queries, keys]: [&[f32]; 2],
    width: usize,
    labels: &VirtualLabels,
    queue: Option<QueueState>,
) -> Result<Found, ObjectiveError> {
    let (cpu, rows) = (Cpu::new(1), queries.len() / width);
    let length = queue.as_ref().map(|queue| queue.keys.len() / width);
    let mut loss = Loss::new(cpu.clone(), objective, rows, width, length, 0)?;
    queue.map(|queue| loss.set_queue(queue)).transpose()?;
    let activations = |values: Vec<f32>| {
        let mut buffer = cpu.zeros(values.len());
        cpu.place_rows(values, width, &mut buffer);
        buffer
    };
    match objective {
        Objective::Npair { replicas, .. } | Objective::Simclr { replicas, .. } => {
            let share = rows / replicas * width;
            let x = activations(joined(queries, keys, share));
            let mut d = cpu.zeros(x.len());
            loss.of_both_views(&Alone(cpu.clone()), labels, &x, &mut d)?;
            let [query_gradient, key_gradient] = apart(&cpu.download_rows(&d, 2 * rows, width), share);
            let observed = loss.observed()[0];
            Ok(Found { observed, query_gradient, key_gradient: Some(key_gradient) })
        }
        Objective::Moco { .. } | Objective::Byol => {
            let x = activations(queries.to_vec());
            let mut d = cpu.zeros(x.len());
            loss.of_queries(&Alone(cpu.clone()), labels, &x, &activations(keys.to_vec()), None, &mut d)?;
            let query_gradient = cpu.download_rows(&d, rows, width);
            Ok(Found { observed: loss.observed()[0], query_gradient, key_gradient: None })
        }
    }
}

#[derive(serde::Deserialize)]
struct Fixture {
    shape: (usize, usize),
    queries: Vec<f32>,
    keys: Vec<f32>,
    queue: Matrix,
    cases: Vec<Case>,
}

#[derive(serde::Deserialize)]
struct Matrix {
    shape: (usize, usize),
    values: Vec<f32>,
}

#[derive(serde::Deserialize)]
struct Case {
    objective: String,
    temperature: f64,
    replicas: usize,
    mixing: Option<Mixing>,
    loss: f32,
    query_gradient: Vec<f32>,
    key_gradient: Option<Vec<f32>>,
}

#[derive(serde::Deserialize)]
struct Mixing {
    partner: Vec<u32>,
    lambda: Vec<f32>,
}

impl Case {
    fn objective(&self) -> Objective {
        let (temperature, replicas) = (self.temperature, self.replicas);
        match self.objective.as_str() {
            "npair" => Objective::Npair { temperature, replicas },
            "simclr" => Objective::Simclr { temperature, replicas },
            "moco-one-plus-k" => Objective::Moco { temperature, contrast: Contrast::OnePlusK },
            "moco-n-plus-k" => Objective::Moco { temperature, contrast: Contrast::NPlusK },
            "byol" => Objective::Byol,
            other => panic!("objective {other} in the fixture"),
        }
    }

    fn labels(&self, rows: usize) -> VirtualLabels {
        match &self.mixing {
            None => VirtualLabels::clean(rows),
            Some(mixing) => VirtualLabels::mixed(mixing.partner.clone(), mixing.lambda.clone()),
        }
    }
}

impl Fixture {
    fn read() -> Fixture {
        serde_json::from_str(include_str!("../../tests/fixtures/objectives.json")).expect("committed fixture")
    }

    fn evaluate(&self, case: &Case, queries: &[f32]) -> Found {
        let (rows, width) = self.shape;
        let objective = case.objective();
        assert_eq!(self.queue.shape, (2 * rows, width));
        let queue = QueueState { keys: self.queue.values.clone(), pointer: 0 };
        let queue = matches!(objective, Objective::Moco { .. }).then_some(queue);
        evaluate(objective, [queries, &self.keys], width, &case.labels(rows), queue).unwrap()
    }
}

/// Rows of unit length, moved off the sphere.
fn random(rows: usize, width: usize, seed: u64) -> Vec<f32> {
    let shape = QueueShape { batch: rows, length: rows, width };
    Queue::new(Cpu::new(1), shape, seed).unwrap().state().keys.iter().map(|value| 3.0 * value + 0.1).collect()
}

#[track_caller]
fn assert_close(found: &[f32], expected: &[f32], what: &str) {
    assert_eq!(found.len(), expected.len(), "{what}");
    let largest = expected.iter().fold(0f32, |a, b| a.max(b.abs()));
    for (found, expected) in found.iter().zip(expected) {
        assert!((found - expected).abs() <= 2e-6 * largest.max(1.0), "{what}: {found} for {expected}");
    }
}

#[test]
fn every_loss_and_gradient_agrees_with_pytorch() {
    let fixture = Fixture::read();
    assert_eq!(fixture.cases.len(), 18);
    for case in &fixture.cases {
        let what = format!("{} {} replicas, mixed {}", case.objective, case.replicas, case.mixing.is_some());
        let found = fixture.evaluate(case, &fixture.queries);
        assert_close(&[found.observed.loss as f32], &[case.loss], &what);
        assert_close(&found.query_gradient, &case.query_gradient, &what);
        assert_eq!(found.key_gradient.is_some(), case.key_gradient.is_some(), "{what}");
        if let (Some(found), Some(expected)) = (&found.key_gradient, &case.key_gradient) {
            assert_close(found, expected, &what);
        }
    }
}

#[test]
fn gradients_agree_with_finite_differences() {
    let fixture = Fixture::read();
    for case in &fixture.cases {
        let gradient = fixture.evaluate(case, &fixture.queries).query_gradient;
        for index in [0, 7, 13, 22, 39] {
            let moved = |by: f32| {
                let mut values = fixture.queries.clone();
                values[index] += by;
                fixture.evaluate(case, &values).observed.loss
            };
            let slope = (moved(5e-3) - moved(-5e-3)) / 1e-2;
            let found = f64::from(gradient[index]);
            assert!((slope - found).abs() < 2e-3 * slope.abs().max(0.1), "{}: {found} for {slope}", case.objective);
        }
    }
}

#[test]
fn the_queue_replaces_its_oldest_keys_and_comes_back_from_its_state() {
    let cpu = Cpu::new(1);
    let shape = QueueShape { batch: 4, length: 8, width: 3 };
    let objective = Objective::Moco { temperature: 0.1, contrast: Contrast::NPlusK };
    let new = || Loss::new(cpu.clone(), objective, 4, 3, Some(8), 1).unwrap();
    let step = |loss: &mut Loss<Cpu>, seed: u64, order: Option<&[u32]>| {
        let [queries, keys] = [0, 1].map(|at| {
            let mut buffer = cpu.zeros(12);
            cpu.place_rows(random(4, 3, seed + at), 3, &mut buffer);
            buffer
        });
        loss.of_queries(&Alone(cpu.clone()), &VirtualLabels::clean(4), &queries, &keys, order, &mut cpu.zeros(12))
            .unwrap();
    };
    let mut loss = new();
    let start = loss.queue().unwrap();
    let length = |row: &[f32]| row.iter().map(|value| value * value).sum::<f32>().sqrt();
    assert!(start.keys.chunks(3).all(|row| (length(row) - 1.0).abs() < 1e-6));
    step(&mut loss, 10, None);
    let state = loss.queue().unwrap();
    assert_eq!((state.pointer, &state.keys[12..]), (4, &start.keys[12..]));
    let mut expected = random(4, 3, 11);
    crate::kernels::normalise_rows(&mut expected, 3);
    assert_close(&state.keys[..12], &expected, "keys of the batch");

    // Rows in another order come back into that of the batch.
    let mut shuffled = new();
    step(&mut shuffled, 10, Some(&[2, 0, 3, 1]));
    let rows: Vec<f32> = [2, 0, 3, 1].iter().flat_map(|row| state.keys[row * 3..][..3].to_vec()).collect();
    assert_eq!(shuffled.queue().unwrap().keys[..12], rows);

    let mut restored = new();
    restored.set_queue(state.clone()).unwrap();
    for loss in [&mut loss, &mut restored] {
        step(loss, 20, None);
    }
    assert_eq!(loss.queue(), restored.queue());
    assert_eq!(loss.queue().unwrap().pointer, 0);

    let refused = Queue::new(cpu.clone(), QueueShape { batch: 3, ..shape }, 0).err().unwrap();
    assert!(matches!(refused, ObjectiveError::Queue { length: 8, batch: 3 }));
    let wide = QueueShape { length: 12, ..shape };
    assert!(matches!(Queue::restore(cpu, wide, state).err().unwrap(), ObjectiveError::QueueState { .. }));
}

#[test]
fn losses_and_gradients_do_not_depend_on_the_number_of_threads() {
    let (rows, width) = (192, 16);
    let partner = crate::random::permutation(rows, crate::random::Key::new(4, crate::random::Purpose::Mix));
    let labels = VirtualLabels::mixed(partner, (0..rows).map(|row| 0.5 + row as f32 / 400.0).collect());
    let (queries, keys) = (random(2 * rows, width, 1), random(rows, width, 2));
    for objective in [
        Objective::Npair { temperature: 0.1, replicas: 1 },
        Objective::Simclr { temperature: 0.1, replicas: 1 },
        Objective::Moco { temperature: 0.1, contrast: Contrast::NPlusK },
    ] {
        let with_threads = |threads| {
            let cpu = Cpu::new(threads);
            let mut loss = Loss::new(cpu.clone(), objective, rows, width, Some(2 * rows), 3).unwrap();
            let mut d = cpu.zeros(2 * rows * width);
            match objective {
                Objective::Moco { .. } => {
                    loss.of_queries(&Alone(cpu.clone()), &labels, &queries, &keys, None, &mut d).unwrap()
                }
                _ => loss.of_both_views(&Alone(cpu.clone()), &labels, &queries, &mut d).unwrap(),
            }
            (loss.observed()[0].loss.to_bits(), d, loss.queue())
        };
        assert_eq!(with_threads(1), with_threads(3), "{objective:?}");
    }
}

#[test]
fn the_spread_tells_collapse_and_nan() {
    let spread = |queries: &[f32], width: usize| {
        let keys = random(queries.len() / width, width, 9);
        let labels = VirtualLabels::clean(queries.len() / width);
        evaluate(Objective::Byol, [queries, &keys], width, &labels, None).unwrap().observed.spread
    };
    let spread_out = spread(&random(256, 16, 1), 16);
    assert!((0.15..0.26).contains(&spread_out), "about 1/sqrt(16), found {spread_out}");
    assert!(spread(&[1.0; 256 * 16], 16) < COLLAPSED);
    let mut values = [1f32; 64];
    values[5] = f32::NAN;
    assert!(spread(&values, 4).is_nan());
}

#[test]
fn nan_in_an_embedding_reaches_the_loss() {
    let fixture = Fixture::read();
    let mut queries = fixture.queries.clone();
    queries[3] = f32::NAN;
    for case in &fixture.cases {
        assert!(fixture.evaluate(case, &queries).observed.loss.is_nan(), "{}", case.objective);
    }
}

fn pretext(method: Method) -> Pretext {
    Pretext {
        method,
        mix: Mix { operator: Operator::Mixup, alpha: 1.0, layers: None },
        input_mix: None,
        epochs: 1,
        batch: 512,
        replicas: 2,
        base_rate: 0.125,
        momentum: 0.9,
        weight_decay: 1e-4,
        schedule: Schedule::Cosine,
        warmup_epochs: 0,
        head: Head::Mlpbn,
        embedding: 128,
        temperature: Some(0.1),
        contrast: Some(Contrast::NPlusK),
        queue: Some(4096),
        key_momentum: Some(0.999),
        shuffle_bn: Some(true),
        predictor: None,
        precision: Precision::F32,
    }
}

#[test]
fn an_objective_takes_what_it_needs_from_the_recipe() {
    let of = |method| Objective::new(&pretext(method)).unwrap();
    assert_eq!(of(Method::Npair), Objective::Npair { temperature: 0.1, replicas: 2 });
    assert_eq!(of(Method::Simclr), Objective::Simclr { temperature: 0.1, replicas: 2 });
    assert_eq!(of(Method::Moco), Objective::Moco { temperature: 0.1, contrast: Contrast::NPlusK });
    assert_eq!(of(Method::Byol), Objective::Byol);

    let refused = |change: fn(&mut Pretext)| {
        let mut settings = pretext(Method::Moco);
        change(&mut settings);
        Objective::new(&settings).unwrap_err().to_string()
    };
    insta::assert_snapshot!([
        refused(|settings| settings.temperature = None),
        refused(|settings| settings.temperature = Some(0.0)),
        refused(|settings| settings.contrast = Some(Contrast::OnePlusK)),
        refused(|settings| settings.queue = Some(4000)),
        refused(|settings| settings.replicas = 3),
    ].join("\n"), @r"
    MoCo needs the setting `temperature`, which the recipe leaves out
    temperature is 0, expected a finite number above 0
    mixed queries need the keys of others among the classes: choose the contrast `n-plus-k` for MoCo
    a queue of 4000 keys cannot be filled by batches of 512: make it a multiple of the batch
    a batch of 512 cannot be split into 3 equal shares
    ");
}

#[test]
fn what_does_not_fit_is_refused() {
    let (queries, keys) = (random(8, 4, 1), random(8, 4, 2));
    let across = VirtualLabels::mixed(vec![7, 6, 5, 4, 3, 2, 1, 0], vec![0.5; 8]);
    let refused = |objective, labels: &VirtualLabels, queue: Option<usize>| {
        let queue = queue.map(|length| QueueState { keys: random(length, 4, 3), pointer: 0 });
        evaluate(objective, [&queries, &keys], 4, labels, queue).unwrap_err()
    };
    let npair = Objective::Npair { temperature: 0.1, replicas: 2 };
    assert!(matches!(refused(npair, &VirtualLabels::clean(7), None), ObjectiveError::Labels(_)));
    assert!(matches!(refused(npair, &across, None), ObjectiveError::Labels(_)));
    let moco = Objective::Moco { temperature: 0.1, contrast: Contrast::OnePlusK };
    assert!(matches!(refused(moco, &VirtualLabels::clean(8), None), ObjectiveError::NoQueue));
    assert!(matches!(refused(moco, &across, Some(16)), ObjectiveError::MixedOnePlusK));
    assert!(matches!(
        refused(moco, &VirtualLabels::clean(8), Some(12)),
        ObjectiveError::Queue { length: 12, batch: 8 }
    ));
    let outside = VirtualLabels::mixed(vec![0, 1, 2, 3, 4, 5, 6, 8], vec![0.5; 8]);
    assert!(matches!(refused(Objective::Byol, &outside, None), ObjectiveError::Labels(_)));
}
