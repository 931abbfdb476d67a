//! What types cannot say: which settings go together, and their ranges.

mod data;
mod evaluation;
mod pretext;
mod ranges;

use crate::recipe::{Domain, Network, Operator, Settings, Views};

use super::cost;
use super::error::Mismatch;

use ranges::{size, within};

pub use evaluation::readings;

/// Checks that a cell can be run as its settings say. The pointer of what comes back is the path of the setting.
pub fn check(settings: &Settings) -> Result<(), Mismatch> {
    data::check(settings)?;
    views(settings)?;
    network(settings)?;
    if matches!(settings.pretext.mix.operator, Operator::Cutmix) && settings.data.set.domain() == Domain::Tabular {
        return Err(Mismatch::new("/pretext/mix/operator", "cutmix on tabular data", "`mixup` or `none`"));
    }
    pretext::check(&settings.pretext)?;
    mix_layers(settings)?;
    evaluation::check(settings)
}

fn views(settings: &Settings) -> Result<(), Mismatch> {
    let (domain, set) = (settings.data.set.domain(), settings.data.set.id());
    let wanted = match domain {
        Domain::Tabular => "tabular",
        Domain::Images => "image",
        Domain::Speech => "speech",
    };
    let found = match &settings.views {
        Views::Identity => return Ok(()),
        Views::Tabular { mask } => {
            within("/views/mask", *mask, 0.0, 1.0, false)?;
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
            within("/views/crop_scale", *crop_scale, f64::MIN_POSITIVE, 1.0, true)?;
            for (index, strength) in jitter.iter().enumerate() {
                within(&format!("/views/jitter/{index}"), *strength, 0.0, if index == 3 { 0.5 } else { 1.0 }, true)?;
            }
            within("/views/jitter_probability", *jitter_probability, 0.0, 1.0, true)?;
            within("/views/greyscale_probability", *greyscale_probability, 0.0, 1.0, true)?;
            within("/views/flip_probability", *flip_probability, 0.0, 1.0, true)?;
            within("/views/blur_probability", *blur_probability, 0.0, 1.0, true)?;
            "image"
        }
        Views::Speech { probability } => {
            within("/views/probability", *probability, 0.0, 1.0, true)?;
            "speech"
        }
    };
    if found == wanted {
        return Ok(());
    }
    Err(Mismatch::new("/views/kind", format!("`{found}` for {set}"), format!("`{wanted}` or `identity`")))
}

/// Layers that i-Mix mixes at.
fn mix_layers(settings: &Settings) -> Result<(), Mismatch> {
    let at = "/pretext/mix/layers";
    let Some(layers) = &settings.pretext.mix.layers else { return Ok(()) };
    if settings.pretext.mix.operator != Operator::Mixup {
        return Err(Mismatch::new(at, "layers without `mixup`", "nothing: only `mixup` mixes inside the network"));
    }
    if let Some(plan) = cost::encoder(settings) {
        for (index, layer) in layers.iter().enumerate() {
            size(&format!("{at}/{index}"), *layer, 0, plan.layers())?;
        }
    }
    if !layers.is_sorted_by(|one, next| one < next) {
        return Err(Mismatch::new(at, format!("{layers:?}"), "layers in ascending order"));
    }
    // One spelling of it, so that equal runs have equal addresses.
    match layers[..] {
        [] | [0] => Err(Mismatch::new(at, format!("{layers:?}"), "a hidden layer, or nothing to mix inputs only")),
        _ => Ok(()),
    }
}

fn network(settings: &Settings) -> Result<(), Mismatch> {
    let domain = settings.data.set.domain();
    match (&settings.network, domain) {
        (Network::Mlp { width }, Domain::Tabular) => size("/network/width", *width, 1, 4096),
        (Network::Mlp { .. }, domain) => Err(Mismatch::new("/network/kind", format!("`mlp` for {domain}"), "`resnet`")),
        (Network::Resnet { .. }, Domain::Tabular) => {
            Err(Mismatch::new("/network/kind", format!("`resnet` for {domain}"), "`mlp`"))
        }
        (Network::Resnet { depth, width, input_channels, .. }, _) => {
            if ![18, 34, 50, 101, 152].contains(depth) {
                return Err(Mismatch::new("/network/depth", depth.to_string(), "18, 34, 50, 101 or 152"));
            }
            size("/network/width", *width, 1, 4096)?;
            let channels = if domain == Domain::Images { 3 } else { 1 };
            size("/network/input_channels", *input_channels, channels, channels)
        }
    }
}
