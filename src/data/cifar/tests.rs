use std::fs;
use std::path::Path;

use super::*;
use crate::data::Library;
use crate::pickle::tests::ATTACKS;
use crate::recipe::Part;

/// A label and its picture, plane by plane.
pub(super) type Planar = (u32, Vec<u8>);

/// Planar pictures with labels, as many different ones as asked for.
pub(super) fn planar(count: usize, classes: usize, seed: usize) -> Vec<Planar> {
    let value = |picture: usize, place: usize| ((picture * 7919 + place * 31 + seed * 101) % 251) as u8;
    let picture = |picture: usize| (0..PICTURE).map(|place| value(picture, place)).collect();
    (0..count).map(|index| (((index * 3 + seed) % classes) as u32, picture(index))).collect()
}

/// Records of CIFAR-10's binary layout, or of CIFAR-100's with some coarse label.
pub(super) fn binary(pictures: &[Planar], variant: &Variant) -> Vec<u8> {
    let head = |label: u32| if variant.label_bytes == 2 { vec![7, label as u8] } else { vec![label as u8] };
    pictures.iter().flat_map(|(label, planes)| [head(*label), planes.clone()].concat()).collect()
}

fn place(root: &Path, name: &str, bytes: &[u8]) {
    let path = root.join(name);
    fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
    fs::write(path, bytes).expect("a file");
}

fn fault(variant: &Variant, form: Form, bytes: Vec<u8>) -> String {
    match variant.parse(form, bytes) {
        Ok(_) => "none".to_owned(),
        Err(Fault { place, expected, found }) => format!("{place}: expected {expected}, found {found}"),
    }
}

fn images(library: &Library, set: DataSet) -> ImageSet {
    match library.load(&DataSettings::of(set, Part::Full)).expect("it loads") {
        crate::data::Set::Images(set) => set,
        _ => panic!("expected pictures"),
    }
}

#[test]
fn binary_faults_are_named_with_their_record() {
    let sound = binary(&planar(3, 10, 0), &TEN);
    let with_label = |record: usize, label: u8| {
        let mut bytes = sound.clone();
        bytes[record * (PICTURE + 1)] = label;
        bytes
    };
    let cases = [
        ("sound", sound.clone()),
        ("empty", Vec::new()),
        ("cut in a record", sound[..2 * (PICTURE + 1) + 100].to_vec()),
        ("label 10", with_label(1, 10)),
        ("label 255", with_label(2, 255)),
        ("text", b"<html>not found</html>".to_vec()),
    ];
    let report: String =
        cases.into_iter().map(|(name, bytes)| format!("{name} -> {}\n", fault(&TEN, Form::Binary, bytes))).collect();
    insta::assert_snapshot!(report, @r#"
    sound -> none
    empty -> the file: expected records, found an empty file
    cut in a record -> record 3: expected 3073 bytes, found 100 bytes: the file is cut short
    label 10 -> record 2: expected a label from 0 to 9, found 10
    label 255 -> record 3: expected a label from 0 to 9, found 255
    text -> record 1: expected 3073 bytes, found 22 bytes: the file is cut short
    "#);
}

#[test]
fn planes_become_pixels_and_the_fine_label_counts() {
    let mut planes = vec![0; PICTURE];
    for (plane, start) in [0, PLANE, 2 * PLANE].into_iter().enumerate() {
        planes[start + 33] = plane as u8 + 1;
    }
    let parsed = HUNDRED.parse(Form::Binary, binary(&[(99, planes)], &HUNDRED)).expect("a record");
    assert_eq!(parsed.labels, [99]);
    assert_eq!(parsed.pixels[33 * 3..34 * 3], [1, 2, 3]);
    assert_eq!(parsed.pixels.iter().filter(|value| **value > 0).count(), 3);
}

#[test]
fn a_part_loads_and_says_so() {
    let root = tempfile::tempdir().expect("a folder");
    place(root.path(), "cifar-10-batches-bin/data_batch_2.bin", &binary(&planar(25, 10, 1), &TEN));
    place(root.path(), "cifar-10-batches-bin/test_batch.bin", &binary(&planar(5, 10, 2), &TEN));
    let library = Library::with_roots([root.path().to_owned()]);
    let set = images(&library, DataSet::Cifar10);
    assert_eq!((set.train.labels().len(), set.test.labels().len()), (25, 5));
    assert_eq!((set.published_rows, set.validation.clone()), (PUBLISHED, 23..25));
    assert_eq!((set.classes(), set.class_names[9].as_str()), (10, "truck"));
    let inventory = library.inventory(&DataSettings::of(DataSet::Cifar10, Part::Full)).expect("it is there");
    assert_eq!((inventory.identity, inventory.rows), (set.identity.clone(), (25, 5)));
    let copy = &library.copies(DataSet::Cifar10)[0];
    let standing = library.verify(DataSet::Cifar10, copy).expect("it is sound");
    assert_eq!(standing, Standing::Part { have: (25, 5), of: PUBLISHED });
}

#[test]
fn every_picture_is_there_once_whatever_the_order_of_the_files() {
    let pictures = planar(40, 10, 3);
    let (first, second) = pictures.split_at(15);
    let load = |one: &[Planar], two: &[Planar]| {
        let root = tempfile::tempdir().expect("a folder");
        place(root.path(), "cifar-10-batches-bin/data_batch_1.bin", &binary(one, &TEN));
        place(root.path(), "cifar-10-batches-bin/data_batch_2.bin", &binary(two, &TEN));
        place(root.path(), "cifar-10-batches-bin/test_batch.bin", &binary(&planar(5, 10, 4), &TEN));
        images(&Library::with_roots([root.path().to_owned()]), DataSet::Cifar10)
    };
    let set = load(first, second);
    assert_eq!(set, load(second, first));
    let train = set.train.in_memory();
    let mut found: Vec<(u32, &[u8])> = train.labels.iter().copied().zip(train.pixels.chunks(PICTURE)).collect();
    let mut planes = vec![vec![0; PICTURE]; pictures.len()];
    let mut expected: Vec<(u32, &[u8])> = Vec::new();
    for ((label, source), target) in pictures.iter().zip(&mut planes) {
        interleave(source, target);
        expected.push((*label, target));
    }
    found.sort_unstable();
    expected.sort_unstable();
    assert!(found == expected);
}

#[test]
fn another_picture_or_label_is_another_content() {
    let digest = |change: &dyn Fn(&mut Vec<Planar>)| {
        let (mut train, test) = (planar(10, 10, 0), planar(4, 10, 1));
        change(&mut train);
        let prints = |pictures: &[Planar]| {
            let parsed = TEN.parse(Form::Binary, binary(pictures, &TEN)).expect("records");
            pictures::fingerprints(&parsed, PICTURE)
        };
        pictures::digest(prints(&train), prints(&test))
    };
    let whole = digest(&|_| {});
    assert_eq!(whole, digest(&|train| train.reverse()));
    assert_ne!(whole, digest(&|train| train[3].0 ^= 1));
    assert_ne!(whole, digest(&|train| train[9].1[PICTURE - 1] ^= 1));
    assert_ne!(whole, digest(&|train| drop(train.pop())));
}

const FIXTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/cifar_layouts");

pub(super) fn fixture(name: &str) -> Vec<u8> {
    fs::read(format!("{FIXTURES}/{name}")).expect("a fixture")
}

/// What NumPy, Python 2 and PyArrow write is what the binary layout says.
#[test]
fn every_layout_gives_the_same_pictures() {
    let ten = TEN.parse(Form::Binary, fixture("cifar10.bin")).expect("records");
    assert_eq!(ten.labels, [3, 9]);
    for name in ["python2", "protocol2", "protocol4", "protocol5", "fortran"] {
        assert_eq!(TEN.parse(Form::Python, fixture(&format!("cifar10.{name}"))).expect("a pickle"), ten, "{name}");
    }
    assert_eq!(TEN.parse(Form::Parquet, fixture("cifar10.parquet")).expect("a parquet file"), ten);
    let hundred = HUNDRED.parse(Form::Binary, fixture("cifar100.bin")).expect("records");
    assert_eq!(hundred.labels, [99, 0]);
    assert_eq!(HUNDRED.parse(Form::Python, fixture("cifar100.python2")).expect("a pickle"), hundred);
    assert_eq!(HUNDRED.parse(Form::Parquet, fixture("cifar100.parquet")).expect("a parquet file"), hundred);
}

#[test]
fn python_faults_are_named() {
    let sound = fixture("cifar10.python2");
    let replaced = |from: &[u8], to: &[u8]| {
        let at = sound.windows(from.len()).position(|window| window == from).expect("it is there");
        [&sound[..at], to, &sound[at + from.len()..]].concat()
    };
    let cases = [
        ("cut", sound[..900].to_vec()),
        ("no pickle", b"<html>".to_vec()),
        ("a call", b"\x80\x02cos\nsystem\nU\x04true\x85R.".to_vec()),
        ("not a dictionary", b"\x80\x02K\x01.".to_vec()),
        ("of the other set", fixture("cifar100.python2")),
        ("label 10", replaced(b"K\x03K\x09e", b"K\x03K\x0ae")),
        ("a label too few", replaced(b"K\x03K\x09e", b"K\x03e")),
        ("floats", replaced(b"U\x02u1", b"U\x02f4")),
        ("nothing", Vec::new()),
    ];
    let report: String =
        cases.into_iter().map(|(name, bytes)| format!("{name} -> {}\n", fault(&TEN, Form::Python, bytes))).collect();
    insta::assert_snapshot!(report, @r#"
    cut -> byte 284: expected the rest of the pickle, found an end after 611 bytes: the file is cut short
    no pickle -> byte 0: expected a pickle of numbers, text, lists and arrays, found opcode 0x3c
    a call -> byte 2: expected only names that such files need, found `os.system`
    not a dictionary -> the dictionary: expected an entry `labels`, a list of labels, found none
    of the other set -> the dictionary: expected an entry `labels`, a list of labels, found none
    label 10 -> record 2: expected a label from 0 to 9, found 10
    a label too few -> entry `data`: expected an array of bytes of shape [1, 3072], found one of [2, 3072]
    floats -> entry `data`: expected an array of bytes (u1), found one of f4
    nothing -> the file: expected records, found an empty file
    "#);
}

#[test]
fn no_attack_runs_and_each_is_refused() {
    for (name, pickle) in ATTACKS {
        let said = fault(&TEN, Form::Python, pickle.to_vec());
        assert!(said.starts_with("byte ") && said.contains(", found "), "{name}: {said}");
    }
}

#[test]
fn parquet_faults_are_named() {
    let sound = fixture("cifar10.parquet");
    // The header of a page of data: 2 values, then their encoding.
    let at = sound.windows(5).position(|window| window == b"\x2c\x15\x04\x15\x10").expect("a page");
    let claims = |values: u8| [&sound[..at + 2], &[2 * values], &sound[at + 3..]].concat();
    let cases = [
        ("63 values", claims(63)),
        ("cut", sound[..sound.len() / 2].to_vec()),
        ("no parquet", b"<html>".to_vec()),
        ("of the other set", fixture("cifar100.parquet")),
    ];
    let report: String =
        cases.into_iter().map(|(name, bytes)| format!("{name} -> {}\n", fault(&TEN, Form::Parquet, bytes))).collect();
    insta::assert_snapshot!(report, @r#"
    63 values -> the page at byte 350: expected at most 2 values, found 63
    cut -> the file: expected a parquet file of pictures, found damage (parquet: File out of specification: The file must end with PAR1)
    no parquet -> the file: expected a parquet file of pictures, found damage (parquet: File out of specification: A Parquet file must contain a header and footer with at least 12 bytes)
    of the other set -> the file: expected a column `label`, found columns img, fine_label, coarse_label
    "#);
}
