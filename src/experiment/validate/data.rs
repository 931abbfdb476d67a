//! Which settings of data go together.

use crate::recipe::{DataSet, DataSettings, Domain, Settings, Speech, Words};

use super::Mismatch;
use super::ranges::{LARGEST, size, within};

pub(super) fn check(settings: &Settings) -> Result<(), Mismatch> {
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
