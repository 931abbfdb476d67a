//! Which settings of the read-outs go together, and what they give.

use crate::recipe::{DataSet, Domain, EndToEnd, Evaluation, FRECHET, LightViews, Linear, Settings};

use super::Mismatch;
use super::ranges::{LARGEST, optimiser, positive, size, warmup, within};

pub(super) fn check(settings: &Settings) -> Result<(), Mismatch> {
    let Evaluation { linear, pinv, raw, fine_tune, supervised, .. } = &settings.evaluation;
    if settings.evaluation.kinds().is_empty() {
        let expected = "at least one of `linear`, `pinv`, `frechet`, `raw`, `fine_tune` and `supervised`";
        return Err(Mismatch::new("/evaluation", "no read-out", expected));
    }
    for (name, linear) in [("linear", linear), ("raw", raw)] {
        if let Some(linear) = linear {
            linear_evaluation(&format!("/evaluation/{name}"), linear, settings.read_out_data().set)?;
        }
    }
    for kind in settings.evaluation.kinds() {
        light_views(&format!("/evaluation/{}/views", kind.id().replace('-', "_")), kind.views(), settings)?;
    }
    if let Some(pinv) = pinv {
        size("/evaluation/pinv/batch", pinv.batch, 1, LARGEST)?;
        if settings.read_out_data().set.domain() != Domain::Tabular {
            return Err(Mismatch::new(
                "/evaluation/pinv",
                format!("it for {}", settings.read_out_data().set.id()),
                "tabular data",
            ));
        }
    }
    for (name, end_to_end) in [("fine_tune", fine_tune), ("supervised", supervised)] {
        if let Some(training) = end_to_end {
            end_to_end_training(&format!("/evaluation/{name}"), training)?;
        }
    }
    Ok(())
}

fn linear_evaluation(base: &str, linear: &Linear, set: DataSet) -> Result<(), Mismatch> {
    size(&format!("{base}/epochs"), linear.epochs, 1, LARGEST)?;
    size(&format!("{base}/batch"), linear.batch, 1, LARGEST)?;
    size(&format!("{base}/measure_from"), linear.measure_from, 1, linear.epochs)?;
    if linear.rates.is_empty() || linear.rates.len() > 64 {
        return Err(Mismatch::new(format!("{base}/rates"), format!("{} rates", linear.rates.len()), "1 to 64"));
    }
    for (index, rate) in linear.rates.iter().enumerate() {
        positive(&format!("{base}/rates/{index}"), *rate)?;
        if linear.rates[..index].contains(rate) {
            let found = format!("the rate {rate} again");
            return Err(Mismatch::new(format!("{base}/rates/{index}"), found, "each rate once"));
        }
    }
    optimiser(base, linear.rates[0], linear.momentum, linear.weight_decay, &linear.schedule)?;
    if linear.validation && set != DataSet::Covtype {
        let found = format!("true for {}", set.id());
        return Err(Mismatch::new(format!("{base}/validation"), found, "false: it sets no validation rows aside"));
    }
    Ok(())
}

fn light_views(at: &str, views: Option<&LightViews>, settings: &Settings) -> Result<(), Mismatch> {
    let Some(views) = views else { return Ok(()) };
    if settings.read_out_data().set.domain() != Domain::Images {
        let found = format!("augmentation of {}", settings.read_out_data().set.id());
        return Err(Mismatch::new(at, found, "nothing: only pictures have light augmentation"));
    }
    match views {
        LightViews::PaddedCrop { padding } => size(&format!("{at}/padding"), *padding, 0, 256),
        LightViews::ResizedCrop { crop_scale } => {
            within(&format!("{at}/crop_scale"), *crop_scale, f64::MIN_POSITIVE, 1.0, true)
        }
    }
}

fn end_to_end_training(at: &str, training: &EndToEnd) -> Result<(), Mismatch> {
    size(&format!("{at}/epochs"), training.epochs, 1, LARGEST)?;
    size(&format!("{at}/batch"), training.batch, 2, LARGEST)?;
    size(&format!("{at}/measure_from"), training.measure_from, 1, training.epochs)?;
    warmup(at, training.warmup_epochs, training.epochs)?;
    optimiser(at, training.base_rate, training.momentum, training.weight_decay, &training.schedule)
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
