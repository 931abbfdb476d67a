use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use proptest::prelude::*;

use super::*;
use crate::data::{Library, Set};
use crate::recipe::{Part, Subset};

const FIXTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/pictures");

fn settings(side: usize) -> DataSettings {
    let folder = Some(Folder { name: "pets".to_owned(), side: Some(side) });
    DataSettings { folder, ..DataSettings::of(DataSet::ImageFolder, Part::Full) }
}

fn copy(root: &Path, fixture: &str, name: &str) {
    place(root, name, &fs::read(format!("{FIXTURES}/{fixture}")).expect("a fixture"));
}

fn place(root: &Path, name: &str, bytes: &[u8]) {
    let path = root.join("pets").join(name);
    fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
    fs::write(path, bytes).expect("a file");
}

/// Two classes with three training pictures and a test picture.
fn pets() -> tempfile::TempDir {
    let root = tempfile::tempdir().expect("a folder");
    copy(root.path(), "wide.png", "train/cat/1.png");
    copy(root.path(), "tall.png", "train/cat/2.PNG");
    copy(root.path(), "colour.jpg", "train/dog/1.jpeg");
    copy(root.path(), "grey.png", "test/dog/1.png");
    root
}

fn load_from(root: &Path) -> Result<ImageSet, DataError> {
    match Library::with_roots([root.to_owned()]).load(&settings(8))? {
        Set::Images(set) => Ok(set),
        _ => panic!("expected pictures"),
    }
}

fn said(root: &tempfile::TempDir) -> String {
    let text = load_from(root.path()).expect_err("a fault").to_string();
    text.replace(&root.path().display().to_string(), "ROOT")
}

/// Pillow and torchvision as the oracle. Decoders of JPEG differ by some levels, those of PNG by none; the filter rounds.
#[test]
fn every_kind_of_picture_looks_as_torchvision_shows_it() {
    let text = fs::read_to_string(format!("{FIXTURES}.json")).expect("a fixture");
    let expected: BTreeMap<String, Vec<u8>> = serde_json::from_str(&text).expect("pictures");
    assert_eq!(expected.len(), 12);
    for (name, expected) in expected {
        let decoded = decode::rgb(&fs::read(format!("{FIXTURES}/{name}")).expect("a fixture")).expect("a picture");
        let fitted = fit::square(&decoded, 8).expect("no strip");
        let most = if name.contains(".jp") { 4 } else { 1 };
        for (place, (found, expected)) in fitted.as_raw().iter().zip(&expected).enumerate() {
            assert!(found.abs_diff(*expected) <= most, "{name}, value {place}: {found}, expected {expected}");
        }
    }
}

#[test]
fn a_folder_loads() {
    let root = pets();
    place(root.path(), "train/.hidden/1.png", b"no picture");
    place(root.path(), "train/cat/notes.txt", b"no picture");
    place(root.path(), "train/cat/._1.png", b"no picture");
    let set = load_from(root.path()).expect("it loads");
    assert_eq!((set.class_names.clone(), set.height, set.width), (vec!["cat".to_owned(), "dog".to_owned()], 8, 8));
    assert_eq!((set.train.labels().len(), set.test.labels()), (3, [1].as_slice()));
    assert_eq!((set.train.in_memory().pixels.len(), set.published_rows), (3 * set.picture_len(), (3, 1)));
    let count = set.train.in_memory().pixels.len() as f64 / 3.;
    for channel in 0..CHANNELS {
        let values =
            || set.train.in_memory().pixels.iter().skip(channel).step_by(3).map(|value| f64::from(*value) / 255.);
        let mean = values().sum::<f64>() / count;
        let deviation = (values().map(|value| (value - mean).powi(2)).sum::<f64>() / count).sqrt();
        assert!((mean - f64::from(set.mean[channel])).abs() < 1e-6);
        assert!((deviation - f64::from(set.deviation[channel])).abs() < 1e-6);
    }
    let library = Library::with_roots([root.path().join("pets")]);
    let inventory = library.inventory(&settings(8)).expect("a root may be the folder itself");
    assert_eq!((inventory.identity, inventory.rows), (set.identity, (3, 1)));
}

#[test]
fn the_name_of_the_content_follows_files_classes_and_subset() {
    let digest = |change: &dyn Fn(&Path)| {
        let root = pets();
        change(root.path());
        load_from(root.path()).expect("it loads").identity.digest
    };
    let whole = digest(&|_| {});
    let renamed = |from: &'static str, to: &'static str| {
        move |root: &Path| fs::rename(root.join("pets").join(from), root.join("pets").join(to)).expect("a name")
    };
    assert_eq!(whole, digest(&renamed("train/cat/1.png", "train/cat/other.png")), "names of files do not count");
    assert_ne!(whole, digest(&renamed("train/cat/1.png", "train/dog/other.png")));
    assert_ne!(whole, digest(&renamed("train/cat", "train/a cat")));
    assert_ne!(whole, digest(&|root| copy(root, "small.png", "test/cat/1.png")));
    let root = pets();
    let subset = Some(Subset { classes: Some(1), share: None });
    let reduced = DataSettings { subset, ..settings(8) };
    let library = Library::with_roots([root.path().to_owned()]);
    let set = library.load(&reduced).expect("it loads");
    assert_eq!(set.identity().settings, reduced);
    assert_eq!(set.rows(), library.inventory(&reduced).expect("it is there").rows);
}

#[test]
fn what_is_wrong_with_a_folder_is_named() {
    let mut report = String::new();
    let mut note = |name: &str, change: &dyn Fn(&Path)| {
        let root = pets();
        change(&root.path().join("pets"));
        report.push_str(&format!("{name} -> {}\n", said(&root)));
    };
    let remove = |path: &'static str| move |pets: &Path| fs::remove_dir_all(pets.join(path)).expect("a folder");
    note("no training pictures", &remove("train"));
    note("no test pictures", &remove("test"));
    note("no classes", &|pets| {
        fs::remove_dir_all(pets.join("train")).expect("a folder");
        fs::create_dir(pets.join("train")).expect("a folder");
    });
    note("an empty class", &|pets| fs::create_dir(pets.join("train/eel")).expect("a folder"));
    note("a class to test alone", &remove("train/dog"));
    let write =
        |bytes: &'static [u8]| move |pets: &Path| fs::write(pets.join("train/cat/3.jpg"), bytes).expect("a file");
    note("an empty file", &write(b""));
    note("text", &write(b"not a picture"));
    note("cut PNG", &|pets| {
        let whole = fs::read(pets.join("train/cat/1.png")).expect("a file");
        fs::write(pets.join("train/cat/1.png"), &whole[..whole.len() / 2]).expect("a file");
    });
    note("cut JPEG", &|pets| {
        let whole = fs::read(pets.join("train/dog/1.jpeg")).expect("a file");
        fs::write(pets.join("train/dog/1.jpeg"), &whole[..whole.len() / 2]).expect("a file");
    });
    note("JPEG without its last bytes", &|pets| {
        let whole = fs::read(pets.join("train/dog/1.jpeg")).expect("a file");
        fs::write(pets.join("train/dog/1.jpeg"), &whole[..whole.len() - 40]).expect("a file");
    });
    note("a JPEG that claims 65,000 x 65,000", &|pets| {
        let bytes = with_jpeg_size(fs::read(pets.join("train/dog/1.jpeg")).expect("a file"), 65_000, 65_000);
        fs::write(pets.join("train/dog/1.jpeg"), bytes).expect("a file");
    });
    note("a JPEG that claims 8,000 x 8,000", &|pets| {
        let bytes = with_jpeg_size(fs::read(pets.join("train/dog/1.jpeg")).expect("a file"), 8_000, 8_000);
        fs::write(pets.join("train/dog/1.jpeg"), bytes).expect("a file");
    });
    insta::assert_snapshot!(report, @r#"
    no training pictures -> folder of pictures pets is missing: no pets/train in ROOT. Name the folder that holds it with --data DIR or REPRO_DATA
    no test pictures -> ROOT/pets/test, inside: expected folders of test pictures, named as the classes, found none. Put that right, or move it away
    no classes -> ROOT/pets/train, inside: expected folders of pictures, one for each class, found none. Put that right, or move it away
    an empty class -> ROOT/pets/train/eel, inside: expected pictures that end in .png, .jpg or .jpeg, found none. Put that right, or move it away
    a class to test alone -> ROOT/pets/test/dog, inside: expected a class of the same name among the training pictures, found none. Put that right, or move it away
    an empty file -> ROOT/pets/train/cat/3.jpg, the picture: expected a PNG or JPEG, found an empty file. Put that right, or move it away
    text -> ROOT/pets/train/cat/3.jpg, the picture: expected a PNG or JPEG, found another kind of file. Put that right, or move it away
    cut PNG -> ROOT/pets/train/cat/1.png, the picture: expected a whole PNG or JPEG, found damage (unexpected end of file). Put that right, or move it away
    cut JPEG -> ROOT/pets/train/dog/1.jpeg, the picture: expected a whole PNG or JPEG, found damage (failed to fill whole buffer). Put that right, or move it away
    JPEG without its last bytes -> ROOT/pets/train/dog/1.jpeg, the picture: expected a whole JPEG of 37 x 20 pixels, found an end in its middle: the file is cut short. Put that right, or move it away
    a JPEG that claims 65,000 x 65,000 -> ROOT/pets/train/dog/1.jpeg, the picture: expected at most 16384 pixels a side and 67108864 in all, found 65000 x 65000 by its header. Put that right, or move it away
    a JPEG that claims 8,000 x 8,000 -> ROOT/pets/train/dog/1.jpeg, the picture: expected a whole JPEG of 8000 x 8000 pixels, found too few bytes for a picture of that size: its header is wrong. Put that right, or move it away
    "#);
}

/// Writes another height and width into the frame header of a JPEG.
fn with_jpeg_size(mut bytes: Vec<u8>, height: u16, width: u16) -> Vec<u8> {
    let header = bytes.windows(2).position(|marker| marker == [0xff, 0xc0]).expect("a frame header");
    bytes[header + 5..header + 7].copy_from_slice(&height.to_be_bytes());
    bytes[header + 7..header + 9].copy_from_slice(&width.to_be_bytes());
    bytes
}

#[test]
fn what_is_wrong_with_the_settings_is_named() {
    let root = pets();
    let library = Library::with_roots([root.path().to_owned()]);
    let folder = |name: &str, side| Folder { name: name.to_owned(), side: Some(side) };
    let named = |name, side| DataSettings { folder: Some(folder(name, side)), ..settings(8) };
    let bare = DataSettings { folder: None, ..settings(8) };
    let embedded = DataSettings { part: Part::Embedded, ..settings(8) };
    let all =
        [named("../pets", 8), named("", 8), named("pets", 0), named("pets", 5000), named("cars", 8), bare, embedded];
    let said = all.map(|settings| library.inventory(&settings).expect_err("a fault").to_string());
    insta::assert_snapshot!(said.join("\n").replace(&root.path().display().to_string(), "ROOT"), @r#"
    data set image-folder, data.folder.name: expected the name of a folder, without the path to it, found `../pets`
    data set image-folder, data.folder.name: expected the name of a folder, without the path to it, found ``
    data set image-folder, data.folder.side: expected from 1 to 1024 pixels, found 0
    data set image-folder, data.folder.side: expected from 1 to 1024 pixels, found 5000
    folder of pictures cars is missing: no cars/train in ROOT. Name the folder that holds it with --data DIR or REPRO_DATA
    data set image-folder needs the setting data.folder: expected the name of a folder, found nothing
    data set image-folder: none of it is embedded in the program; set data.part to full
    "#);
}

proptest! {
    #[test]
    fn any_bytes_are_a_picture_or_a_fault(bytes in prop::collection::vec(any::<u8>(), 0..400), kind in 0usize..3) {
        let start: &[u8] = [&b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"[..], b"\xff\xd8\xff\xe0\0\x10JFIF\0", b""][kind];
        if let Ok(picture) = decode::rgb(&[start, &bytes].concat()) {
            prop_assert!(picture.width() > 0 && picture.height() > 0);
        }
    }

    /// One byte of a sound picture changed: read somehow or refused, never a panic.
    #[test]
    fn a_damaged_picture_is_read_or_refused(kind in 0usize..4, place in 0.0f64..1., value: u8) {
        let name = ["wide.png", "palette.png", "colour.jpg", "cmyk.jpg"][kind];
        let mut bytes = fs::read(format!("{FIXTURES}/{name}")).expect("a fixture");
        let place = (place * bytes.len() as f64) as usize;
        bytes[place] = value;
        if let Ok(fitted) = decode::rgb(&bytes).and_then(|picture| fit::square(&picture, 8)) {
            prop_assert_eq!(fitted.dimensions(), (8, 8));
        }
    }

    #[test]
    fn pictures_of_any_shape_fit(width in 1u32..80, height in 1u32..80, side in 1u32..40) {
        let picture = RgbImage::from_pixel(width, height, image::Rgb([9, 99, 255]));
        let is_strip = width.max(height) > 16 * width.min(height);
        let fitted = fit::square(&picture, side);
        prop_assert_eq!(fitted.is_err(), is_strip);
        let Ok(fitted) = fitted else { return Ok(()) };
        prop_assert_eq!(fitted.dimensions(), (side, side));
        prop_assert!(fitted.pixels().all(|pixel| pixel.0 == [9, 99, 255]));
    }
}
