//! Which tensors of a file are the encoder's, and what they are called in ours.

use std::collections::BTreeMap;

/// Prefixes that an encoder's names stand behind. The first one that any name of a file begins with counts, and is
/// taken off.
///
/// | prefix | written by |
/// | --- | --- |
/// | `module.encoder_q.` | MoCo, and any code that saves a query encoder inside `DistributedDataParallel` |
/// | `encoder_q.module.` | the same inside `DataParallel` |
/// | `encoder_q.` | the official i-Mix code, which takes the first `module.` out of each name |
/// | `module.` | a network of its own inside `DataParallel` or `DistributedDataParallel` |
/// | none | torchvision, and `repro export` |
const PREFIXES: [&str; 5] = ["module.encoder_q.", "encoder_q.module.", "encoder_q.", "module.", ""];

/// What a tensor is that no encoder needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Needless {
    /// Projection head or classifier: `fc.`.
    Head,
    /// BYOL's prediction head: `pred.`.
    Predictor,
    /// The momentum encoder: `encoder_k.`.
    KeyEncoder,
    /// MoCo's queue of keys and its pointer.
    Queue,
    /// Batches that BatchNorm has seen. Only a BatchNorm without a momentum uses them.
    BatchCount,
    /// Outside of what the prefix marks as the encoder.
    Outside,
    /// No tensor at all.
    NotTensor,
}

impl std::fmt::Display for Needless {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Needless::Head => "projection head or classifier",
            Needless::Predictor => "prediction head",
            Needless::KeyEncoder => "momentum encoder",
            Needless::Queue => "queue",
            Needless::BatchCount => "batch counts",
            Needless::Outside => "outside the encoder",
            Needless::NotTensor => "not tensors",
        })
    }
}

/// Tensors passed over, by what they are.
pub type PassedOver = BTreeMap<Needless, usize>;

/// The part of `names` that is the encoder's, each as (ours, theirs), and how many others there are of each kind.
pub fn encoder_names<'a>(names: &[&'a str]) -> (Vec<(&'a str, &'a str)>, PassedOver) {
    let begins_any = |prefix: &&&str| names.iter().any(|name| name.starts_with(**prefix));
    let prefix = PREFIXES.iter().find(begins_any).copied().unwrap_or("");
    let mut kept = Vec::new();
    let mut passed_over = PassedOver::new();
    for &theirs in names {
        match ours(theirs, prefix) {
            Ok(ours) => kept.push((ours, theirs)),
            Err(needless) => *passed_over.entry(needless).or_default() += 1,
        }
    }
    (kept, passed_over)
}

fn ours<'a>(theirs: &'a str, prefix: &str) -> Result<&'a str, Needless> {
    let Some(name) = theirs.strip_prefix(prefix) else {
        let plain = theirs.strip_prefix("module.").unwrap_or(theirs);
        return Err(beside(plain).unwrap_or(Needless::Outside));
    };
    if let Some(needless) = beside(name) {
        return Err(needless);
    }
    if name.starts_with("fc.") {
        return Err(Needless::Head);
    }
    if name.ends_with(".num_batches_tracked") {
        return Err(Needless::BatchCount);
    }
    Ok(name)
}

/// What stands beside an encoder in a contrastive model.
fn beside(name: &str) -> Option<Needless> {
    match name {
        "queue" | "queue_ptr" => Some(Needless::Queue),
        _ if name.starts_with("pred.") => Some(Needless::Predictor),
        _ if name.starts_with("encoder_k.") => Some(Needless::KeyEncoder),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_encoder_is_found_behind_every_prefix() {
        for prefix in PREFIXES {
            let names =
                ["conv1.weight", "bn1.num_batches_tracked", "fc.0.weight"].map(|name| format!("{prefix}{name}"));
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            let (kept, passed_over) = encoder_names(&names);
            assert_eq!(kept, [("conv1.weight", names[0])], "{prefix}");
            assert_eq!(passed_over, PassedOver::from([(Needless::Head, 1), (Needless::BatchCount, 1)]), "{prefix}");
        }
    }

    #[test]
    fn what_stands_beside_the_encoder_is_counted() {
        let names = [
            "module.encoder_q.fc1.weight",
            "module.encoder_k.fc1.weight",
            "module.encoder_k.fc.0.weight",
            "module.pred.0.weight",
            "module.queue",
            "module.queue_ptr",
            "module.temperature",
        ];
        let (kept, passed_over) = encoder_names(&names);
        assert_eq!(kept, [("fc1.weight", names[0])], "the MLP's first layer is not its head");
        let expected =
            [(Needless::Predictor, 1), (Needless::KeyEncoder, 2), (Needless::Queue, 2), (Needless::Outside, 1)];
        assert_eq!(passed_over, PassedOver::from(expected));
    }
}
