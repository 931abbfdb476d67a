use super::*;
use crate::data::Library;
use crate::experiment::{Cell, Experiment, Scale};

fn cell(only: &str) -> Cell {
    let experiment = Experiment::load("table1").expect("embedded");
    experiment.cells(Scale::Demo, &only.parse().expect("a filter")).expect("cells").remove(0)
}

fn batch(settings: &Settings, at: At) -> Result<Stages, StagesError> {
    stages(&Library::new(None).load(&settings.data).expect("embedded"), settings, at, usize::MAX)
}

const START: At = At { seed: 3, epoch: 0, step: 0 };

#[test]
fn a_mixed_query_is_what_lambda_and_partner_say() {
    let settings = cell("dataset=cifar10,method=npair,imix=on").settings;
    let shown = batch(&settings, START).expect("stages");
    assert_eq!(shown.names, ["original", "view 1 (query)", "view 2 (key)", "its partner", "mixed query"]);
    assert_eq!((shown.items.len(), shown.batch), (settings.pretext.batch, settings.pretext.batch));
    for item in &shown.items {
        let mixed = item.mixed.as_ref().expect("i-Mix");
        let [_, query, _, partner, result] = item.pictures.as_slice() else { panic!("five stages") };
        assert_eq!(*partner, shown.items[mixed.partner].pictures[1]);
        assert_eq!(mixed.partner_class, shown.items[mixed.partner].class);
        assert!((0.5..=1.0).contains(&mixed.lambda));
        for ((query, partner), result) in query.iter().zip(partner).zip(result) {
            let expected = mixed.lambda * f32::from(*query) + (1.0 - mixed.lambda) * f32::from(*partner);
            assert!((expected - f32::from(*result)).abs() <= 0.51, "{expected} for {result}");
        }
    }
}

#[test]
fn a_query_that_is_mixed_inside_the_encoder_goes_in_clean() {
    let mut settings = cell("dataset=cifar10,method=npair,imix=on").settings;
    settings.pretext.mix.layers = Some(vec![0, 3]);
    settings.pretext.replicas = 2;
    let mut seen = std::collections::BTreeSet::new();
    for seed in 0..8 {
        let shown = batch(&settings, At { seed, ..START }).expect("stages");
        assert_eq!(shown.names[4], "query at layer 0");
        for item in &shown.items {
            let mixed = item.mixed.as_ref().expect("i-Mix");
            let alike = mixed.lambda > 0.95 || item.pictures[1] == item.pictures[3];
            assert!(alike || (item.pictures[4] == item.pictures[1]) == (mixed.layer == Some(3)));
            seen.insert(mixed.layer);
        }
    }
    assert_eq!(seen, [Some(0), Some(3)].into());
}

#[test]
fn the_original_is_the_row_of_the_set() {
    let settings = cell("dataset=cifar10,method=byol,imix=off").settings;
    let Ok(Set::Images(images)) = Library::new(None).load(&settings.data) else { panic!("pictures") };
    let shown = batch(&settings, START).expect("stages");
    assert_eq!(shown.names.len(), 3);
    let pictures = images.train.in_memory();
    for item in &shown.items {
        assert_eq!(item.mixed, None);
        assert_eq!(item.pictures[0], pictures.pixels[item.row * images.picture_len()..][..images.picture_len()]);
        assert_eq!(item.class, images.class_names[pictures.labels[item.row] as usize]);
    }
}

#[test]
fn input_mix_has_stages_of_its_own_and_keeps_half_of_the_view() {
    let mut settings = cell("dataset=cifar10,method=npair,imix=on").settings;
    settings.pretext.input_mix = Some(crate::recipe::InputMix { auxiliaries: 2, alpha: 1.0 });
    let shown = batch(&settings, START).expect("stages");
    assert_eq!(shown.names[3..5], ["query, InputMix", "key, InputMix"]);
    for item in &shown.items {
        for (view, after) in item.pictures[1].iter().zip(&item.pictures[3]) {
            assert!(f32::from(*after) >= f32::from(*view) / 2.0 - 1.0);
        }
    }
}

#[test]
fn other_epochs_and_seeds_have_other_draws_and_the_last_epoch_is_the_last() {
    let settings = cell("dataset=cifar10,method=npair,imix=on").settings;
    let first = batch(&settings, START).expect("stages");
    assert_eq!(first, batch(&settings, START).expect("stages"));
    assert_ne!(first, batch(&settings, At { seed: 4, ..START }).expect("stages"));
    assert_ne!(first, batch(&settings, At { epoch: 1, ..START }).expect("stages"));
    let epoch = settings.pretext.epochs;
    let error = batch(&settings, At { epoch, ..START }).expect_err("one past the last").to_string();
    assert_eq!(error, "epoch 4 of a run of 3: expected 1 to 3");
}

#[test]
fn a_table_has_no_pictures() {
    let error = batch(&cell("dataset=covtype").settings, START).expect_err("a table").to_string();
    assert_eq!(error, "rows of a table have no picture to look at; choose cells of images or speech with --only");
}
