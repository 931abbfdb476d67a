//! Where a cell leaves the published protocol.

use serde_json::Value;

use crate::recipe::{DataSet, Precision, Settings};

use super::Deviation;
use super::difference::{differences, shown};

/// Compares a cell's settings with those of the paper scale, and adds what no setting undoes.
pub fn of(published: &Settings, ours: &Settings) -> Vec<Deviation> {
    // Settings are plain data; a failure to write them would show as no difference in a test.
    let json = |settings: &Settings| serde_json::to_value(settings).unwrap_or(Value::Null);
    let mut deviations: Vec<Deviation> = differences(&json(published), &json(ours))
        .into_iter()
        // Told below, of the scale that is published too: an experiment may ask for it everywhere.
        .filter(|difference| difference.path != "pretext.precision")
        .map(|difference| Deviation {
            published: shown(&difference.left),
            ours: shown(&difference.right),
            what: difference.path,
        })
        .collect();
    deviations.extend(standing(ours));
    deviations
}

fn standing(settings: &Settings) -> Vec<Deviation> {
    let mut deviations = Vec::new();
    let mut add = |what: &str, published: &str, ours: &str| {
        deviations.push(Deviation { what: what.into(), published: published.into(), ours: ours.into() });
    };
    if let Some(linear) = &settings.evaluation.linear {
        let chosen_apart = "best on test rows; beside it the rate chosen on validation rows";
        let ours = if linear.validation { chosen_apart } else { "best on test rows" };
        add("classifier-rate", "which rate is reported is not in the official code", ours);
    }
    if settings.pretext.replicas > 1 {
        let published = format!("{} GPUs", settings.pretext.replicas);
        add("replicas", &published, "emulated on one device, or shared out between several");
    }
    if !settings.pretext.precision.is_f32() {
        // How the same training is carried out, which no verdict is refused for.
        add("precision", &Precision::F32.to_string(), &settings.pretext.precision.to_string());
    }
    if settings.data_sets().any(|data| data.set == DataSet::ImageNet) {
        add("data.decoder", "Pillow's JPEG decoder", "another, whose values differ by a few levels of 255");
    }
    if settings.evaluation.pinv.is_some() {
        add("evaluation.pinv.precision", "f32, singular values cut off at 1e-15", "f64");
    }
    deviations
}
