use super::*;
use crate::data::{PictureFiles, PictureStore, Pictures};
use crate::recipe::{DataIdentity, DataSet, DataSettings, Part};

/// `count` training pictures of scattered pixels.
pub(super) fn set(height: usize, width: usize, count: usize) -> ImageSet {
    let pixels = (0..(count * height * width * CHANNELS) as u64)
        .map(|at| ((at + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 47) as u8)
        .collect();
    ImageSet {
        identity: DataIdentity { settings: DataSettings::of(DataSet::Cifar10, Part::Full), digest: String::new() },
        height,
        width,
        class_names: vec!["only".to_owned()],
        mean: [0.5, 0.4, 0.3],
        deviation: [0.2, 0.25, 0.3],
        train: PictureStore::Memory(Pictures { pixels, labels: vec![0; count] }),
        validation: 0..0,
        test: PictureStore::Memory(Pictures { pixels: Vec::new(), labels: Vec::new() }),
        published_rows: (count, 0),
    }
}

fn pixels_of(set: &mut ImageSet) -> &mut Vec<u8> {
    let PictureStore::Memory(pictures) = &mut set.train else { panic!("expected pictures in memory") };
    &mut pictures.pixels
}

/// The official crop of training with labels on CIFAR.
const CROP: LightViews = LightViews::PaddedCrop { padding: 4 };

/// SimCLR's augmentation for CIFAR as the official code has it, with blur as for ImageNet.
fn views() -> Views {
    Views::Image {
        crop_scale: 0.2,
        jitter: [0.4, 0.4, 0.4, 0.1],
        jitter_probability: 0.8,
        greyscale_probability: 0.2,
        flip_probability: 0.5,
        blur_probability: 0.5,
    }
}

fn drawn(source: &ImageViews, rows: &[u32], view: usize, epoch: usize) -> Vec<f32> {
    let mut out = vec![f32::NAN; rows.len() * source.width()];
    source.fill_rows(rows, view, epoch, &mut out).unwrap();
    out
}

#[test]
fn views_differ_between_rows_views_epochs_seeds_and_purposes() {
    let mut set = set(16, 16, 2);
    // The same picture twice, so that only the draws differ.
    pixels_of(&mut set).copy_within(..16 * 16 * 3, 16 * 16 * 3);
    let source = |seed| ImageViews::new(&set, &views(), seed).unwrap();
    let picture = |seed, row, view, epoch| source(seed).picture(row, view, epoch).unwrap();
    let crops = ImageViews::light(&set, &CROP, 7).unwrap();
    let seen = [
        picture(7, 0, 0, 3),
        picture(7, 1, 0, 3),
        picture(7, 0, 1, 3),
        picture(7, 0, 0, 4),
        picture(8, 0, 0, 3),
        crops.picture(0, 0, 3).unwrap(),
    ];
    for (at, picture) in seen.iter().enumerate() {
        assert!(!seen[..at].contains(picture), "view {at} repeats an earlier one");
    }
    assert_eq!(seen[0], picture(7, 0, 0, 3));
}

#[test]
fn neither_place_in_the_batch_nor_threads_change_a_view() {
    let set = set(9, 13, 50);
    let source = ImageViews::new(&set, &views(), 7).unwrap();
    let rows: Vec<u32> = (0..50).collect();
    let all = drawn(&source, &rows, 1, 2);
    let backwards: Vec<u32> = rows.iter().rev().copied().collect();
    for threads in [1, 2, 5] {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let turned = pool.install(|| drawn(&source, &backwards, 1, 2));
        for (view, expected) in turned.chunks(source.width()).rev().zip(all.chunks(source.width())) {
            assert_eq!(view, expected);
        }
    }
    let mut one = vec![f32::NAN; source.width()];
    source.fill(31, 1, 2, &mut one).unwrap();
    assert_eq!(one, all[31 * source.width()..][..source.width()]);
}

#[test]
fn the_picture_is_the_view_before_it_is_normalised() {
    let set = set(16, 12, 6);
    let normaliser = Normaliser::new(&set);
    for source in [ImageViews::new(&set, &views(), 7), ImageViews::light(&set, &CROP, 7)].map(Result::unwrap) {
        for row in 0..6 {
            let picture = source.picture(row, 0, 1).unwrap();
            let view = drawn(&source, &[row as u32], 0, 1);
            let mut normalised = vec![f32::NAN; picture.len()];
            normaliser.apply(&picture, &mut normalised);
            assert_eq!(view, normalised);
            assert_eq!(normaliser.pixels(&view), picture);
        }
    }
}

#[test]
fn without_augmentation_both_views_are_the_normalised_picture() {
    let set = set(5, 8, 3);
    let source = ImageViews::new(&set, &Views::Identity, 7).unwrap();
    assert_eq!((source.len(), source.shape()), (3, [5, 8, 3].as_slice()));
    let mut expected = vec![f32::NAN; set.train.in_memory().pixels.len()];
    Normaliser::new(&set).apply(&set.train.in_memory().pixels, &mut expected);
    for view in 0..2 {
        assert_eq!(drawn(&source, &[0, 1, 2], view, 9), expected);
    }
    let first = f32::from(set.train.in_memory().pixels[1]);
    assert_eq!(expected[1], (first / 255.0 - 0.4) / 0.25, "green has green's mean and deviation");
}

/// Pictures of several sizes on the disk, the last of them missing.
fn files() -> ImageSet {
    let mut set = set(16, 16, 0);
    let names: Vec<std::sync::Arc<str>> = ["wide.png", "tall.png", "colour.jpg", "gone.png"].map(Into::into).to_vec();
    set.train = PictureStore::Files(PictureFiles {
        set: DataSet::ImageNet,
        root: concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/pictures").into(),
        labels: vec![0; names.len()],
        names,
        resize: 18,
    });
    set
}

#[test]
fn both_views_of_a_file_are_those_that_are_drawn_alone() {
    let set = files();
    let source = ImageViews::new(&set, &views(), 7).unwrap();
    assert_eq!((source.len(), source.shape()), (4, [16, 16, 3].as_slice()));
    let rows = [2, 0, 1, 2, 1];
    let mut pair = [0, 1].map(|_| vec![f32::NAN; rows.len() * source.width()]);
    source.fill_pairs(&rows, 3, pair.each_mut().map(Vec::as_mut_slice)).unwrap();
    assert_eq!(pair, [drawn(&source, &rows, 0, 3), drawn(&source, &rows, 1, 3)]);
    assert_ne!(pair[0], pair[1]);
}

#[test]
fn a_file_without_augmentation_shows_its_centre() {
    let set = files();
    for source in [ImageViews::new(&set, &Views::Identity, 7), ImageViews::plain(&set, &set.train)].map(Result::unwrap)
    {
        let stored = set.train.picture(1, (16, 16)).unwrap();
        assert_ne!((stored.height, stored.width), (16, 16));
        let mut workspace = Workspace::new();
        workspace.centre(&stored, 18, (16, 16));
        assert_eq!(source.picture(1, 0, 0).unwrap(), workspace.canvas.picture());
    }
    // The border of a padded crop goes around that centre.
    let padded = ImageViews::light(&set, &LightViews::PaddedCrop { padding: 0 }, 7).unwrap();
    let (mut view, plain) = (padded.picture(1, 0, 0).unwrap(), ImageViews::plain(&set, &set.train).unwrap());
    let centre = plain.picture(1, 0, 0).unwrap();
    if view != centre {
        view.chunks_exact_mut(16 * 3).for_each(|line| {
            let turned: Vec<u8> = line.rchunks(3).flatten().copied().collect();
            line.copy_from_slice(&turned);
        });
    }
    assert_eq!(view, centre, "but for the flip");
}

#[test]
fn a_file_that_is_gone_is_named() {
    let set = files();
    let source = ImageViews::new(&set, &views(), 7).unwrap();
    let mut out = vec![0.0; 2 * source.width()];
    let said = source.fill_rows(&[0, 3], 0, 0, &mut out).unwrap_err().to_string();
    assert!(said.contains("gone.png"), "{said}");
}

#[test]
fn what_does_not_fit_is_refused() {
    let set = set(4, 4, 2);
    let refused = |change: fn(&mut Views)| {
        let mut views = views();
        change(&mut views);
        ImageViews::new(&set, &views, 0).unwrap_err().to_string()
    };
    macro_rules! with {
        ($field:ident = $value:expr) => {
            refused(|views| {
                if let Views::Image { $field, .. } = views {
                    *$field = $value;
                }
            })
        };
    }
    assert_eq!(with!(crop_scale = 0.0), "crop_scale of the views is 0, expected a number above 0 and up to 1");
    assert_eq!(with!(blur_probability = 1.5), "blur_probability of the views is 1.5, expected a number in [0, 1]");
    assert_eq!(with!(flip_probability = f64::NAN), "flip_probability of the views is NaN, expected a number in [0, 1]");
    assert_eq!(with!(jitter = [0.4, -1.0, 0.4, 0.1]), "jitter of the views is -1, expected a number of at least 0");
    assert_eq!(with!(jitter = [0.4, 0.4, 0.4, 0.6]), "jitter, hue of the views is 0.6, expected a number in [0, 0.5]");
    assert_eq!(
        refused(|views| *views = Views::Tabular { mask: 0.2 }),
        "views of tables cannot be drawn from a set of images: choose views that fit the set"
    );
    let mut torn = set.clone();
    pixels_of(&mut torn).pop();
    let error = ImageViews::light(&torn, &CROP, 0).unwrap_err();
    assert_eq!(error, ViewsError::Pictures { height: 4, width: 4, bytes: 95, labels: 2 });
}

proptest::proptest! {
    #[test]
    fn pictures_of_any_size_have_views(
        height in 1..90usize,
        width in 1..90usize,
        crop_scale in proptest::prop_oneof![proptest::strategy::Just(1e-6), 0.001..1.0, proptest::strategy::Just(1.0)],
        jitter in proptest::array::uniform4(0.0..0.5),
        epoch in 0..1000usize,
    ) {
        let set = set(height, width, 1);
        let all = Views::Image {
            crop_scale,
            jitter,
            jitter_probability: 1.0,
            greyscale_probability: 0.1,
            flip_probability: 0.5,
            blur_probability: 1.0,
        };
        for source in [ImageViews::new(&set, &all, 1), ImageViews::light(&set, &CROP, 1)].map(Result::unwrap) {
            proptest::prop_assert_eq!(source.picture(0, 0, epoch).unwrap().len(), set.picture_len());
        }
    }

    #[test]
    fn a_picture_of_one_colour_stays_so_at_any_size(
        colour in proptest::array::uniform3(0..=255u8),
        from in (1..40usize, 1..40usize),
        to in (1..40usize, 1..40usize),
        deviation in 0.0..8f32,
    ) {
        let pixels = colour.repeat(from.0 * from.1);
        let mut workspace = Workspace::new();
        let region = crop::Region { top: 0, left: 0, height: from.0, width: from.1 };
        workspace.resizer.paint(&mut workspace.canvas, &pixels, from.1, region, to);
        workspace.blur.paint(&mut workspace.canvas, deviation);
        proptest::prop_assert_eq!(workspace.canvas.picture(), colour.repeat(to.0 * to.1));
    }
}
