//! Which settings of data go together.

use crate::recipe::{DataSet, DataSettings, Domain, LARGEST_SIDE, Settings, Speech, Words};

use super::ranges::{Findings, LARGEST};

pub(super) fn check(settings: &Settings, findings: &mut Findings) {
    one("/data", &settings.data, findings);
    if let Some(data) = &settings.evaluation.data {
        read_out("/evaluation/data", data, &settings.data, findings);
    }
    let subsets = [("/data/subset", settings.data.subset), ("/evaluation/subset", settings.evaluation.subset)];
    for (at, subset) in subsets.into_iter().filter_map(|(at, subset)| subset.map(|subset| (at, subset))) {
        if let Some(classes) = subset.classes {
            findings.size(&format!("{at}/classes"), classes, 2, LARGEST);
        }
        if let Some(share) = subset.share {
            findings.within(&format!("{at}/share"), share, f64::MIN_POSITIVE, 1.0, true);
        }
    }
}

/// Data of the read-outs, at `base`, beside the encoder's `own`.
fn read_out(base: &str, data: &DataSettings, own: &DataSettings, findings: &mut Findings) {
    let domain = own.set.domain();
    if data.set.domain() != domain {
        let found = format!("{} for an encoder of {domain}", data.set.id());
        findings.add(format!("{base}/set"), found, format!("a set of {domain}"));
    }
    if data == own {
        // One spelling of it, so that equal read-outs have equal settings. What else is wrong with it is told there.
        findings.add(base, "the encoder's own data", "another set than the encoder's, or nothing");
        return;
    }
    if data.subset.is_some() {
        let expected = "nothing: what the read-outs see is cut down by `evaluation.subset`";
        findings.add(format!("{base}/subset"), "a value", expected);
    }
    one(base, data, findings);
}

/// Settings of one data set, at `base`.
fn one(base: &str, data: &DataSettings, findings: &mut Findings) {
    let parts = data.set.parts();
    if !parts.contains(&data.part) {
        let found = format!("`{}` for {}", data.part.id(), data.set.id());
        let expected = parts.iter().map(|part| format!("`{}`", part.id())).collect::<Vec<_>>().join(" or ");
        findings.add(format!("{base}/part"), found, expected);
    }
    let at = format!("{base}/standardise");
    match (data.set.domain(), data.standardise) {
        (Domain::Tabular, None) => {
            findings.add(at, "nothing", "`all-rows` or `training-rows` for tabular data");
        }
        (Domain::Images | Domain::Speech, Some(_)) => {
            findings.add(at, "a value", "nothing for data that is not tabular");
        }
        _ => {}
    }
    let at = format!("{base}/rows");
    match data.rows {
        Some(_) if data.set != DataSet::Higgs => findings.add(at, "a value", format!("nothing for {}", data.set.id())),
        Some(rows) => drop(findings.size(&at, rows, 1, LARGEST)),
        None => {}
    }
    folder(&format!("{base}/folder"), data, findings);
    crop(&format!("{base}/crop"), data, findings);
    speech(base, data, findings);
}

fn folder(at: &str, data: &DataSettings, findings: &mut Findings) {
    let side_at = format!("{at}/side");
    match (data.set, &data.folder) {
        (DataSet::ImageFolder, None) => findings.add(at, "nothing", "the name and side of an image folder"),
        (DataSet::SpeechFolder, None) => findings.add(at, "nothing", "the name of a speech folder"),
        (DataSet::ImageFolder, Some(folder)) => match folder.side {
            Some(side) => drop(findings.size(&side_at, side, 1, LARGEST_SIDE)),
            None => findings.add(side_at, "nothing", format!("a number of pixels from 1 to {LARGEST_SIDE}")),
        },
        (DataSet::SpeechFolder, Some(folder)) if folder.side.is_some() => {
            findings.add(side_at, "a value", "nothing for recordings");
        }
        (DataSet::SpeechFolder, Some(_)) => {}
        (set, Some(_)) => findings.add(at, format!("a value for {}", set.id()), "nothing"),
        (_, None) => {}
    }
}

fn crop(at: &str, data: &DataSettings, findings: &mut Findings) {
    match (data.set, data.crop) {
        (DataSet::ImageNet, None) => {
            findings.add(at, "nothing", "a side and the length to resize to, for imagenet");
        }
        (DataSet::ImageNet, Some(crop)) => {
            if let Err((name, found, range)) = crop.check() {
                findings.add(
                    format!("{at}/{name}"),
                    found.to_string(),
                    format!("{} to {}", range.start(), range.end()),
                );
            }
        }
        (set, Some(_)) => findings.add(at, "a value", format!("nothing for {}", set.id())),
        (_, None) => {}
    }
}

fn speech(base: &str, data: &DataSettings, findings: &mut Findings) {
    let set = data.set;
    if data.speech.is_some() && set.domain() != Domain::Speech {
        findings.add(format!("{base}/speech"), "a value", format!("nothing for {}", set.id()));
        return;
    }
    let Speech { words, silence, split, .. } = data.speech.unwrap_or_default();
    let is_commands = matches!(set, DataSet::SpeechCommands | DataSet::SpeechCommandsV2);
    let by_keywords = words == Some(Words::Keywords);
    for (setting, given, wanted, values) in [
        ("words", words.is_some(), is_commands, "`keywords` or `all`"),
        ("silence", silence.is_some(), by_keywords, "`zeros` or `background-noise`"),
        ("split", split.is_some(), set == DataSet::Fsdd, "`takes` or `speakers`"),
    ] {
        let at = format!("{base}/speech/{setting}");
        match (given, wanted) {
            // Whether there is silence depends on the words.
            (true, false) if setting == "silence" && is_commands && words.is_none() => {}
            (true, false) if setting == "silence" && is_commands => {
                findings.add(at, "a value", "nothing: only the classes by keywords have silence");
            }
            (true, false) => findings.add(at, "a value", format!("nothing for {}", set.id())),
            (false, true) => findings.add(at, "nothing", format!("{values} for {}", set.id())),
            _ => {}
        }
    }
}
