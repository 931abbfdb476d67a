//! ImageNet (ILSVRC2012) as `train/nXXXXXXXX/*.JPEG` and `val/nXXXXXXXX/*.JPEG`.
//!
//! Pictures stay on the disk and are decoded when a batch needs them. The content is named by the names and sizes of the
//! files: to read 144 GB would take every `plan` half an hour. Two files of one name and one size are the same to it, so a
//! file that was altered without a change of its size is not told from the published one; one that cannot be decoded is
//! found when a batch needs it, unless the copy was verified before.
//!
//! Any part of the set works: fewer classes, fewer pictures.

mod listing;

use crate::recipe::{Crop, DataIdentity, DataSet, DataSettings};

use super::layout::{Container, Form, Layout};
use super::{DataCopy, DataError, Descriptor, ImageSet, Inventory, PictureFiles, PictureStore, Standing, subset};

use listing::{Listing, Side};

pub(super) use listing::Listings;

/// Training and validation pictures as published.
const PUBLISHED: (usize, usize) = (1_281_167, 50_000);

/// WordNet ids of the 1000 classes, sorted.
static SYNSETS: &str = include_str!("synsets.txt");

/// Those of ImageNet-100, sorted.
static HUNDRED: &str = include_str!("synsets-100.txt");

/// Of each channel over the published training pictures, as in the official `main_pretext.py`.
const MEAN: [f32; 3] = [0.485, 0.456, 0.406];
const DEVIATION: [f32; 3] = [0.229, 0.224, 0.225];

static LAYOUTS: [Layout; 1] = [Layout {
    form: Form::Picture,
    container: Container::Folder,
    paths: &["imagenet", "ImageNet", "ILSVRC2012", "ILSVRC/Data/CLS-LOC"],
    train: &["train"],
    test: &["val"],
}];

pub(super) static DESCRIPTOR: Descriptor = Descriptor::new(
    DataSet::ImageNet,
    Some(PUBLISHED),
    "ImageNet's terms",
    "Russakovsky, Olga, et al. (2015). ImageNet Large Scale Visual Recognition Challenge. IJCV 115, 211-252.",
)
.with_layouts(&LAYOUTS)
.with_page(
    "https://image-net.org/download.php, which asks you to agree to its terms, and lay it out as \
     imagenet/train/n01440764/*.JPEG and imagenet/val/n01440764/*.JPEG",
);

/// Names the content of a copy and counts its pictures. Reads names and sizes of its files.
pub(super) fn inventory(listings: &Listings, copy: &DataCopy, settings: &DataSettings) -> Result<Inventory, DataError> {
    checked(settings)?;
    let listing = listings.of(&copy.path)?;
    let (train, test) = (listing.train.labels(), listing.test.labels());
    let rows = subset::rows(settings.set, settings.subset.as_ref(), listing.class_names.len(), &train, &test)?;
    let drawn = settings.subset.as_ref().and_then(|subset| subset.classes);
    let warnings = drawn.and_then(|count| other_classes(&listing.class_names, count)).into_iter().collect();
    Ok(Inventory { identity: identity(settings, &listing), rows, warnings })
}

/// Lists the pictures of a copy, in the order of their classes and names as the official code has it. None are set aside
/// as validation.
pub(super) fn load(listings: &Listings, copy: &DataCopy, settings: &DataSettings) -> Result<ImageSet, DataError> {
    let Crop { side, resize } = checked(settings)?;
    let listing = listings.of(&copy.path)?;
    let identity = identity(settings, &listing);
    let store = |folder: &str, side: &Side| {
        let (labels, names) = (side.labels(), side.names());
        let root = copy.path.join(folder);
        PictureStore::Files(PictureFiles { set: DataSet::ImageNet, root, names, labels, resize })
    };
    Ok(ImageSet {
        identity,
        height: side,
        width: side,
        class_names: listing.class_names.clone(),
        mean: MEAN,
        deviation: DEVIATION,
        train: store(listing::TRAIN, &listing.train),
        validation: 0..0,
        test: store(listing::TEST, &listing.test),
        published_rows: PUBLISHED,
    })
}

/// Counts a copy.
pub(super) fn count(listings: &Listings, copy: &DataCopy) -> Result<Standing, DataError> {
    Ok(standing(&*listings.of(&copy.path)?))
}

/// Counts a copy and decodes all its pictures. There is no published checksum of the extracted files.
pub(super) fn verify(copy: &DataCopy) -> Result<Standing, DataError> {
    let listing = Listing::new(&copy.path)?;
    let faults = listing.faults(&copy.path);
    listing.judged(&copy.path, faults)?;
    Ok(standing(&listing))
}

fn standing(listing: &Listing) -> Standing {
    let have = (listing.train.len(), listing.test.len());
    if have == PUBLISHED { Standing::Complete } else { Standing::Part { have, of: PUBLISHED } }
}

/// A warning where `count` classes drawn from these are not those that are drawn from all 1000.
fn other_classes(names: &[String], count: usize) -> Option<String> {
    let all = SYNSETS.lines().count();
    let is_hundred = count == 100 && names.iter().map(String::as_str).eq(HUNDRED.lines());
    (names.len() < all && !is_hundred).then(|| {
        format!(
            "imagenet: {count} classes are drawn from the {} that are here, so they are not the ones that are drawn from \
             all {all}",
            names.len()
        )
    })
}

fn identity(settings: &DataSettings, listing: &Listing) -> DataIdentity {
    DataIdentity { settings: settings.clone(), digest: listing.digest.clone() }
}

fn checked(settings: &DataSettings) -> Result<Crop, DataError> {
    let refused = |expected: String, found: String| {
        Err(DataError::Setting { set: settings.set, setting: "data.crop", expected, found })
    };
    let Some(crop) = settings.crop else {
        return refused("a side and the length to resize to".to_owned(), "nothing".to_owned());
    };
    match crop.check() {
        Ok(()) => Ok(crop),
        Err((name, found, range)) => {
            refused(format!("{name} from {} to {} pixels", range.start(), range.end()), found.to_string())
        }
    }
}

/// Whether a name is that of one of the 1000 classes.
fn is_class(name: &str) -> bool {
    SYNSETS.lines().any(|synset| synset == name)
}

#[cfg(test)]
mod tests;
