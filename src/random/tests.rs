//! Streams are what tests/fixtures/random.py makes of their keys, and no two keys share one.

use std::collections::HashMap;

use proptest::prelude::*;
use rand::{Rng, RngExt};
use rand_distr::{Beta, Distribution, Gamma, Normal, StandardNormal};
use serde::Deserialize;

use super::*;

/// A purpose that is missing here does not compile in `number`.
const PURPOSES: [Purpose; 16] = [
    Purpose::Weights,
    Purpose::Shuffle,
    Purpose::Views,
    Purpose::Mix,
    Purpose::InputMix,
    Purpose::ShuffleBn,
    Purpose::Queue,
    Purpose::Classifier,
    Purpose::EvaluationShuffle,
    Purpose::Bootstrap,
    Purpose::Subset,
    Purpose::EvaluationViews,
    Purpose::Noise,
    Purpose::Silence,
    Purpose::MixLayer,
    Purpose::Selftest,
];

/// The numbers that keys have had since the first release.
fn number(purpose: Purpose) -> usize {
    match purpose {
        Purpose::Weights => 1,
        Purpose::Shuffle => 2,
        Purpose::Views => 3,
        Purpose::Mix => 4,
        Purpose::InputMix => 5,
        Purpose::ShuffleBn => 6,
        Purpose::Queue => 7,
        Purpose::Classifier => 8,
        Purpose::EvaluationShuffle => 9,
        Purpose::Bootstrap => 10,
        Purpose::Subset => 11,
        Purpose::EvaluationViews => 12,
        Purpose::Noise => 13,
        Purpose::Silence => 14,
        Purpose::MixLayer => 15,
        Purpose::Selftest => 16,
    }
}

/// Seed, purpose, epoch, step, sample, view.
type Coordinates = (u64, usize, u32, u32, u64, u16);

fn key((seed, purpose, epoch, step, sample, view): Coordinates) -> Key {
    let purpose = PURPOSES.into_iter().find(|known| number(*known) == purpose).expect("a purpose");
    Key { seed, purpose, epoch, step, sample, view }
}

fn start(key: Key) -> [u64; 2] {
    let mut stream = key.stream();
    [stream.next_u64(), stream.next_u64()]
}

#[derive(Deserialize)]
struct Fixture {
    streams: Vec<Words>,
    permutations: Vec<Order>,
    below: Draws<u32>,
    units: Draws<f32>,
    between: Draws<f64>,
    happens: Draws<bool>,
}

#[derive(Deserialize)]
struct Words {
    key: Coordinates,
    words: Vec<u32>,
}

#[derive(Deserialize)]
struct Order {
    key: Coordinates,
    order: Vec<u32>,
}

#[derive(Deserialize)]
struct Draws<T> {
    key: Coordinates,
    draws: Vec<T>,
    bound: Option<u32>,
    low: Option<f64>,
    high: Option<f64>,
    probability: Option<f64>,
}

impl<T> Draws<T> {
    fn again(&self, mut draw: impl FnMut(&mut ChaCha8Rng) -> T) -> Vec<T> {
        let mut stream = key(self.key).stream();
        (0..self.draws.len()).map(|_| draw(&mut stream)).collect()
    }
}

fn fixture() -> Fixture {
    serde_json::from_str(include_str!("../../tests/fixtures/random.json")).unwrap()
}

#[test]
fn streams_are_chacha8_under_their_coordinates() {
    let streams = fixture().streams;
    let purposes: Vec<usize> = streams.iter().map(|stream| stream.key.1).take(PURPOSES.len()).collect();
    assert_eq!(purposes, PURPOSES.map(number), "each purpose is pinned");
    for Words { key: coordinates, words } in streams {
        let mut stream = key(coordinates).stream();
        let ours: Vec<u32> = words.iter().map(|_| stream.next_u32()).collect();
        assert_eq!(ours, words, "{coordinates:?}");
    }
}

#[test]
fn uniform_draws_are_known_answers() {
    let Fixture { permutations, below, units, between, happens, .. } = fixture();
    for Order { key: coordinates, order } in permutations {
        assert_eq!(permutation(order.len(), key(coordinates)), order, "{coordinates:?}");
    }
    let bound = below.bound.unwrap();
    assert_eq!(below.again(|stream| stream.random_range(0..bound)), below.draws);
    assert_eq!(units.again(|stream| stream.random::<f32>()), units.draws);
    let range = between.low.unwrap()..between.high.unwrap();
    assert_eq!(between.again(|stream| stream.random_range(range.clone())), between.draws);
    let probability = happens.probability.unwrap();
    assert_eq!(happens.again(|stream| stream.random_bool(probability)), happens.draws);
}

/// No program but `rand_distr` draws these so: they are as its version 0.6 drew them, but for how the mathematical library
/// of a machine rounds. Whoever sees this fail after an upgrade raises the revision of `random`.
#[test]
fn other_distributions_draw_what_they_drew() {
    fn draws<T: Into<f64>>(distribution: impl Distribution<T>) -> [f64; 3] {
        let mut stream = Key::new(0, Purpose::Mix).stream();
        [(); 3].map(|()| distribution.sample(&mut stream).into())
    }
    let beta = |alpha: f64| draws(Beta::new(alpha, alpha).unwrap());
    let gamma = |alpha: f64| draws(Gamma::new(alpha, 1.0).unwrap());
    let drawn = [
        ("Beta(1, 1)", beta(1.0), [0.12515951050335772, 0.15153443827291768, 0.43549531626265325]),
        ("Beta(0.2, 0.2)", beta(0.2), [0.00018167982795437823, 0.2146158632753698, 0.0012159433390190632]),
        ("Beta(2, 2)", beta(2.0), [0.7981764026966044, 0.7717244081159081, 0.5457390716906486]),
        ("Gamma(1, 1)", gamma(1.0), [0.12290251569455111, 0.13871983427418866, 0.2569288409932999]),
        ("Gamma(0.5, 1)", gamma(0.5), [0.018431985752252737, 0.027047634312868895, 0.13106735065513206]),
        (
            "Normal(0, 0.01)",
            draws(Normal::new(0.0f64, 0.01).unwrap()),
            [-0.008383661202960042, 9.209335703214627e-5, -0.010794940999640155],
        ),
        (
            "standard normal in f32",
            draws::<f32>(StandardNormal),
            [-0.8383660912513733, 0.009209335781633854, -1.0794941186904907],
        ),
    ];
    for (name, ours, then) in drawn {
        for (ours, then) in ours.into_iter().zip(then) {
            let room = if name.ends_with("f32") { 1e-6 } else { 1e-12 };
            assert!((ours - then).abs() <= room * then.abs(), "{name}: {ours} instead of {then}");
        }
    }
}

#[test]
fn no_two_keys_of_a_grid_share_a_stream() {
    let mut seen: HashMap<[u64; 2], Key> = HashMap::new();
    for purpose in PURPOSES {
        for seed in 0..3 {
            for (epoch, step) in (0..4).flat_map(|epoch| (0..4).map(move |step| (epoch, step))) {
                for (sample, view) in (0..8).flat_map(|sample| (0..3).map(move |view| (sample, view))) {
                    let key = Key { seed, purpose, epoch, step, sample, view };
                    if let Some(other) = seen.insert(start(key), key) {
                        panic!("{key:?} and {other:?} share a stream");
                    }
                }
            }
        }
    }
    assert_eq!(seen.len(), PURPOSES.len() * 3 * 16 * 24);
}

/// Any coordinates, often small ones and those at a border of their type.
fn keys() -> impl Strategy<Value = Key> {
    fn number<T: Arbitrary + Copy + From<u8> + 'static>(most: T) -> impl Strategy<Value = T> {
        prop_oneof![(0u8..4).prop_map(T::from), Just(most), any::<T>()]
    }
    let purpose = prop::sample::select(PURPOSES.to_vec());
    (number(u64::MAX), purpose, number(u32::MAX), number(u32::MAX), number(u64::MAX), number(u16::MAX))
        .prop_map(|(seed, purpose, epoch, step, sample, view)| Key { seed, purpose, epoch, step, sample, view })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn streams_are_equal_where_their_keys_are(one in keys(), other in keys()) {
        prop_assert_eq!(start(one) == start(other), one == other);
        prop_assert_eq!(start(one), start(one));
    }

    /// Keys that differ in one coordinate, by one bit of it.
    #[test]
    fn every_bit_of_a_key_counts(key in keys(), bit in 0u32..64) {
        let others = [
            Key { seed: key.seed ^ 1 << bit, ..key },
            Key { epoch: key.epoch ^ 1 << (bit % 32), ..key },
            Key { step: key.step ^ 1 << (bit % 32), ..key },
            Key { sample: key.sample ^ 1 << bit, ..key },
            Key { view: key.view ^ 1 << (bit % 16), ..key },
        ];
        for other in others {
            prop_assert_ne!(start(key), start(other), "{:?}", other);
        }
    }

    #[test]
    fn a_permutation_holds_every_index_once(n in 0usize..300, key in keys()) {
        let order = permutation(n, key);
        prop_assert_eq!(&order, &permutation(n, key));
        let mut sorted = order;
        sorted.sort_unstable();
        prop_assert_eq!(sorted, (0..n as u32).collect::<Vec<_>>());
    }
}

/// Chi-square over equally likely outcomes, in standard deviations from what is expected.
fn excess(counts: &[usize]) -> f64 {
    let expected = counts.iter().sum::<usize>() as f64 / counts.len() as f64;
    let square: f64 = counts.iter().map(|count| (*count as f64 - expected).powi(2) / expected).sum();
    let freedom = (counts.len() - 1) as f64;
    (square - freedom) / (2.0 * freedom).sqrt()
}

/// Neighbouring keys are what training uses: their first draws have to be as good as one stream's.
#[test]
fn first_draws_of_neighbouring_keys_are_uniform() {
    let base = Key::new(0, Purpose::Views);
    type Move = fn(Key, usize) -> Key;
    let along: [(&str, Move); 5] = [
        ("seed", |key, at| Key { seed: at as u64, ..key }),
        ("epoch", Key::epoch),
        ("step", Key::step),
        ("sample", Key::sample),
        ("view", Key::view),
    ];
    for (name, along) in along {
        let mut counts = [0; 64];
        for at in 0..32_000 {
            counts[along(base, at).stream().random_range(0..64usize)] += 1;
        }
        assert!(excess(&counts).abs() < 4.0, "{name}: {counts:?}");
    }
    let mut counts = [0; 64];
    let mut stream = base.stream();
    (0..32_000).for_each(|_| counts[stream.random_range(0..64usize)] += 1);
    assert!(excess(&counts).abs() < 4.0, "{counts:?}");
}

#[test]
fn every_order_of_four_is_as_likely() {
    let mut counts: HashMap<Vec<u32>, usize> = HashMap::new();
    for epoch in 0..24_000 {
        *counts.entry(permutation(4, Key::new(1, Purpose::Shuffle).epoch(epoch))).or_default() += 1;
    }
    let counts: Vec<usize> = counts.into_values().collect();
    assert_eq!(counts.len(), 24);
    assert!(excess(&counts).abs() < 4.0, "{counts:?}");
}
