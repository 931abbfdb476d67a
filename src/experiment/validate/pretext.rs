//! Which settings of a pretext run go together.

use crate::recipe::{Contrast, Method, Operator, Pretext};

use super::Mismatch;
use super::ranges::{LARGEST, optimiser, positive, size, warmup, within};

pub(super) fn check(pretext: &Pretext) -> Result<(), Mismatch> {
    size("/pretext/epochs", pretext.epochs, 1, LARGEST)?;
    size("/pretext/batch", pretext.batch, 2, LARGEST)?;
    if pretext.replicas == 0 || !pretext.batch.is_multiple_of(pretext.replicas) {
        let expected = format!("a divisor of the batch, {}", pretext.batch);
        return Err(Mismatch::new("/pretext/replicas", pretext.replicas.to_string(), expected));
    }
    if pretext.batch / pretext.replicas < 2 {
        let found = format!("{} replicas of one item", pretext.replicas);
        return Err(Mismatch::new("/pretext/replicas", found, "at least 2 items each, for BatchNorm"));
    }
    optimiser("/pretext", pretext.base_rate, pretext.momentum, pretext.weight_decay, &pretext.schedule)?;
    warmup("/pretext", pretext.warmup_epochs, pretext.epochs)?;
    size("/pretext/embedding", pretext.embedding, 1, LARGEST)?;
    mix(pretext)?;
    if let Some(input_mix) = &pretext.input_mix {
        size("/pretext/input_mix/auxiliaries", input_mix.auxiliaries, 1, 64)?;
        positive("/pretext/input_mix/alpha", input_mix.alpha)?;
    }
    method(pretext)
}

fn mix(pretext: &Pretext) -> Result<(), Mismatch> {
    let alpha = pretext.mix.alpha;
    if pretext.mix.operator != Operator::None {
        return positive("/pretext/mix/alpha", alpha);
    }
    // One spelling of "no mixing", so that equal runs have equal addresses.
    if alpha == 0.0 {
        Ok(())
    } else {
        Err(Mismatch::new("/pretext/mix/alpha", alpha.to_string(), "0 where nothing is mixed"))
    }
}

fn method(pretext: &Pretext) -> Result<(), Mismatch> {
    let method = pretext.method;
    let (moco, byol) = (method == Method::Moco, method == Method::Byol);
    let name = match method {
        Method::Npair => "npair",
        Method::Simclr => "simclr",
        Method::Moco => "moco",
        Method::Byol => "byol",
    };
    let used = |setting: &str, given: bool, wanted: bool| match (given, wanted) {
        (true, false) => {
            Err(Mismatch::new(format!("/pretext/{setting}"), "a value", format!("nothing: {name} has none")))
        }
        (false, true) => {
            Err(Mismatch::new(format!("/pretext/{setting}"), "nothing", format!("a value: {name} needs one")))
        }
        _ => Ok(()),
    };
    used("temperature", pretext.temperature.is_some(), !byol)?;
    used("contrast", pretext.contrast.is_some(), moco)?;
    used("queue", pretext.queue.is_some(), moco)?;
    used("key_momentum", pretext.key_momentum.is_some(), moco || byol)?;
    used("shuffle_bn", pretext.shuffle_bn.is_some(), moco || byol)?;
    used("predictor", pretext.predictor.is_some(), byol)?;
    if let Some(temperature) = pretext.temperature {
        positive("/pretext/temperature", temperature)?;
    }
    if let Some(momentum) = pretext.key_momentum {
        within("/pretext/key_momentum", momentum, 0.0, 1.0, true)?;
    }
    if let Some(queue) = pretext.queue {
        size("/pretext/queue", queue, 1, LARGEST)?;
        if !queue.is_multiple_of(pretext.batch) {
            let expected = format!("a multiple of the batch, {}", pretext.batch);
            return Err(Mismatch::new("/pretext/queue", queue.to_string(), expected));
        }
    }
    if pretext.contrast == Some(Contrast::OnePlusK) && pretext.mix.operator != Operator::None {
        let found = "`one-plus-k` with i-Mix";
        return Err(Mismatch::new(
            "/pretext/contrast",
            found,
            "`n-plus-k`: a mixed query has a share of its partner's key",
        ));
    }
    Ok(())
}
