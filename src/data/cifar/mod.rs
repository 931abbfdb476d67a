//! CIFAR-10 and CIFAR-100: 32 x 32 colour pictures, in the layouts that people have them in.
//!
//! Any part of a set works: files with fewer records than published, or fewer files. CIFAR-100 is read with its 100 fine
//! labels; the coarse ones are left alone.

mod array;
mod binary;
mod footer;
mod layouts;
mod names;
mod pages;
mod parquet;
mod python;
mod thrift;

use rayon::join;

use crate::recipe::{DataIdentity, DataSet, DataSettings};

use super::layout::Side;
use super::pictures::{self, Fingerprint};
use super::{
    CHANNELS, Container, DataCopy, DataError, Descriptor, Fault, Form, ImageSet, Inventory, PictureStore, Pictures,
    PublishedFile, Standing, content, members, subset,
};

/// Height and width.
const SIDE: usize = 32;
/// Values of one channel of a picture.
const PLANE: usize = SIDE * SIDE;
const PICTURE: usize = PLANE * CHANNELS;

/// Training and test pictures as published.
const PUBLISHED: (usize, usize) = (50_000, 10_000);

const LICENCE: &str = "none stated";
const ATTRIBUTION: &str =
    "Krizhevsky, Alex (2009). Learning Multiple Layers of Features from Tiny Images. University of Toronto.";

pub(super) static CIFAR10: Descriptor = Descriptor::new(DataSet::Cifar10, Some(PUBLISHED), LICENCE, ATTRIBUTION)
    .with_layouts(&layouts::CIFAR10)
    .with_download(&layouts::CIFAR10_BINARY);

pub(super) static CIFAR100: Descriptor = Descriptor::new(DataSet::Cifar100, Some(PUBLISHED), LICENCE, ATTRIBUTION)
    .with_layouts(&layouts::CIFAR100)
    .with_download(&layouts::CIFAR100_BINARY);

/// What tells the two sets apart.
pub(super) struct Variant {
    set: DataSet,
    class_names: &'static [&'static str],
    /// Label bytes of a binary record; the last one is the label.
    label_bytes: usize,
    /// Name of the labels in a pickle.
    pickled_labels: &'static str,
    /// Names that the column of labels may have in a parquet file.
    label_columns: &'static [&'static str],
    /// Of each channel over the published training pictures, as in the official `main_pretext.py`.
    mean: [f32; CHANNELS],
    deviation: [f32; CHANNELS],
    archives: [&'static PublishedFile; 2],
}

static TEN: Variant = Variant {
    set: DataSet::Cifar10,
    class_names: &names::CIFAR10,
    label_bytes: 1,
    pickled_labels: "labels",
    label_columns: &["label"],
    mean: [0.4914, 0.4822, 0.4465],
    deviation: [0.2023, 0.1994, 0.2010],
    archives: [&layouts::CIFAR10_BINARY, &layouts::CIFAR10_PYTHON],
};

static HUNDRED: Variant = Variant {
    set: DataSet::Cifar100,
    class_names: &names::CIFAR100,
    label_bytes: 2,
    pickled_labels: "fine_labels",
    label_columns: &["fine_label"],
    mean: [0.5071, 0.4865, 0.4409],
    deviation: [0.2009, 0.1984, 0.2023],
    archives: [&layouts::CIFAR100_BINARY, &layouts::CIFAR100_PYTHON],
};

impl Variant {
    fn of(set: DataSet) -> &'static Variant {
        if set == DataSet::Cifar100 { &HUNDRED } else { &TEN }
    }

    /// The label as this program has it, or none if it is out of range.
    fn label(&self, value: i64) -> Option<u32> {
        u32::try_from(value).ok().filter(|label| (*label as usize) < self.class_names.len())
    }

    fn label_fault(&self, record: usize, value: i64) -> Fault {
        let expected = format!("a label from 0 to {}", self.class_names.len() - 1);
        Fault::new(format!("record {}", record + 1), expected, format!("{value}"))
    }

    fn parse(&self, form: Form, bytes: Vec<u8>) -> Result<Pictures, Fault> {
        if bytes.is_empty() {
            return Err(Fault::new("the file", "records", "an empty file"));
        }
        match form {
            Form::Python => python::parse(self, &bytes),
            Form::Parquet => parquet::parse(self, bytes),
            Form::Binary | Form::Text | Form::Wave | Form::Picture => binary::parse(self, &bytes),
        }
    }
}

/// Reads a file of a set.
pub(super) fn parse(set: DataSet, form: Form, bytes: Vec<u8>) -> Result<Pictures, Fault> {
    Variant::of(set).parse(form, bytes)
}

/// Training and test pictures of an archive's uncompressed content. The copy's path is for messages.
pub(super) fn parse_archive(set: DataSet, copy: &DataCopy, content: &[u8]) -> Result<(usize, usize), DataError> {
    let Copied { train, test } = Copied::unpack(Variant::of(set), copy, content)?;
    Ok((train.labels.len(), test.labels.len()))
}

/// The pictures of a copy, in the order of its files.
#[derive(Default)]
struct Copied {
    train: Pictures,
    test: Pictures,
}

impl Copied {
    fn read(variant: &Variant, copy: &DataCopy) -> Result<Copied, DataError> {
        let mut copied = Copied::default();
        members::each(variant.set, copy, |side, bytes| copied.add(variant, copy.layout.form, side, bytes))?;
        copied.checked(variant.set, copy)
    }

    /// Reads an archive's uncompressed content. The copy's path is for messages.
    fn unpack(variant: &Variant, copy: &DataCopy, content: &[u8]) -> Result<Copied, DataError> {
        let mut copied = Copied::default();
        let add = |side, bytes| copied.add(variant, copy.layout.form, side, bytes);
        members::each_archived(variant.set, copy, content, add)?;
        copied.checked(variant.set, copy)
    }

    fn add(&mut self, variant: &Variant, form: Form, side: Side, bytes: Vec<u8>) -> Result<(), Fault> {
        let target = match side {
            Side::Train => &mut self.train,
            Side::Test => &mut self.test,
        };
        let pictures = variant.parse(form, bytes)?;
        if target.labels.is_empty() {
            *target = pictures;
        } else {
            target.pixels.extend_from_slice(&pictures.pixels);
            target.labels.extend_from_slice(&pictures.labels);
        }
        Ok(())
    }

    fn checked(self, set: DataSet, copy: &DataCopy) -> Result<Copied, DataError> {
        self.check_counts(copy).map_err(|fault| fault.in_file(set, &copy.path))?;
        Ok(self)
    }

    fn check_counts(&self, copy: &DataCopy) -> Result<(), Fault> {
        let sides = [
            ("training", &self.train, copy.layout.train, PUBLISHED.0),
            ("test", &self.test, copy.layout.test, PUBLISHED.1),
        ];
        for (side, pictures, names, published) in sides {
            let found = pictures.labels.len();
            if found == 0 {
                let expected = format!("{side} pictures in {}", names.join(" or "));
                return Err(Fault::new("inside", expected, "no such file"));
            }
            if found > published {
                return Err(Fault::new("inside", format!("at most {published} {side} pictures"), format!("{found}")));
            }
        }
        Ok(())
    }

    fn fingerprints(&self) -> (Vec<Fingerprint>, Vec<Fingerprint>) {
        join(|| pictures::fingerprints(&self.train, PICTURE), || pictures::fingerprints(&self.test, PICTURE))
    }
}

/// Names the content of a copy and counts it.
pub(super) fn inventory(copy: &DataCopy, settings: &DataSettings) -> Result<Inventory, DataError> {
    let variant = Variant::of(settings.set);
    let copied = Copied::read(variant, copy)?;
    let (train, test) = copied.fingerprints();
    let identity = DataIdentity { settings: settings.clone(), digest: pictures::digest(train, test) };
    let rows = subset::rows(
        settings.set,
        settings.subset.as_ref(),
        variant.class_names.len(),
        &copied.train.labels,
        &copied.test.labels,
    )?;
    Ok(Inventory { identity, rows, warnings: Vec::new() })
}

/// Reads a copy. The last tenth of its training pictures is set aside as validation: the published set has none.
pub(super) fn load(copy: &DataCopy, settings: &DataSettings) -> Result<ImageSet, DataError> {
    let variant = Variant::of(settings.set);
    let Copied { train, test } = &Copied::read(variant, copy)?;
    let (train_prints, test_prints) = (pictures::fingerprints(train, PICTURE), pictures::fingerprints(test, PICTURE));
    let count = train.labels.len();
    Ok(ImageSet {
        height: SIDE,
        width: SIDE,
        class_names: variant.class_names.iter().map(|name| name.to_string()).collect(),
        mean: variant.mean,
        deviation: variant.deviation,
        train: PictureStore::Memory(pictures::in_order(train, &train_prints, PICTURE)),
        validation: count - count / 10..count,
        test: PictureStore::Memory(pictures::in_order(test, &test_prints, PICTURE)),
        published_rows: PUBLISHED,
        identity: DataIdentity { settings: settings.clone(), digest: pictures::digest(train_prints, test_prints) },
    })
}

/// Reads a copy and says what it is worth. Only the archives have published checksums.
pub(super) fn verify(copy: &DataCopy, set: DataSet) -> Result<Standing, DataError> {
    let variant = Variant::of(set);
    if copy.layout.container == Container::Archive {
        for archive in variant.archives {
            if content::check(set, &copy.path, archive)?.is_ok() {
                return Ok(Standing::Official);
            }
        }
    }
    let copied = Copied::read(variant, copy)?;
    let have = (copied.train.labels.len(), copied.test.labels.len());
    Ok(if have == PUBLISHED { Standing::Complete } else { Standing::Part { have, of: PUBLISHED } })
}

/// Turns a picture of three planes, red, green and blue, into one of pixels.
fn interleave(planes: &[u8], pixels: &mut [u8]) {
    let (red, rest) = planes.split_at(PLANE);
    let (green, blue) = rest.split_at(PLANE);
    for (pixel, ((red, green), blue)) in pixels.chunks_exact_mut(CHANNELS).zip(red.iter().zip(green).zip(blue)) {
        pixel.copy_from_slice(&[*red, *green, *blue]);
    }
}

#[cfg(test)]
mod property_tests;
#[cfg(test)]
mod tests;
