//! Values that settings may have instead of those that they have.

use std::collections::BTreeMap;

use serde_json::{Value, json};

/// Spellings that may stand in for each other, as far as types go: whether they go together is another matter.
pub const WORDS: [&[&str]; 14] = [
    &["covtype", "higgs", "cifar10", "cifar100", "speech-commands", "speech-commands-v2", "fsdd", "synthetic-speech"],
    &["speech-folder", "emoji", "emoji-groups", "image-folder", "imagenet"],
    &["full", "embedded"],
    &["all-rows", "training-rows"],
    &["keywords", "all"],
    &["zeros", "background-noise"],
    &["takes", "speakers"],
    &["refuse", "skip"],
    &["npair", "simclr", "moco", "byol"],
    &["one-plus-k", "n-plus-k"],
    &["none", "mixup", "cutmix"],
    &["mlp", "mlpbn", "mlpbn1"],
    &["imagenet", "cifar"],
    &["tf32", "bf16"],
];

/// Things of one `kind` or another.
pub fn kinds() -> Vec<Vec<Value>> {
    let image = json!({
        "kind": "image", "crop_scale": 0.2, "jitter": [0.4, 0.4, 0.4, 0.1], "jitter_probability": 0.8,
        "greyscale_probability": 0.2, "flip_probability": 0.5, "blur_probability": 0.5
    });
    vec![
        vec![
            json!({ "kind": "tabular", "mask": 0.2 }),
            image,
            json!({ "kind": "speech", "probability": 0.5 }),
            json!({ "kind": "identity" }),
        ],
        vec![
            json!({ "kind": "mlp", "width": 64 }),
            json!({ "kind": "resnet", "depth": 18, "width": 64, "stem": "cifar", "input_channels": 3 }),
        ],
        vec![json!({ "kind": "cosine" }), json!({ "kind": "step", "at": [3], "factor": 0.5 })],
        vec![json!({ "kind": "padded-crop", "padding": 4 }), json!({ "kind": "resized-crop", "crop_scale": 0.08 })],
    ]
}

/// Settings that may be left out, by their place, with a value for where they are.
pub fn optional() -> BTreeMap<&'static str, Value> {
    let linear = json!({
        "epochs": 100, "batch": 256, "rates": [1, 3], "momentum": 0.9, "weight_decay": 0.0,
        "schedule": { "kind": "cosine" }, "measure_from": 81, "validation": false
    });
    let end_to_end = json!({
        "epochs": 100, "batch": 256, "base_rate": 0.1, "momentum": 0.9, "weight_decay": 0.0,
        "schedule": { "kind": "cosine" }, "warmup_epochs": 5, "measure_from": 81
    });
    let views = json!({ "kind": "padded-crop", "padding": 4 });
    let speech = json!({ "words": "keywords", "silence": "zeros", "split": "takes", "damaged": "skip" });
    let subset = json!({ "classes": 3, "share": 0.5 });
    let data = [
        ("standardise", json!("all-rows")),
        ("rows", json!(1000)),
        ("folder", json!({ "name": "own", "side": 32 })),
        ("crop", json!({ "side": 224, "resize": 256 })),
        ("speech", speech.clone()),
        ("subset", subset.clone()),
        ("folder.side", json!(32)),
        ("speech.words", json!("keywords")),
        ("speech.silence", json!("zeros")),
        ("speech.split", json!("takes")),
        ("speech.damaged", json!("skip")),
        ("subset.classes", json!(3)),
        ("subset.share", json!(0.5)),
    ];
    let mut all: BTreeMap<&'static str, Value> = [
        ("pretext.input_mix", json!({ "auxiliaries": 2, "alpha": 1.0 })),
        ("pretext.temperature", json!(0.3)),
        ("pretext.contrast", json!("one-plus-k")),
        ("pretext.queue", json!(4096)),
        ("pretext.key_momentum", json!(0.99)),
        ("pretext.shuffle_bn", json!(true)),
        ("pretext.predictor", json!("mlp")),
        ("pretext.precision", json!("tf32")),
        ("pretext.mix.layers", json!([0, 2])),
        ("evaluation.linear", linear.clone()),
        ("evaluation.pinv", json!({ "batch": 512 })),
        ("evaluation.frechet", json!({})),
        ("evaluation.raw", linear),
        ("evaluation.fine_tune", end_to_end.clone()),
        ("evaluation.supervised", end_to_end),
        ("evaluation.data", json!({ "set": "higgs", "part": "full" })),
        ("evaluation.subset", subset),
        ("evaluation.linear.views", views.clone()),
        ("evaluation.raw.views", views.clone()),
        ("evaluation.fine_tune.views", views.clone()),
        ("evaluation.supervised.views", views),
        ("evaluation.subset.classes", json!(3)),
        ("evaluation.subset.share", json!(0.5)),
    ]
    .into();
    for (name, value) in data {
        all.insert(format!("data.{name}").leak(), value.clone());
        // What the read-outs see is cut down by `evaluation.subset`.
        if !name.starts_with("subset") {
            all.insert(format!("evaluation.data.{name}").leak(), value);
        }
    }
    all
}
