//! What types cannot say: which settings go together, and their ranges.

use crate::recipe::{
    Contrast, DataSet, DataSettings, Domain, EndToEnd, Evaluation, LightViews, Linear, Method, Network, Operator,
    Pretext, Schedule, Settings, Speech, Views, Words,
};

use super::error::Mismatch;

/// Beyond any use, and far from where arithmetic on sizes would overflow.
const LARGEST: usize = 1 << 20;

/// Checks that a cell can be run as its settings say. The pointer of what comes back is the path of the setting.
pub fn check(settings: &Settings) -> Result<(), Mismatch> {
    data(settings)?;
    views(settings)?;
    network(settings)?;
    if matches!(settings.pretext.mix.operator, Operator::Cutmix) && settings.data.set.domain() == Domain::Tabular {
        return Err(Mismatch::new("/pretext/mix/operator", "cutmix on tabular data", "`mixup` or `none`"));
    }
    pretext(&settings.pretext)?;
    evaluation(settings)
}

fn data(settings: &Settings) -> Result<(), Mismatch> {
    match (settings.data.set.domain(), settings.data.standardise) {
        (Domain::Tabular, None) => {
            Err(Mismatch::new("/data/standardise", "nothing", "`all-rows` or `training-rows` for tabular data"))
        }
        (Domain::Images | Domain::Speech, Some(_)) => {
            Err(Mismatch::new("/data/standardise", "a value", "nothing for data that is not tabular"))
        }
        _ => Ok(()),
    }?;
    match (settings.data.set, &settings.data.folder) {
        (DataSet::ImageFolder, None) => {
            Err(Mismatch::new("/data/folder", "nothing", "the name and side of an image folder"))
        }
        (DataSet::SpeechFolder, None) => Err(Mismatch::new("/data/folder", "nothing", "the name of a speech folder")),
        (DataSet::ImageFolder, Some(folder)) => match folder.side {
            Some(side) => size("/data/folder/side", side, 1, 1024),
            None => Err(Mismatch::new("/data/folder/side", "nothing", "a number of pixels from 1 to 1024")),
        },
        (DataSet::SpeechFolder, Some(folder)) => match folder.side {
            Some(_) => Err(Mismatch::new("/data/folder/side", "a value", "nothing for recordings")),
            None => Ok(()),
        },
        (set, Some(_)) => Err(Mismatch::new("/data/folder", format!("a value for {}", set.id()), "nothing")),
        (_, None) => Ok(()),
    }?;
    speech(&settings.data)?;
    let subsets = [("/data/subset", settings.data.subset), ("/evaluation/subset", settings.evaluation.subset)];
    for (at, subset) in subsets.into_iter().filter_map(|(at, subset)| subset.map(|subset| (at, subset))) {
        if let Some(classes) = subset.classes {
            size(&format!("{at}/classes"), classes, 2, LARGEST)?;
        }
        if let Some(share) = subset.share {
            within(&format!("{at}/share"), share, f64::MIN_POSITIVE, 1.0, true)?;
        }
    }
    Ok(())
}

fn speech(data: &DataSettings) -> Result<(), Mismatch> {
    let set = data.set;
    if data.speech.is_some() && set.domain() != Domain::Speech {
        return Err(Mismatch::new("/data/speech", "a value", format!("nothing for {}", set.id())));
    }
    let Speech { words, silence, split, .. } = data.speech.unwrap_or_default();
    let is_commands = matches!(set, DataSet::SpeechCommands | DataSet::SpeechCommandsV2);
    let by_keywords = words == Some(Words::Keywords);
    for (setting, given, wanted, values) in [
        ("words", words.is_some(), is_commands, "`keywords` or `all`"),
        ("silence", silence.is_some(), by_keywords, "`zeros` or `background-noise`"),
        ("split", split.is_some(), set == DataSet::Fsdd, "`takes` or `speakers`"),
    ] {
        let at = format!("/data/speech/{setting}");
        match (given, wanted) {
            (true, false) if setting == "silence" && is_commands => {
                return Err(Mismatch::new(at, "a value", "nothing: only the classes by keywords have silence"));
            }
            (true, false) => return Err(Mismatch::new(at, "a value", format!("nothing for {}", set.id()))),
            (false, true) => return Err(Mismatch::new(at, "nothing", format!("{values} for {}", set.id()))),
            _ => {}
        }
    }
    Ok(())
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

fn pretext(pretext: &Pretext) -> Result<(), Mismatch> {
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

fn evaluation(settings: &Settings) -> Result<(), Mismatch> {
    let Evaluation { linear, pinv, raw, fine_tune, supervised, .. } = &settings.evaluation;
    if settings.evaluation.kinds().is_empty() {
        let expected = "at least one of `linear`, `pinv`, `raw`, `fine_tune` and `supervised`";
        return Err(Mismatch::new("/evaluation", "no read-out", expected));
    }
    for (name, linear) in [("linear", linear), ("raw", raw)] {
        if let Some(linear) = linear {
            linear_evaluation(&format!("/evaluation/{name}"), linear, settings.data.set)?;
        }
    }
    for kind in settings.evaluation.kinds() {
        light_views(&format!("/evaluation/{}/views", kind.id().replace('-', "_")), kind.views(), settings)?;
    }
    if let Some(pinv) = pinv {
        size("/evaluation/pinv/batch", pinv.batch, 1, LARGEST)?;
        if settings.data.set.domain() != Domain::Tabular {
            return Err(Mismatch::new(
                "/evaluation/pinv",
                format!("it for {}", settings.data.set.id()),
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
    if settings.data.set.domain() != Domain::Images {
        let found = format!("augmentation of {}", settings.data.set.id());
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

fn optimiser(at: &str, rate: f64, momentum: f64, weight_decay: f64, schedule: &Schedule) -> Result<(), Mismatch> {
    positive(&format!("{at}/base_rate"), rate)?;
    within(&format!("{at}/momentum"), momentum, 0.0, 1.0, false)?;
    within(&format!("{at}/weight_decay"), weight_decay, 0.0, 1.0, false)?;
    if let Schedule::Step { at: epochs, factor } = schedule {
        if !epochs.is_sorted_by(|one, next| one < next) {
            return Err(Mismatch::new(format!("{at}/schedule/at"), format!("{epochs:?}"), "epochs in ascending order"));
        }
        within(&format!("{at}/schedule/factor"), *factor, f64::MIN_POSITIVE, 1.0, true)?;
    }
    Ok(())
}

fn warmup(at: &str, warmup: usize, epochs: usize) -> Result<(), Mismatch> {
    if warmup <= epochs {
        return Ok(());
    }
    Err(Mismatch::new(
        format!("{at}/warmup_epochs"),
        warmup.to_string(),
        format!("at most the {epochs} epochs of the run"),
    ))
}

fn size(at: &str, found: usize, least: usize, most: usize) -> Result<(), Mismatch> {
    if (least..=most).contains(&found) {
        return Ok(());
    }
    let expected = if least == most { least.to_string() } else { format!("{least} to {most}") };
    Err(Mismatch::new(at, found.to_string(), expected))
}

fn positive(at: &str, found: f64) -> Result<(), Mismatch> {
    // Large enough to be a mistake, small enough to stay finite in f32.
    if found > 0.0 && found <= 1e6 {
        return Ok(());
    }
    Err(Mismatch::new(at, found.to_string(), "a number above 0 and at most 1000000"))
}

fn within(at: &str, found: f64, least: f64, most: f64, most_included: bool) -> Result<(), Mismatch> {
    if found >= least && (found < most || most_included && found == most) {
        return Ok(());
    }
    let least = if least == f64::MIN_POSITIVE { "above 0".to_owned() } else { format!("from {least}") };
    let most = if most_included { format!("to {most}") } else { format!("to below {most}") };
    Err(Mismatch::new(at, found.to_string(), format!("a number {least} {most}")))
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
    for (name, given) in [("fine-tune", &evaluation.fine_tune), ("supervised", &evaluation.supervised)] {
        if given.is_some() {
            readings.extend(["last", "best"].map(|when| format!("{name}/{when}")));
        }
    }
    readings
}
