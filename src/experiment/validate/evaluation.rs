//! Which settings of the read-outs go together, and what they give.

use crate::recipe::{DataSet, Domain, EndToEnd, Evaluation, FRECHET, LightViews, Linear, Settings};

use super::ranges::{Findings, LARGEST};

pub(super) fn check(settings: &Settings, findings: &mut Findings) {
    let Evaluation { linear, pinv, raw, fine_tune, supervised, .. } = &settings.evaluation;
    let set = settings.read_out_data().set;
    if settings.evaluation.kinds().is_empty() {
        let expected = "at least one of `linear`, `pinv`, `frechet`, `raw`, `fine_tune` and `supervised`";
        findings.add("/evaluation", "no read-out", expected);
    }
    for (name, linear) in [("linear", linear), ("raw", raw)] {
        if let Some(linear) = linear {
            linear_evaluation(&format!("/evaluation/{name}"), linear, set, findings);
        }
    }
    for kind in settings.evaluation.kinds() {
        let at = format!("/evaluation/{}/views", kind.id().replace('-', "_"));
        if let Some(views) = kind.views() {
            light_views(&at, views, set, findings);
        }
    }
    if let Some(pinv) = pinv {
        findings.size("/evaluation/pinv/batch", pinv.batch, 1, LARGEST);
        if set.domain() != Domain::Tabular {
            findings.add("/evaluation/pinv", format!("it for {}", set.id()), "tabular data");
        }
    }
    for (name, end_to_end) in [("fine_tune", fine_tune), ("supervised", supervised)] {
        if let Some(training) = end_to_end {
            end_to_end_training(&format!("/evaluation/{name}"), training, findings);
        }
    }
}

fn linear_evaluation(base: &str, linear: &Linear, set: DataSet, findings: &mut Findings) {
    if findings.size(&format!("{base}/epochs"), linear.epochs, 1, LARGEST) {
        findings.size(&format!("{base}/measure_from"), linear.measure_from, 1, linear.epochs);
    }
    findings.size(&format!("{base}/batch"), linear.batch, 1, LARGEST);
    if linear.rates.is_empty() || linear.rates.len() > 64 {
        findings.add(format!("{base}/rates"), format!("{} rates", linear.rates.len()), "1 to 64");
    } else {
        for (index, rate) in linear.rates.iter().enumerate() {
            let at = format!("{base}/rates/{index}");
            if findings.positive(&at, *rate) && linear.rates[..index].contains(rate) {
                findings.add(at, format!("the rate {rate} again"), "each rate once");
            }
        }
    }
    findings.momentum(base, linear.momentum, linear.weight_decay, &linear.schedule);
    if linear.validation && set != DataSet::Covtype {
        let found = format!("true for {}", set.id());
        findings.add(format!("{base}/validation"), found, "false: it sets no validation rows aside");
    }
}

fn light_views(at: &str, views: &LightViews, set: DataSet, findings: &mut Findings) {
    if set.domain() != Domain::Images {
        let found = format!("augmentation of {}", set.id());
        findings.add(at, found, "nothing: only pictures have light augmentation");
        return;
    }
    match views {
        LightViews::PaddedCrop { padding } => findings.size(&format!("{at}/padding"), *padding, 0, 256),
        LightViews::ResizedCrop { crop_scale } => {
            findings.within(&format!("{at}/crop_scale"), *crop_scale, f64::MIN_POSITIVE, 1.0, true)
        }
    };
}

fn end_to_end_training(at: &str, training: &EndToEnd, findings: &mut Findings) {
    if findings.size(&format!("{at}/epochs"), training.epochs, 1, LARGEST) {
        findings.size(&format!("{at}/measure_from"), training.measure_from, 1, training.epochs);
        findings.warmup(at, training.warmup_epochs, training.epochs);
    }
    findings.size(&format!("{at}/batch"), training.batch, 2, LARGEST);
    findings.optimiser(at, training.base_rate, training.momentum, training.weight_decay, &training.schedule);
}

/// The readings that a cell's evaluations give, by the names that results use.
pub fn readings(evaluation: &Evaluation) -> Vec<String> {
    let mut readings = Vec::new();
    for (name, linear) in [("linear", &evaluation.linear), ("raw", &evaluation.raw)] {
        let Some(linear) = linear else { continue };
        for when in ["last", "best"] {
            readings.push(format!("{name}/{when}/test-rate"));
            if linear.validation {
                readings.push(format!("{name}/{when}/validation-rate"));
            }
            readings.extend(linear.rates.iter().map(|rate| format!("{name}/{when}/rate-{rate}")));
        }
    }
    if evaluation.pinv.is_some() {
        readings.push("pinv".to_owned());
    }
    if evaluation.frechet.is_some() {
        readings.push(FRECHET.to_owned());
    }
    for (name, given) in [("fine-tune", &evaluation.fine_tune), ("supervised", &evaluation.supervised)] {
        if given.is_some() {
            readings.extend(["last", "best"].map(|when| format!("{name}/{when}")));
        }
    }
    readings
}
