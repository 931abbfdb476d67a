//! Training steps of the CovType MLP: N-pair with i-Mix at batch 512, both views, loss, backward and SGD.
//!
//! Prints samples a second as JSON, best of several rounds left to `compare.sh`. Arguments: threads, width, steps.

use std::time::Instant;

use imix_repro::augment::TabularViews;
use imix_repro::data::{Rows, TabularSet};
use imix_repro::kernels::Cpu;
use imix_repro::model::Plan;
use imix_repro::recipe::{
    DataIdentity, DataSet, DataSettings, Head, Method, Mix, Operator, Part, Precision, Pretext, Schedule, Views,
};
use imix_repro::train::{Batch, Trainer};

#[global_allocator]
static HEAP: mimalloc::MiMalloc = mimalloc::MiMalloc;

const BATCH: usize = 512;

fn main() {
    let mut arguments = std::env::args().skip(1).filter_map(|argument| argument.parse::<usize>().ok());
    let threads = arguments.next().unwrap_or(2);
    let width = arguments.next().unwrap_or(64);
    let steps = arguments.next().unwrap_or(4);
    let blocks = vec![10, 4, 40];
    let inputs = (0..BATCH * 54).map(|at| ((at * 7919 % 1000) as f32 - 500.0) / 300.0).collect();
    let rows = Rows { inputs, labels: vec![0; BATCH] };
    let identity = DataIdentity { settings: DataSettings::of(DataSet::Covtype, Part::Embedded), digest: String::new() };
    let data = TabularSet {
        identity,
        blocks: blocks.clone(),
        continuous: 10,
        classes: 7,
        train: rows.clone(),
        validation: 0..0,
        test: rows,
        published_rows: (BATCH, BATCH),
    };
    let settings = Pretext {
        method: Method::Npair,
        mix: Mix { operator: Operator::Mixup, alpha: 2.0, layers: None },
        input_mix: None,
        epochs: 1,
        batch: BATCH,
        replicas: 1,
        base_rate: 0.125,
        momentum: 0.9,
        weight_decay: 1e-4,
        schedule: Schedule::Cosine,
        warmup_epochs: 0,
        head: Head::Mlpbn,
        embedding: 128,
        temperature: Some(0.1),
        contrast: None,
        queue: None,
        key_momentum: None,
        shuffle_bn: None,
        predictor: None,
        precision: Precision::F32,
    };
    let views = TabularViews::new(&data, &Views::Tabular { mask: 0.2 }, 0).expect("valid views");
    let mut trainer = Trainer::new(Cpu::new(threads), Plan::mlp(&blocks, width), &settings, 0).expect("valid settings");
    let batch: Vec<u32> = (0..BATCH as u32).collect();
    let mut step =
        |at: usize| trainer.step(Batch::draw(&views, &batch, 0, at).expect("no files"), 0.01).expect("a step").loss;
    step(0);
    let began = Instant::now();
    for at in 0..steps {
        step(at + 1);
    }
    let samples = (steps * BATCH) as f64 / began.elapsed().as_secs_f64();
    println!("{{\"samples_per_second\": {samples:.2}}}");
}
