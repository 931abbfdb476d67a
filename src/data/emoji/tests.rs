use std::collections::{BTreeMap, BTreeSet};

use sha2::{Digest, Sha256};

use super::*;
use crate::recipe::Part;

fn set(set: DataSet) -> ImageSet {
    load(&DataSettings::of(set, Part::Embedded)).expect("it is sound")
}

fn counts(labels: &[u32]) -> Vec<usize> {
    labels.iter().fold(Vec::new(), |mut counts, label| {
        counts.resize(counts.len().max(*label as usize + 1), 0);
        counts[*label as usize] += 1;
        counts
    })
}

#[test]
fn the_content_is_what_its_name_says() {
    let sheet = sheet(DataSet::Emoji).expect("a sheet");
    let hasher = Sha256::new().chain_update(TABLE).chain_update([0]).chain_update(sheet.as_raw());
    assert_eq!(crate::data::content::hex(&hasher.finalize()), DIGEST);
}

#[test]
fn themes_are_balanced() {
    let set = set(DataSet::Emoji);
    assert_eq!(
        set.class_names,
        ["animals", "faces", "flags", "food", "hands", "objects", "people", "places", "signs", "vehicles"]
    );
    assert_eq!((counts(set.train.labels()), counts(set.test.labels())), (vec![96; 10], vec![40; 10]));
    assert_eq!(set.published_rows, BY_THEME);
    assert_eq!(set.train.in_memory().pixels.len(), 960 * PICTURE);
    assert_eq!(set.validation, 864..960);
    let held_out = counts(&set.train.labels()[set.validation.clone()]);
    assert!(held_out.len() == 10 && held_out.iter().all(|count| *count > 0), "{held_out:?}");
}

#[test]
fn groups_have_enough_pictures() {
    let set = set(DataSet::EmojiGroups);
    assert_eq!(set.classes(), 31);
    assert!(counts(set.train.labels()).iter().all(|count| *count >= 8));
    assert!(counts(set.test.labels()).iter().all(|count| *count >= 4));
    assert_eq!(set.published_rows, BY_GROUP);
}

/// The channels' moments over training pictures, to the four places of the constants.
#[test]
fn mean_and_deviation_are_those_of_the_training_pictures() {
    let set = set(DataSet::Emoji);
    for channel in 0..CHANNELS {
        let values = || {
            set.train.in_memory().pixels.iter().skip(channel).step_by(CHANNELS).map(|value| f64::from(*value) / 255.)
        };
        let count = values().count() as f64;
        let mean = values().sum::<f64>() / count;
        let deviation = (values().map(|value| (value - mean).powi(2)).sum::<f64>() / count).sqrt();
        assert!((mean - f64::from(MEAN[channel])).abs() < 1e-4, "channel {channel}: mean {mean}");
        assert!((deviation - f64::from(DEVIATION[channel])).abs() < 1e-4, "channel {channel}: deviation {deviation}");
    }
}

/// Renderings of one emoji, skin tones included, must not tell the test pictures.
#[test]
fn no_emoji_is_on_both_sides() {
    let tones = ["1F3FB", "1F3FC", "1F3FD", "1F3FE", "1F3FF"];
    let mut sides: BTreeMap<String, BTreeSet<&str>> = BTreeMap::new();
    for line in TABLE.lines().skip(1) {
        let fields: Vec<&str> = line.split(',').collect();
        let points: Vec<&str> = fields[3].split('-').filter(|point| !tones.contains(point)).collect();
        sides.entry(points.join("-")).or_default().insert(fields[0]);
    }
    assert!(sides.values().all(|sides| sides.len() == 1));
}

/// The picture of a place is the one that the table names: the red circle is red on white.
#[test]
fn places_fit_the_sheet() {
    let place = TABLE.lines().skip(1).position(|line| line.ends_with("1F534,twemoji")).expect("a red circle");
    let pixels = picture(&sheet(DataSet::Emoji).expect("a sheet"), place);
    let at = |row: usize, column: usize| &pixels[(row * SIDE + column) * CHANNELS..][..CHANNELS];
    assert_eq!(at(0, 0), [255, 255, 255]);
    assert!(at(16, 16)[0] > 200 && at(16, 16)[1] < 80, "{:?}", at(16, 16));
}
