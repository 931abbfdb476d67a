//! The speech front end: log-mel pictures of one-second clips.
//!
//! Prints clips a second as JSON. Arguments: threads, clips in thousands.

use std::hint::black_box;
use std::time::Instant;

use imix_repro::augment::log_mels;
use imix_repro::data::{Clip, Clips};
use imix_repro::random::{Key, Purpose};
use imix_repro::speech::CLIP;
use rand::RngExt;

#[global_allocator]
static HEAP: mimalloc::MiMalloc = mimalloc::MiMalloc;

const CLIPS: usize = 1000;

fn main() {
    let mut arguments = std::env::args().skip(1).filter_map(|argument| argument.parse::<usize>().ok());
    let threads = arguments.next().unwrap_or(1);
    let thousands = arguments.next().unwrap_or(10);

    let mut stream = Key::new(0, Purpose::Weights).stream();
    let noise: Vec<f32> = (0..CLIP).map(|_| stream.random_range(-0.5..0.5)).collect();
    let clips = Clips { clips: vec![Clip::Float(noise.into()); CLIPS], labels: vec![0; CLIPS] };
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads");
    let draw = || pool.install(|| black_box(log_mels(&clips)));
    draw();
    let began = Instant::now();
    for _ in 0..thousands {
        draw();
    }
    let rate = (thousands * CLIPS) as f64 / began.elapsed().as_secs_f64();
    println!("{{\"samples_per_second\": {rate:.1}}}");
}
