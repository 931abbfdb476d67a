//! Linear evaluation with 7 rates side by side: 15,120 rows of 2048 features, 7 classes, batch 512.
//!
//! Prints rows a second as JSON, a row counting once for all rates. Arguments: threads, epochs.

use std::time::Instant;

use imix_repro::evaluate::linear::{Batch, Classifiers, Features, Sgd};
use imix_repro::random::{Key, Purpose, permutation};
use rand::{Rng, RngExt};

#[global_allocator]
static HEAP: mimalloc::MiMalloc = mimalloc::MiMalloc;

const ROWS: usize = 15_120;
const WIDTH: usize = 2048;
const CLASSES: usize = 7;
const BATCH: usize = 512;
const RATES: [f64; 7] = [0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 50.0];

fn main() {
    let mut arguments = std::env::args().skip(1).filter_map(|argument| argument.parse::<usize>().ok());
    let threads = arguments.next().unwrap_or(2);
    let epochs = arguments.next().unwrap_or(5);

    let mut stream = Key::new(0, Purpose::Classifier).stream();
    let mut features = Features::with_capacity(ROWS, WIDTH);
    features.extend(&(0..ROWS * WIDTH).map(|_| stream.random::<f32>()).collect::<Vec<f32>>());
    let labels: Vec<u32> = (0..ROWS).map(|_| stream.next_u32() % CLASSES as u32).collect();
    let mut classifiers = Classifiers::new(RATES.len(), CLASSES, WIDTH, &vec![0.0; CLASSES * WIDTH]);
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads");
    let sgd = Sgd { rates: &RATES, momentum: 0.9, weight_decay: 0.0 };
    let mut train = |epoch: usize| {
        let order = permutation(ROWS, Key::new(0, Purpose::EvaluationShuffle).epoch(epoch));
        let mut losses = [0f64; RATES.len()];
        pool.install(|| {
            for rows in order.chunks_exact(BATCH) {
                classifiers.step(Batch { features: &features, rows, labels: &labels }, sgd, &mut losses);
            }
        });
    };
    train(0);
    let began = Instant::now();
    for epoch in 1..=epochs {
        train(epoch);
    }
    let rows = (epochs * (ROWS / BATCH * BATCH)) as f64 / began.elapsed().as_secs_f64();
    println!("{{\"samples_per_second\": {rows:.2}}}");
}
