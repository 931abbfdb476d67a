use proptest::prelude::*;

use super::*;
use crate::data::Pictures;
use crate::recipe::{DataIdentity, DataSettings, Part};

/// Pictures of one pixel that say their own place: item `i` is of class `labels[i]`.
fn images(labels: &[u32], test: &[u32], classes: usize) -> ImageSet {
    let pictures = |labels: &[u32]| {
        let pixels = (0..labels.len()).flat_map(|place| [place as u8, (place >> 8) as u8, 0]).collect();
        PictureStore::Memory(Pictures { pixels, labels: labels.to_vec() })
    };
    let settings = DataSettings::of(DataSet::Cifar10, Part::Full);
    ImageSet {
        identity: DataIdentity { settings, digest: "a".to_owned() },
        height: 1,
        width: 1,
        class_names: (0..classes).map(|class| format!("class {class}")).collect(),
        mean: [0.; 3],
        deviation: [1.; 3],
        train: pictures(labels),
        validation: labels.len() / 2..labels.len(),
        test: pictures(test),
        published_rows: (labels.len(), test.len()),
    }
}

fn reduce(set: &ImageSet, classes: Option<usize>, share: Option<f64>) -> ImageSet {
    match Set::Images(set.clone()).reduced(&Subset { classes, share }).expect("a sound subset") {
        Set::Images(set) => set,
        _ => panic!("expected pictures"),
    }
}

/// Places in the whole set of the pictures of a part.
fn origins(pictures: &PictureStore) -> Vec<usize> {
    pictures.in_memory().pixels.chunks(3).map(|pixel| usize::from(pixel[0]) + usize::from(pixel[1]) * 256).collect()
}

proptest! {
    #[test]
    fn a_subset_keeps_what_it_says(
        labels in prop::collection::vec(0u32..7, 1..400),
        test in prop::collection::vec(0u32..7, 0..50),
        classes in 1usize..=7,
        share in 0.001f64..=1.,
    ) {
        let whole = images(&labels, &test, 7);
        let part = reduce(&whole, Some(classes), Some(share));
        prop_assert_eq!(part.classes(), classes);
        let kept = origins(&part.train);
        prop_assert!(kept.is_sorted(), "items stay in their order");
        for (place, label) in kept.iter().zip(part.train.labels()) {
            prop_assert_eq!(&part.class_names[*label as usize], &whole.class_names[labels[*place] as usize]);
        }
        for (class, name) in part.class_names.iter().enumerate() {
            let before = labels.iter().filter(|label| whole.class_names[**label as usize] == *name).count();
            let after = part.train.labels().iter().filter(|label| **label as usize == class).count();
            let expected = if before == 0 { 0 } else { ((share * before as f64).round() as usize).max(1) };
            prop_assert_eq!(after, expected);
        }
        let of_kept = |label: &&u32| part.class_names.contains(&whole.class_names[**label as usize]);
        prop_assert_eq!(part.test.labels().len(), test.iter().filter(of_kept).count(), "every test item of the classes");
        let held_out: Vec<usize> = kept.iter().copied().filter(|place| whole.validation.contains(place)).collect();
        prop_assert_eq!(&kept[part.validation.clone()], &held_out[..]);
        let counted = rows(DataSet::Cifar10, Some(&Subset { classes: Some(classes), share: Some(share) }), 7, &labels, &test);
        prop_assert_eq!(counted.ok(), Some((part.train.labels().len(), part.test.labels().len())));
    }

    #[test]
    fn a_smaller_subset_is_part_of_a_larger_one(
        labels in prop::collection::vec(0u32..7, 1..400),
        (few, many) in (1usize..=7).prop_flat_map(|many| (1..=many, Just(many))),
        (less, more) in (0.001f64..=1.).prop_flat_map(|more| (0.0005..=more, Just(more))),
    ) {
        let whole = images(&labels, &[], 7);
        let large = origins(&reduce(&whole, Some(many), Some(more)).train);
        let small = origins(&reduce(&whole, Some(few), Some(less)).train);
        prop_assert!(small.iter().all(|place| large.contains(place)));
    }
}

#[test]
fn nothing_asked_for_is_the_whole() {
    let whole = images(&[0, 1, 2, 1], &[2, 0], 3);
    assert_eq!(reduce(&whole, None, None), whole);
    assert_eq!(reduce(&whole, Some(3), Some(1.)), whole);
}

/// Results are kept by the settings of a subset: the draw must never change.
#[test]
fn the_draw_is_fixed() {
    let labels: Vec<u32> = (0..60).map(|place| place % 6).collect();
    let part = reduce(&images(&labels, &[], 6), Some(3), Some(0.3));
    assert_eq!(
        (part.class_names.join(", "), origins(&part.train)),
        ("class 0, class 2, class 3".to_owned(), vec![0, 2, 3, 9, 21, 32, 42, 44, 48])
    );
}

#[test]
fn a_table_is_reduced_alike() {
    let settings = DataSettings::of(DataSet::Covtype, Part::Embedded);
    let rows = |labels: &[u32]| Rows {
        inputs: (0..labels.len()).flat_map(|place| [place as f32, 0.5]).collect(),
        labels: labels.to_vec(),
    };
    let table = TabularSet {
        identity: DataIdentity { settings, digest: "a".to_owned() },
        blocks: vec![1, 1],
        continuous: 1,
        classes: 4,
        train: rows(&[3, 2, 1, 0, 3, 2, 1, 0, 3]),
        validation: 4..9,
        test: rows(&[0, 1, 2, 3, 3]),
        published_rows: (9, 5),
    };
    let whole = images(&table.train.labels, &table.test.labels, 4);
    let pictures = reduce(&whole, Some(2), Some(0.5));
    let subset = Subset { classes: Some(2), share: Some(0.5) };
    let Set::Table(part) = Set::Table(table).reduced(&subset).expect("a sound subset") else {
        panic!("expected a table")
    };
    let places: Vec<usize> = part.train.inputs.chunks(2).map(|row| row[0] as usize).collect();
    assert_eq!(places, origins(&pictures.train));
    assert_eq!(
        (part.train.labels, part.test.labels),
        (pictures.train.labels().to_vec(), pictures.test.labels().to_vec())
    );
    assert_eq!((part.classes, part.validation), (2, pictures.validation));
}

#[test]
fn impossible_subsets_are_named() {
    let set = Set::Images(images(&[0, 1], &[0, 1], 2));
    let said = |classes, share| set.reduced(&Subset { classes, share }).expect_err("nothing to keep").to_string();
    let all = [
        said(Some(0), None),
        said(Some(3), None),
        said(None, Some(0.)),
        said(None, Some(1.5)),
        said(None, Some(f64::NAN)),
    ];
    insta::assert_snapshot!(all.join("\n"), @r#"
    data set cifar10, subset.classes: expected from 1 to 2, the classes of the set, found 0
    data set cifar10, subset.classes: expected from 1 to 2, the classes of the set, found 3
    data set cifar10, subset.share: expected more than 0 and at most 1, found 0
    data set cifar10, subset.share: expected more than 0 and at most 1, found 1.5
    data set cifar10, subset.share: expected more than 0 and at most 1, found NaN
    "#);
}
