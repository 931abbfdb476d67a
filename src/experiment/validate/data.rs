//! Which settings of data go together.

use crate::recipe::{Crop, DataSet, DataSettings, Domain, Settings, Speech, Words};

use super::Mismatch;
use super::ranges::{LARGEST, size, within};

/// Of the squares that pictures are brought to, in pixels.
const LARGEST_SIDE: usize = 1024;

pub(super) fn check(settings: &Settings) -> Result<(), Mismatch> {
    one("/data", &settings.data)?;
    if let Some(data) = &settings.evaluation.data {
        let domain = settings.data.set.domain();
        if data.set.domain() != domain {
            let found = format!("{} for an encoder of {domain}", data.set.id());
            return Err(Mismatch::new("/evaluation/data/set", found, format!("a set of {domain}")));
        }
        if *data == settings.data {
            // One spelling of it, so that equal read-outs have equal settings.
            let expected = "another set than the encoder's, or nothing";
            return Err(Mismatch::new("/evaluation/data", "the encoder's own data", expected));
        }
        if data.subset.is_some() {
            let expected = "nothing: what the read-outs see is cut down by `evaluation.subset`";
            return Err(Mismatch::new("/evaluation/data/subset", "a value", expected));
        }
        one("/evaluation/data", data)?;
    }
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

/// Settings of one data set, at `base`.
fn one(base: &str, data: &DataSettings) -> Result<(), Mismatch> {
    match (data.set.domain(), data.standardise) {
        (Domain::Tabular, None) => Err(Mismatch::new(
            format!("{base}/standardise"),
            "nothing",
            "`all-rows` or `training-rows` for tabular data",
        )),
        (Domain::Images | Domain::Speech, Some(_)) => {
            Err(Mismatch::new(format!("{base}/standardise"), "a value", "nothing for data that is not tabular"))
        }
        _ => Ok(()),
    }?;
    match data.rows {
        Some(_) if data.set != DataSet::Higgs => {
            Err(Mismatch::new(format!("{base}/rows"), "a value", format!("nothing for {}", data.set.id())))
        }
        Some(rows) => size(&format!("{base}/rows"), rows, 1, LARGEST),
        None => Ok(()),
    }?;
    match (data.set, &data.folder) {
        (DataSet::ImageFolder, None) => {
            Err(Mismatch::new(format!("{base}/folder"), "nothing", "the name and side of an image folder"))
        }
        (DataSet::SpeechFolder, None) => {
            Err(Mismatch::new(format!("{base}/folder"), "nothing", "the name of a speech folder"))
        }
        (DataSet::ImageFolder, Some(folder)) => match folder.side {
            Some(side) => size(&format!("{base}/folder/side"), side, 1, LARGEST_SIDE),
            None => Err(Mismatch::new(format!("{base}/folder/side"), "nothing", "a number of pixels from 1 to 1024")),
        },
        (DataSet::SpeechFolder, Some(folder)) => match folder.side {
            Some(_) => Err(Mismatch::new(format!("{base}/folder/side"), "a value", "nothing for recordings")),
            None => Ok(()),
        },
        (set, Some(_)) => Err(Mismatch::new(format!("{base}/folder"), format!("a value for {}", set.id()), "nothing")),
        (_, None) => Ok(()),
    }?;
    crop(base, data)?;
    speech(base, data)
}

fn crop(base: &str, data: &DataSettings) -> Result<(), Mismatch> {
    match (data.set, data.crop) {
        (DataSet::ImageNet, None) => {
            Err(Mismatch::new(format!("{base}/crop"), "nothing", "a side and the length to resize to, for imagenet"))
        }
        (DataSet::ImageNet, Some(Crop { side, resize })) => {
            size(&format!("{base}/crop/side"), side, 1, LARGEST_SIDE)?;
            size(&format!("{base}/crop/resize"), resize, side, LARGEST_SIDE)
        }
        (set, Some(_)) => Err(Mismatch::new(format!("{base}/crop"), "a value", format!("nothing for {}", set.id()))),
        (_, None) => Ok(()),
    }
}

fn speech(base: &str, data: &DataSettings) -> Result<(), Mismatch> {
    let set = data.set;
    if data.speech.is_some() && set.domain() != Domain::Speech {
        return Err(Mismatch::new(format!("{base}/speech"), "a value", format!("nothing for {}", set.id())));
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
