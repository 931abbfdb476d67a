//! `repro data` and pictures: layouts, parts, archives.

use std::fs;
use std::path::Path;

use crate::command::{gzip, place, repro, text};
use imix_repro::data::{Library, Set};
use imix_repro::recipe::{DataSet, DataSettings, Part, Subset};

/// Records of CIFAR-10, their labels counting up from `first`.
fn records(count: usize, first: usize) -> Vec<u8> {
    let record = |index: usize| {
        let label = ((first + index) % 10) as u8;
        std::iter::once(label).chain((0..3072).map(move |place| ((first + index) * 37 + place) as u8))
    };
    (0..count).flat_map(record).collect()
}

fn archive(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for (name, bytes) in members {
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        builder.append_data(&mut header, name, *bytes).expect("memory takes all");
    }
    gzip(&builder.into_inner().expect("memory takes all"))
}

fn load(root: &Path, subset: Option<Subset>) -> Set {
    let settings = DataSettings { subset, ..DataSettings::of(DataSet::Cifar10, Part::Full) };
    Library::with_roots([root.to_owned()]).load(&settings).expect("it loads")
}

#[test]
fn parts_are_listed_with_their_counts() {
    let home = tempfile::tempdir().expect("a folder");
    let data = home.path().join("data");
    place(&data, "cifar-10-batches-bin/data_batch_1.bin", &records(1200, 0));
    place(&data, "cifar-10-batches-bin/test_batch.bin", &records(7, 0));
    let status = repro(home.path()).args(["data", "status", "cifar10", "--data"]).arg(&data).assert().code(0);
    insta::assert_snapshot!(text(&status, home.path()), @r#"
    SET      PART  ROWS (TRAIN + TEST)  STATE                               LICENCE      PATH
    cifar10  full  50,000 + 10,000      part: 1,200 + 7 of 50,000 + 10,000  none stated  HOME/data/cifar-10-batches-bin
    "#);
    let verify = repro(home.path()).args(["data", "verify", "cifar10", "--data"]).arg(&data).assert().code(0);
    insta::assert_snapshot!(text(&verify, home.path()), @"cifar10: part: 1,200 + 7 of 50,000 + 10,000: HOME/data/cifar-10-batches-bin");
}

#[test]
fn what_is_wrong_with_pictures_is_named() {
    let home = tempfile::tempdir().expect("a folder");
    let data = home.path().join("data");
    place(&data, "cifar-10-batches-bin/test_batch.bin", &records(2, 0));
    place(
        &data,
        "cifar10/cifar-10-binary.tar.gz",
        &archive(&[("cifar-10-batches-bin/data_batch_3.bin", &records(2, 9)[..5000])]),
    );
    let whole = archive(&[("a/data_batch_1.bin", &records(9, 0))]);
    place(&data, "cifar-10-binary.tar.gz", &whole[..whole.len() - 30]);
    place(&data, "cifar-10-batches-py/data_batch_1", b"\x80\x02cposix\nsystem\nU\x04true\x85R.");
    place(&data, "cifar10/cifar-10-python.tar.gz", b"no archive at all");
    place(&data, "cifar10/train-00000-of-00001.parquet", b"PAR1 and nothing more PAR1");
    let verify = repro(home.path()).args(["data", "verify", "cifar10", "--data"]).arg(&data).assert().code(1);
    insta::assert_snapshot!(text(&verify, home.path()), @r#"
    cifar10: damaged: HOME/data/cifar-10-batches-bin
    cifar10: damaged: HOME/data/cifar-10-batches-py
    cifar10: damaged: HOME/data/cifar10
    cifar10: damaged: HOME/data/cifar10/cifar-10-binary.tar.gz
    cifar10: damaged: HOME/data/cifar-10-binary.tar.gz
    cifar10: damaged: HOME/data/cifar10/cifar-10-python.tar.gz
    HOME/data/cifar-10-batches-bin, inside: expected training pictures in data_batch_1.bin or data_batch_2.bin or data_batch_3.bin or data_batch_4.bin or data_batch_5.bin, found no such file. Move the file away and run `repro data fetch cifar10`
    HOME/data/cifar-10-batches-py/data_batch_1, byte 2: expected only names that such files need, found `posix.system`. Move the file away and run `repro data fetch cifar10`
    HOME/data/cifar10/train-00000-of-00001.parquet, the file: expected a parquet file of pictures, found damage (parquet: File out of specification: The footer size must be smaller or equal to the file's size). Move the file away and run `repro data fetch cifar10`
    HOME/data/cifar10/cifar-10-binary.tar.gz, data_batch_3.bin, record 2: expected 3073 bytes, found 1927 bytes: the file is cut short. Move the file away and run `repro data fetch cifar10`
    HOME/data/cifar-10-binary.tar.gz, inside: expected a tar archive, compressed with gzip, to its end, found an end in its middle: the file is cut short. Move the file away and run `repro data fetch cifar10`
    HOME/data/cifar10/cifar-10-python.tar.gz, inside: expected a tar archive, compressed with gzip, to its end, found damaged data (failed to read entire block). Move the file away and run `repro data fetch cifar10`
    "#);
}

#[test]
fn pictures_that_are_missing_say_where_they_were_looked_for() {
    let home = tempfile::tempdir().expect("a folder");
    let verify = repro(home.path()).args(["data", "verify", "cifar100"]).assert().code(1);
    insta::assert_snapshot!(text(&verify, home.path()), @r#"
    cifar100: missing
    To get cifar100, run `repro data fetch cifar100`
    "#);
    let settings = DataSettings::of(DataSet::Cifar100, Part::Full);
    let error = Library::with_roots([home.path().to_owned()]).load(&settings).expect_err("nothing there").to_string();
    insta::assert_snapshot!(error.replace(&home.path().display().to_string(), "HOME"), @"data set cifar100 is missing: no cifar-100-binary or cifar-100-python or cifar100/cifar100 or cifar100/cifar-100-binary.tar.gz or cifar100/cifar-100-python.tar.gz in HOME. To get it, run `repro data fetch cifar100`, or name the folder that holds it with --data DIR or REPRO_DATA");
}

#[test]
fn emoji_are_always_there() {
    let home = tempfile::tempdir().expect("a folder");
    for action in ["verify", "fetch"] {
        let assert = repro(home.path()).args(["data", action, "emoji"]).assert().code(0);
        assert!(text(&assert, home.path()).starts_with("emoji: "), "{action}");
    }
}

#[test]
fn an_archive_holds_what_its_folder_holds() {
    let (train, more, test) = (records(30, 0), records(20, 30), records(5, 3));
    let home = tempfile::tempdir().expect("a folder");
    let (folder, archived) = (home.path().join("folder"), home.path().join("archived"));
    place(&folder, "cifar-10-batches-bin/data_batch_1.bin", &train);
    place(&folder, "cifar-10-batches-bin/data_batch_4.bin", &more);
    place(&folder, "cifar-10-batches-bin/test_batch.bin", &test);
    let members: [(&str, &[u8]); 5] = [
        ("cifar-10-batches-bin/test_batch.bin", &test),
        ("cifar-10-batches-bin/data_batch_4.bin", &more),
        ("cifar-10-batches-bin/readme.html", b"<html>"),
        ("cifar-10-batches-bin/data_batch_1.bin", &train),
        ("cifar-10-batches-bin/batches.meta.txt", b"airplane"),
    ];
    place(&archived, "cifar-10-binary.tar.gz", &archive(&members));
    let set = load(&folder, None);
    assert_eq!(set.rows(), (50, 5));
    assert_eq!(set, load(&archived, None));
    assert_eq!(fs::read_dir(&archived).expect("a folder").count(), 1, "nothing is unpacked");
    let half = Subset { classes: None, share: Some(0.5) };
    assert_eq!(load(&folder, Some(half)).rows(), (30, 5), "five of each class, halved and rounded up");
}

#[test]
fn the_first_root_and_layout_count() {
    let home = tempfile::tempdir().expect("a folder");
    let (first, second) = (home.path().join("first"), home.path().join("second"));
    let sides = |train: usize| archive(&[("data_batch_1.bin", &records(train, 0)), ("test_batch.bin", &records(1, 0))]);
    place(&first, "cifar-10-binary.tar.gz", &sides(3));
    place(&second, "cifar-10-batches-bin/data_batch_1.bin", &records(4, 0));
    place(&second, "cifar-10-batches-bin/test_batch.bin", &records(1, 0));
    place(&second, "cifar10/cifar-10-binary.tar.gz", &sides(5));
    let library = Library::with_roots([first.clone(), second.clone()]);
    let paths: Vec<String> = library
        .copies(DataSet::Cifar10)
        .iter()
        .map(|copy| copy.path.strip_prefix(home.path()).expect("below it").display().to_string())
        .collect();
    assert_eq!(
        paths,
        ["first/cifar-10-binary.tar.gz", "second/cifar-10-batches-bin", "second/cifar10/cifar-10-binary.tar.gz"]
    );
    assert_eq!((load(&first, None).rows(), load(&second, None).rows()), ((3, 1), (4, 1)));
    assert_eq!(load(&second.join("cifar-10-batches-bin"), None).rows(), (4, 1), "a root may be the folder itself");
}
