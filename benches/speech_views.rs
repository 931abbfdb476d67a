//! Views of spoken clips for self-supervised training: the whole official chain, background noise included.
//!
//! Prints views a second as JSON. Arguments: threads, views in thousands.

use std::hint::black_box;
use std::time::Instant;

use imix_repro::augment::{Source, SpeechViews};
use imix_repro::data::{Clip, Clips, SpeechSet};
use imix_repro::random::{Key, Purpose};
use imix_repro::recipe::{DataIdentity, DataSet, DataSettings, Part, Views};
use imix_repro::speech::CLIP;
use rand::RngExt;

#[global_allocator]
static HEAP: mimalloc::MiMalloc = mimalloc::MiMalloc;

const CLIPS: usize = 512;
const BATCH: usize = 256;
const NOISE_SECONDS: usize = 60;

fn main() {
    let mut arguments = std::env::args().skip(1).filter_map(|argument| argument.parse::<usize>().ok());
    let threads = arguments.next().unwrap_or(2);
    let thousands = arguments.next().unwrap_or(20);

    let mut stream = Key::new(0, Purpose::Weights).stream();
    let mut sound = |count: usize| -> Vec<f32> { (0..count).map(|_| stream.random_range(-0.5..0.5)).collect() };
    let clip = Clip::Pcm16(sound(CLIP).iter().map(|sample| (sample * 32768.0) as i16).collect());
    let clips = Clips { clips: vec![clip; CLIPS], labels: vec![0; CLIPS] };
    let settings = DataSettings::of(DataSet::SpeechCommands, Part::Full);
    let set = SpeechSet {
        identity: DataIdentity { settings, digest: String::new() },
        class_names: vec!["noise".to_owned()],
        train: clips.clone(),
        test: clips,
        background: sound(NOISE_SECONDS * CLIP),
        published_rows: (CLIPS, CLIPS),
    };
    let source = SpeechViews::new(&set, &Views::Speech { probability: 0.5 }, 0).expect("the settings are in range");
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads");
    let rows: Vec<u32> = (0..CLIPS as u32).collect();
    let mut out = vec![0f32; BATCH * source.width()];
    let mut draw = |epoch: usize| {
        pool.install(|| {
            for rows in rows.chunks_exact(BATCH) {
                for view in 0..2 {
                    source.fill_rows(rows, view, epoch, &mut out).expect("no files");
                    black_box(&mut out);
                }
            }
        });
    };
    draw(0);
    let epochs = (thousands * 1000).div_ceil(2 * CLIPS);
    let began = Instant::now();
    for epoch in 1..=epochs {
        draw(epoch);
    }
    let rate = (epochs * 2 * CLIPS) as f64 / began.elapsed().as_secs_f64();
    println!("{{\"samples_per_second\": {rate:.1}}}");
}
