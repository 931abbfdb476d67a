//! Epochs a second of the linear evaluation with 7 rates: 15,120 rows of 2048 features, batch 512, 7 classes.
//!
//! `cargo bench --bench linear_eval -- THREADS EPOCHS` prints a line for each epoch in seconds.

use std::time::Instant;

use imix_repro::evaluate::linear::{Batch, Classifiers, Features, Sgd};
use imix_repro::random::{Key, Purpose, permutation};
use rand::{Rng, RngExt};

const ROWS: usize = 15_120;
const WIDTH: usize = 2048;
const CLASSES: usize = 7;
const BATCH: usize = 512;
const RATES: [f64; 7] = [0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 50.0];

fn main() {
    let mut numbers = std::env::args().filter_map(|argument| argument.parse::<usize>().ok());
    let threads = numbers.next().unwrap_or(2);
    let epochs = numbers.next().unwrap_or(5);

    let mut stream = Key::new(0, Purpose::Classifier).stream();
    let mut features = Features::with_capacity(ROWS, WIDTH);
    features.extend(&(0..ROWS * WIDTH).map(|_| stream.random::<f32>()).collect::<Vec<f32>>());
    let labels: Vec<u32> = (0..ROWS).map(|_| stream.next_u32() % CLASSES as u32).collect();
    let mut classifiers = Classifiers::new(RATES.len(), CLASSES, &features, &vec![0.0; CLASSES * WIDTH]);
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads");
    let sgd = Sgd { rates: &RATES, momentum: 0.9, weight_decay: 0.0 };
    let mut losses = [0f64; RATES.len()];
    // The first epoch is a warm-up.
    for epoch in 0..=epochs {
        let started = Instant::now();
        let order = permutation(ROWS, Key::new(0, Purpose::EvaluationShuffle).epoch(epoch));
        pool.install(|| {
            for rows in order.chunks_exact(BATCH) {
                classifiers.step(Batch { features: &features, rows, labels: &labels }, sgd, &mut losses);
            }
        });
        if epoch > 0 {
            println!("{}", started.elapsed().as_secs_f64());
        }
    }
}
