//! Views of 32x32 pictures for self-supervised training: crop, jitter, greyscale, flip, normalised.
//!
//! Prints views a second as JSON. Arguments: threads, views in thousands.

use std::hint::black_box;
use std::time::Instant;

use imix_repro::augment::{ImageViews, Source};
use imix_repro::data::{CHANNELS, ImageSet, PictureStore, Pictures};
use imix_repro::random::{Key, Purpose};
use imix_repro::recipe::{DataIdentity, DataSet, DataSettings, Part, Views};
use rand::Rng;

#[global_allocator]
static HEAP: mimalloc::MiMalloc = mimalloc::MiMalloc;

const PICTURES: usize = 2048;
const SIDE: usize = 32;
const BATCH: usize = 256;

fn main() {
    let mut arguments = std::env::args().skip(1).filter_map(|argument| argument.parse::<usize>().ok());
    let threads = arguments.next().unwrap_or(2);
    let thousands = arguments.next().unwrap_or(400);

    let mut pixels = vec![0; PICTURES * SIDE * SIDE * CHANNELS];
    Key::new(0, Purpose::Weights).stream().fill_bytes(&mut pixels);
    let pictures = PictureStore::Memory(Pictures { pixels, labels: vec![0; PICTURES] });
    let set = ImageSet {
        identity: DataIdentity { settings: DataSettings::of(DataSet::Cifar10, Part::Full), digest: String::new() },
        height: SIDE,
        width: SIDE,
        class_names: vec!["noise".to_owned()],
        mean: [0.4914, 0.4822, 0.4465],
        deviation: [0.2023, 0.1994, 0.2010],
        train: pictures.clone(),
        validation: 0..0,
        test: pictures,
        published_rows: (PICTURES, PICTURES),
    };
    let views = Views::Image {
        crop_scale: 0.2,
        jitter: [0.4, 0.4, 0.4, 0.1],
        jitter_probability: 0.8,
        greyscale_probability: 0.2,
        flip_probability: 0.5,
        blur_probability: 0.0,
    };
    let source = ImageViews::new(&set, &views, 0).expect("the settings are in range");
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads");
    let rows: Vec<u32> = (0..PICTURES as u32).collect();
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
    let epochs = (thousands * 1000).div_ceil(2 * PICTURES);
    let began = Instant::now();
    for epoch in 1..=epochs {
        draw(epoch);
    }
    let rate = (epochs * 2 * PICTURES) as f64 / began.elapsed().as_secs_f64();
    println!("{{\"samples_per_second\": {rate:.1}}}");
}
