use candle_core::{Device, Tensor, Var};

use super::*;
use crate::recipe::{Head, Mix, Schedule};

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

    fn queue(&self) -> Queue {
        let state = QueueState { keys: self.queue.values.clone(), pointer: 0 };
        Queue::restore(state, self.queue.shape.0, self.queue.shape.1, &Device::Cpu).unwrap()
    }

    fn loss(&self, case: &Case, queries: &Tensor, keys: &Tensor) -> Tensor {
        let labels = case.labels(self.shape.0);
        case.objective().loss(Embeddings { queries, keys }, &labels, Some(&self.queue())).unwrap()
    }

    fn leaf(&self, values: &[f32]) -> Var {
        Var::from_slice(values, self.shape, &Device::Cpu).unwrap()
    }
}

fn flat(tensor: &Tensor) -> Vec<f32> {
    tensor.flatten_all().unwrap().to_vec1().unwrap()
}

fn random(rows: usize, width: usize, seed: u64) -> Tensor {
    Queue::new(seed, rows, width, &Device::Cpu).unwrap().keys().affine(3.0, 0.1).unwrap()
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
        let (queries, keys) = (fixture.leaf(&fixture.queries), fixture.leaf(&fixture.keys));
        let loss = fixture.loss(case, &queries, &keys);
        assert_close(&[loss.to_scalar().unwrap()], &[case.loss], &what);
        let gradients = loss.backward().unwrap();
        assert_close(&flat(gradients.get(&queries).unwrap()), &case.query_gradient, &what);
        match &case.key_gradient {
            Some(expected) => assert_close(&flat(gradients.get(&keys).unwrap()), expected, &what),
            None => assert!(gradients.get(&keys).is_none(), "{what}: keys are constants"),
        }
    }
}

#[test]
fn gradients_agree_with_finite_differences() {
    let fixture = Fixture::read();
    for case in &fixture.cases {
        let (queries, keys) = (fixture.leaf(&fixture.queries), fixture.leaf(&fixture.keys));
        let gradients = fixture.loss(case, &queries, &keys).backward().unwrap();
        let gradient = flat(gradients.get(&queries).unwrap());
        for index in [0, 7, 13, 22, 39] {
            let moved = |by: f32| {
                let mut values = fixture.queries.clone();
                values[index] += by;
                f64::from(fixture.loss(case, &fixture.leaf(&values), &keys).to_scalar::<f32>().unwrap())
            };
            let slope = (moved(5e-3) - moved(-5e-3)) / 1e-2;
            let found = f64::from(gradient[index]);
            assert!((slope - found).abs() < 2e-3 * slope.abs().max(0.1), "{}: {found} for {slope}", case.objective);
        }
    }
}

#[test]
fn losses_and_gradients_do_not_depend_on_the_number_of_threads() {
    let (queries, keys) = (random(192, 16, 1), random(192, 16, 2));
    let queue = Queue::new(3, 384, 16, &Device::Cpu).unwrap();
    let partner = crate::random::permutation(192, crate::random::Key::new(4, crate::random::Purpose::Mix));
    let labels = VirtualLabels::mixed(partner, (0..192).map(|row| 0.5 + row as f32 / 400.0).collect());
    let objectives = [
        Objective::Npair { temperature: 0.1, replicas: 1 },
        Objective::Simclr { temperature: 0.1, replicas: 1 },
        Objective::Moco { temperature: 0.1, contrast: Contrast::NPlusK },
        Objective::Byol,
    ];
    for objective in objectives {
        let with_threads = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| {
                let queries = Var::from_tensor(&queries).unwrap();
                let keys = Var::from_tensor(&keys).unwrap();
                let embeddings = Embeddings { queries: &queries, keys: &keys };
                let loss = objective.loss(embeddings, &labels, Some(&queue)).unwrap();
                let gradients = loss.backward().unwrap();
                let of = |leaf: &Var| gradients.get(leaf).map(flat);
                (loss.to_scalar::<f32>().unwrap().to_bits(), of(&queries), of(&keys))
            })
        };
        assert_eq!(with_threads(1), with_threads(3), "{objective:?}");
    }
}

#[test]
fn the_queue_replaces_its_oldest_keys_and_comes_back_from_its_state() {
    let mut queue = Queue::new(1, 8, 3, &Device::Cpu).unwrap();
    let start = queue.state().unwrap();
    let length = |row: &[f32]| row.iter().map(|value| value * value).sum::<f32>().sqrt();
    assert!(start.keys.chunks(3).all(|row| (length(row) - 1.0).abs() < 1e-6));
    let keys = random(4, 3, 2);
    queue.enqueue(&keys).unwrap();
    let state = queue.state().unwrap();
    assert_eq!(state.pointer, 4);
    assert_eq!(state.keys[..12], flat(&normalise(&keys).unwrap()));
    assert_eq!(state.keys[12..], start.keys[12..]);
    let mut restored = Queue::restore(state.clone(), 8, 3, &Device::Cpu).unwrap();
    for queue in [&mut queue, &mut restored] {
        queue.enqueue(&random(4, 3, 5)).unwrap();
    }
    assert_eq!(queue.state().unwrap(), restored.state().unwrap());
    assert_eq!(queue.state().unwrap().pointer, 0);

    assert!(matches!(queue.enqueue(&random(3, 3, 6)), Err(ObjectiveError::Queue { length: 8, batch: 3 })));
    assert!(matches!(Queue::restore(state, 9, 3, &Device::Cpu), Err(ObjectiveError::QueueState { .. })));
}

#[test]
fn the_spread_tells_collapse_and_nan() {
    let spread_out = spread(&random(256, 16, 1)).unwrap();
    assert!((0.15..0.26).contains(&spread_out), "about 1/sqrt(16), found {spread_out}");
    let same = Tensor::ones((256, 16), candle_core::DType::F32, &Device::Cpu).unwrap();
    assert!(spread(&same).unwrap() < COLLAPSED);
    let mut values = vec![1f32; 64];
    values[5] = f32::NAN;
    assert!(spread(&Tensor::from_vec(values, (16, 4), &Device::Cpu).unwrap()).unwrap().is_nan());
}

#[test]
fn nan_in_an_embedding_reaches_the_loss() {
    let fixture = Fixture::read();
    let mut queries = fixture.queries.clone();
    queries[3] = f32::NAN;
    for case in &fixture.cases {
        let loss = fixture.loss(case, &fixture.leaf(&queries), &fixture.leaf(&fixture.keys));
        assert!(loss.to_scalar::<f32>().unwrap().is_nan(), "{}", case.objective);
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
    let embeddings = Embeddings { queries: &queries, keys: &keys };
    let npair = Objective::Npair { temperature: 0.1, replicas: 2 };
    assert!(matches!(
        npair.loss(embeddings, &VirtualLabels::clean(7), None),
        Err(ObjectiveError::Shapes { labels: 7, .. })
    ));
    let across = VirtualLabels::mixed(vec![7, 6, 5, 4, 3, 2, 1, 0], vec![0.5; 8]);
    assert!(matches!(npair.loss(embeddings, &across, None), Err(ObjectiveError::Labels(_))));
    let moco = Objective::Moco { temperature: 0.1, contrast: Contrast::OnePlusK };
    assert!(matches!(moco.loss(embeddings, &VirtualLabels::clean(8), None), Err(ObjectiveError::NoQueue)));
    let queue = Queue::new(0, 16, 4, &Device::Cpu).unwrap();
    assert!(matches!(moco.loss(embeddings, &across, Some(&queue)), Err(ObjectiveError::MixedOnePlusK)));
    let wide = Queue::new(0, 16, 5, &Device::Cpu).unwrap();
    assert!(matches!(moco.loss(embeddings, &VirtualLabels::clean(8), Some(&wide)), Err(ObjectiveError::Tensor(_))));
}
