//! What types cannot say: which settings go together, and their ranges.

mod data;
mod evaluation;
mod pretext;
mod ranges;

use crate::recipe::{Domain, Network, Operator, Settings, Views};

use super::cost;
use super::error::Mismatch;

use ranges::Findings;

pub use evaluation::readings;

/// Everything for which a cell cannot be run as its settings say. Pointers are paths of settings. What shows only
/// because another setting is wrong is left out.
pub fn check(settings: &Settings) -> Vec<Mismatch> {
    let mut findings = Findings::default();
    data::check(settings, &mut findings);
    views(settings, &mut findings);
    let network = network(settings, &mut findings);
    if matches!(settings.pretext.mix.operator, Operator::Cutmix) && settings.data.set.domain() == Domain::Tabular {
        findings.add("/pretext/mix/operator", "cutmix on tabular data", "`mixup` or `none`");
    }
    pretext::check(&settings.pretext, &mut findings);
    if network {
        mix_layers(settings, &mut findings);
    }
    evaluation::check(settings, &mut findings);
    findings.0
}

fn views(settings: &Settings, findings: &mut Findings) {
    let (domain, set) = (settings.data.set.domain(), settings.data.set.id());
    let wanted = match domain {
        Domain::Tabular => "tabular",
        Domain::Images => "image",
        Domain::Speech => "speech",
    };
    let found = match &settings.views {
        Views::Identity => return,
        Views::Tabular { mask } => {
            findings.within("/views/mask", *mask, 0.0, 1.0, false);
            "tabular"
        }
        Views::Image {
            crop_scale,
            jitter,
            jitter_probability,
            greyscale_probability,
            flip_probability,
            blur_probability,
        } => {
            findings.within("/views/crop_scale", *crop_scale, f64::MIN_POSITIVE, 1.0, true);
            for (index, strength) in jitter.iter().enumerate() {
                let most = if index == 3 { 0.5 } else { 1.0 };
                findings.within(&format!("/views/jitter/{index}"), *strength, 0.0, most, true);
            }
            findings.within("/views/jitter_probability", *jitter_probability, 0.0, 1.0, true);
            findings.within("/views/greyscale_probability", *greyscale_probability, 0.0, 1.0, true);
            findings.within("/views/flip_probability", *flip_probability, 0.0, 1.0, true);
            findings.within("/views/blur_probability", *blur_probability, 0.0, 1.0, true);
            "image"
        }
        Views::Speech { probability } => {
            findings.within("/views/probability", *probability, 0.0, 1.0, true);
            "speech"
        }
    };
    if found != wanted {
        findings.add("/views/kind", format!("`{found}` for {set}"), format!("`{wanted}` or `identity`"));
    }
}

/// Layers that i-Mix mixes at.
fn mix_layers(settings: &Settings, findings: &mut Findings) {
    let at = "/pretext/mix/layers";
    let Some(layers) = &settings.pretext.mix.layers else { return };
    if settings.pretext.mix.operator != Operator::Mixup {
        findings.add(at, "layers without `mixup`", "nothing: only `mixup` mixes inside the network");
        return;
    }
    if let Some(plan) = cost::encoder(settings) {
        for (index, layer) in layers.iter().enumerate() {
            findings.size(&format!("{at}/{index}"), *layer, 0, plan.layers());
        }
    }
    if !layers.is_sorted_by(|one, next| one < next) {
        findings.add(at, format!("{layers:?}"), "layers in ascending order");
    }
    // One spelling of it, so that equal runs have equal addresses.
    if let [] | [0] = layers[..] {
        findings.add(at, format!("{layers:?}"), "a hidden layer, or nothing to mix inputs only");
    }
}

/// Says whether the network is good.
fn network(settings: &Settings, findings: &mut Findings) -> bool {
    let at = "/network/kind";
    let domain = settings.data.set.domain();
    match (&settings.network, domain) {
        (Network::Mlp { width }, Domain::Tabular) => findings.size("/network/width", *width, 1, 4096),
        (Network::Mlp { .. }, domain) => {
            findings.add(at, format!("`mlp` for {domain}"), "`resnet`");
            false
        }
        (Network::Resnet { .. }, Domain::Tabular) => {
            findings.add(at, format!("`resnet` for {domain}"), "`mlp`");
            false
        }
        (Network::Resnet { depth, width, input_channels, .. }, _) => {
            let known = [18, 34, 50, 101, 152].contains(depth);
            if !known {
                findings.add("/network/depth", depth.to_string(), "18, 34, 50, 101 or 152");
            }
            let channels = if domain == Domain::Images { 3 } else { 1 };
            let width = findings.size("/network/width", *width, 1, 4096);
            findings.size("/network/input_channels", *input_channels, channels, channels) && width && known
        }
    }
}
