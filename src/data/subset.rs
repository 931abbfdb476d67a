//! Fewer classes and fewer training items of each: the figure on dataset size.
//!
//! Which ones goes by a draw of its own, the same in every trial. A smaller subset is part of every larger one. Of
//! ImageNet they are those that the official code draws, where a smaller one need not be part of a larger one.

pub(super) mod official;
mod python;

use std::ops::Range;

use crate::random::{Key, Purpose, permutation};
use crate::recipe::{DataSet, Subset};

use super::{Clips, DataError, ImageSet, PictureStore, Rows, Set, SpeechSet, TabularSet};

/// What a subset keeps of a set.
struct Kept {
    /// Places of the training items that stay, in their order.
    train: Vec<usize>,
    test: Vec<usize>,
    /// Classes that stay, in their order: the new label is the place in this list.
    classes: Vec<usize>,
}

impl Kept {
    /// Labels count from 0 to `classes`, exclusive.
    fn choose(set: DataSet, subset: &Subset, classes: usize, train: &[u32], test: &[u32]) -> Result<Kept, DataError> {
        let count = subset.classes.unwrap_or(classes);
        if !(1..=classes).contains(&count) {
            let expected = format!("from 1 to {classes}, the classes of the set");
            return Err(DataError::Setting { set, setting: "subset.classes", expected, found: count.to_string() });
        }
        let share = subset.share.unwrap_or(1.);
        if share.is_nan() || share <= 0. || share > 1. {
            let expected = "more than 0 and at most 1".to_owned();
            return Err(DataError::Setting { set, setting: "subset.share", expected, found: share.to_string() });
        }
        let is_official = set == DataSet::ImageNet;
        let mut chosen = match is_official {
            true => official::classes(classes, count),
            false => prefix(permutation(classes, Key::new(0, Purpose::Subset)), count),
        };
        chosen.sort_unstable();
        let places = by_class(train, classes);
        let items = |(label, class): (usize, &usize)| {
            let places = &places[*class];
            let drawn = if is_official {
                official::items(label, places.len(), share)
            } else {
                items(*class, places.len(), share)
            };
            drawn.into_iter().map(|index| places[index]).collect::<Vec<usize>>()
        };
        let mut kept_train: Vec<usize> = chosen.iter().enumerate().flat_map(items).collect();
        kept_train.sort_unstable();
        let is_chosen = |place: &usize| chosen.binary_search(&(test[*place] as usize)).is_ok();
        let kept_test = (0..test.len()).filter(is_chosen).collect();
        Ok(Kept { train: kept_train, test: kept_test, classes: chosen })
    }

    /// What is left of a range of training items.
    fn range(&self, range: &Range<usize>) -> Range<usize> {
        let before = |end: usize| self.train.partition_point(|place| *place < end);
        before(range.start)..before(range.end)
    }

    /// What of a set that has `whole` training and test items counts as published.
    fn published(&self, whole: (usize, usize), published: (usize, usize)) -> (usize, usize) {
        if whole == published { (self.train.len(), self.test.len()) } else { published }
    }

    fn relabel(&self, labels: &mut [u32]) {
        for label in labels {
            *label = self.classes.partition_point(|class| *class < *label as usize) as u32;
        }
    }
}

/// A share of a class's `of` items: at least one where there is one.
fn items(class: usize, of: usize, share: f64) -> Vec<usize> {
    let count = ((share * of as f64).round() as usize).max(1).min(of);
    prefix(permutation(of, Key::new(0, Purpose::Subset).sample(class + 1)), count)
}

fn prefix(order: Vec<u32>, count: usize) -> Vec<usize> {
    order[..count].iter().map(|index| *index as usize).collect()
}

/// Places of the items of each class.
fn by_class(labels: &[u32], classes: usize) -> Vec<Vec<usize>> {
    let mut places = vec![Vec::new(); classes];
    for (place, label) in labels.iter().enumerate() {
        if let Some(places) = places.get_mut(*label as usize) {
            places.push(place);
        }
    }
    places
}

/// Training and test items that a subset keeps of items with these labels.
pub(super) fn rows(
    set: DataSet,
    subset: Option<&Subset>,
    classes: usize,
    train: &[u32],
    test: &[u32],
) -> Result<(usize, usize), DataError> {
    let Some(subset) = subset else { return Ok((train.len(), test.len())) };
    let kept = Kept::choose(set, subset, classes, train, test)?;
    Ok((kept.train.len(), kept.test.len()))
}

impl Set {
    /// The part of the set that a subset keeps: some classes, drawn once and for all and labelled anew from 0; of their
    /// training items the given share, likewise; of the test items those of the classes. A smaller subset is part of
    /// every larger one, unless the set is ImageNet. The identity stays that of the whole, and so do the published counts
    /// where less than the published set is there; of a whole set, the part is what there is of it.
    ///
    /// # Errors
    /// [`DataError::Setting`] if the subset asks for no classes, for more than there are, or for a share outside (0, 1].
    pub fn reduced(&self, subset: &Subset) -> Result<Set, DataError> {
        match self {
            Set::Table(set) => table(set, subset).map(Set::Table),
            Set::Images(set) => images(set, subset).map(Set::Images),
            Set::Speech(set) => speech(set, subset).map(Set::Speech),
        }
    }
}

fn table(set: &TabularSet, subset: &Subset) -> Result<TabularSet, DataError> {
    let (train, test) = (&set.train, &set.test);
    let kept = Kept::choose(set.identity.settings.set, subset, set.classes, &train.labels, &test.labels)?;
    let width = set.width();
    let gather = |rows: &Rows, places: &[usize]| {
        let inputs = places.iter().flat_map(|place| &rows.inputs[place * width..][..width]).copied().collect();
        let mut labels: Vec<u32> = places.iter().map(|place| rows.labels[*place]).collect();
        kept.relabel(&mut labels);
        Rows { inputs, labels }
    };
    Ok(TabularSet {
        identity: set.identity.clone(),
        blocks: set.blocks.clone(),
        classes: kept.classes.len(),
        train: gather(train, &kept.train),
        validation: kept.range(&set.validation),
        test: gather(test, &kept.test),
        published_rows: kept.published((train.labels.len(), test.labels.len()), set.published_rows),
        ..*set
    })
}

fn images(set: &ImageSet, subset: &Subset) -> Result<ImageSet, DataError> {
    let (train, test) = (&set.train, &set.test);
    let kept = Kept::choose(set.identity.settings.set, subset, set.classes(), train.labels(), test.labels())?;
    let gather = |side: &PictureStore, places: &[usize]| {
        let mut gathered = side.gather(places, set.picture_len());
        kept.relabel(gathered.labels_mut());
        gathered
    };
    Ok(ImageSet {
        identity: set.identity.clone(),
        class_names: kept.classes.iter().map(|class| set.class_names[*class].clone()).collect(),
        train: gather(train, &kept.train),
        validation: kept.range(&set.validation),
        test: gather(test, &kept.test),
        published_rows: kept.published((train.labels().len(), test.labels().len()), set.published_rows),
        ..*set
    })
}

fn speech(set: &SpeechSet, subset: &Subset) -> Result<SpeechSet, DataError> {
    let (train, test) = (&set.train, &set.test);
    let kept = Kept::choose(set.identity.settings.set, subset, set.classes(), &train.labels, &test.labels)?;
    let gather = |side: &Clips, places: &[usize]| {
        let mut labels: Vec<u32> = places.iter().map(|place| side.labels[*place]).collect();
        kept.relabel(&mut labels);
        Clips { clips: places.iter().map(|place| side.clips[*place].clone()).collect(), labels }
    };
    Ok(SpeechSet {
        identity: set.identity.clone(),
        class_names: kept.classes.iter().map(|class| set.class_names[*class].clone()).collect(),
        train: gather(train, &kept.train),
        test: gather(test, &kept.test),
        background: set.background.clone(),
        published_rows: kept.published((train.labels.len(), test.labels.len()), set.published_rows),
    })
}

#[cfg(test)]
mod tests;
