//! Which settings of a pretext run go together.

use crate::recipe::{Contrast, Method, Operator, Pretext};

use super::ranges::{Findings, LARGEST};

pub(super) fn check(pretext: &Pretext, findings: &mut Findings) {
    let epochs = findings.size("/pretext/epochs", pretext.epochs, 1, LARGEST);
    let batch = findings.size("/pretext/batch", pretext.batch, 2, LARGEST);
    if batch {
        replicas(pretext, findings);
    }
    findings.optimiser("/pretext", pretext.base_rate, pretext.momentum, pretext.weight_decay, &pretext.schedule);
    if epochs {
        findings.warmup("/pretext", pretext.warmup_epochs, pretext.epochs);
    }
    findings.size("/pretext/embedding", pretext.embedding, 1, LARGEST);
    mix(pretext, findings);
    if let Some(input_mix) = &pretext.input_mix {
        findings.size("/pretext/input_mix/auxiliaries", input_mix.auxiliaries, 1, 64);
        findings.positive("/pretext/input_mix/alpha", input_mix.alpha);
    }
    method(pretext, batch, findings);
}

fn replicas(Pretext { batch, replicas, .. }: &Pretext, findings: &mut Findings) {
    if *replicas == 0 || !batch.is_multiple_of(*replicas) {
        findings.add("/pretext/replicas", replicas.to_string(), format!("a divisor of the batch, {batch}"));
    } else if batch / replicas < 2 {
        let found = format!("{replicas} replicas of one item");
        findings.add("/pretext/replicas", found, "at least 2 items each, for BatchNorm");
    }
}

fn mix(pretext: &Pretext, findings: &mut Findings) {
    let alpha = pretext.mix.alpha;
    if pretext.mix.operator != Operator::None {
        findings.positive("/pretext/mix/alpha", alpha);
    } else if alpha != 0.0 {
        // One spelling of "no mixing", so that equal runs have equal addresses.
        findings.add("/pretext/mix/alpha", alpha.to_string(), "0 where nothing is mixed");
    }
}

fn method(pretext: &Pretext, good_batch: bool, findings: &mut Findings) {
    let method = pretext.method;
    let (moco, byol) = (method == Method::Moco, method == Method::Byol);
    let name = match method {
        Method::Npair => "npair",
        Method::Simclr => "simclr",
        Method::Moco => "moco",
        Method::Byol => "byol",
    };
    for (setting, given, wanted) in [
        ("temperature", pretext.temperature.is_some(), !byol),
        ("contrast", pretext.contrast.is_some(), moco),
        ("queue", pretext.queue.is_some(), moco),
        ("key_momentum", pretext.key_momentum.is_some(), moco || byol),
        ("shuffle_bn", pretext.shuffle_bn.is_some(), moco || byol),
        ("predictor", pretext.predictor.is_some(), byol),
    ] {
        let at = format!("/pretext/{setting}");
        match (given, wanted) {
            (true, false) => findings.add(at, "a value", format!("nothing: {name} has none")),
            (false, true) => findings.add(at, "nothing", format!("a value: {name} needs one")),
            _ => {}
        }
    }
    if let Some(temperature) = pretext.temperature {
        findings.positive("/pretext/temperature", temperature);
    }
    if let Some(momentum) = pretext.key_momentum {
        findings.within("/pretext/key_momentum", momentum, 0.0, 1.0, true);
    }
    if let Some(queue) = pretext.queue
        && findings.size("/pretext/queue", queue, 1, LARGEST)
        && good_batch
        && !queue.is_multiple_of(pretext.batch)
    {
        let expected = format!("a multiple of the batch, {}", pretext.batch);
        findings.add("/pretext/queue", queue.to_string(), expected);
    }
    if moco && pretext.contrast == Some(Contrast::OnePlusK) && pretext.mix.operator != Operator::None {
        let expected = "`n-plus-k`: a mixed query has a share of its partner's key";
        findings.add("/pretext/contrast", "`one-plus-k` with i-Mix", expected);
    }
}
