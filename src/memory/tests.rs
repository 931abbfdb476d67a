use super::*;
use crate::experiment::{Experiment, Filter, Scale};

fn settings(filter: &str) -> Settings {
    let filter: Filter = filter.parse().unwrap();
    Experiment::load("table1").unwrap().cells(Scale::Paper, &filter).unwrap().remove(0).settings
}

fn pretext(settings: &Settings) -> Need {
    Needs::default().of_pretext(&settings.network, &settings.data, &settings.pretext).unwrap()
}

/// Values of the published MLP's buffers, by hand: inputs of 10, 4 and 40, then 192-2048-2048-4096-4096-8192, max-out
/// to
/// 2048, head 2048-128; BatchNorm after four layers.
const WIDTHS: [u64; 6] = [192, 2048, 2048, 4096, 4096, 8192];
const NORMED: u64 = 2048 + 2048 + 4096 + 4096;

fn parameters() -> u64 {
    let body: u64 = WIDTHS.windows(2).map(|pair| pair[0] * pair[1] + pair[1]).sum();
    54 * 64 + 192 + body + 2 * NORMED + 2048 * 2048 + 2048 + 2048 * 128 + 128
}

#[test]
fn an_mlp_needs_its_parameters_thrice_and_its_activations() {
    let mut npair = settings("dataset=covtype,imix=on,method=npair");
    let need = pretext(&npair);
    let rows = 2 * 512;
    // Outputs of blocks, what BatchNorm reads, the two gradients between blocks, inputs.
    let outputs: u64 = WIDTHS.iter().sum::<u64>() + 2048 + 2048 + 128;
    let least = 4 * (3 * parameters() + rows * (54 + outputs + NORMED + 2 * 8192));
    assert!((least..least + least / 20).contains(&need.allocated), "{} for {least}", need.allocated);
    assert_eq!(need.allowance, CONTEXT, "without convolutions there is no workspace");

    // In bf16 activations take half of it, and products read a copy of the parameters.
    let in_f32 = npair.pretext.clone();
    npair.pretext.precision = Precision::Bf16;
    let least = 4 * 3 * parameters() + 2 * (parameters() + rows * (54 + outputs + NORMED + 2 * 8192));
    let bf16 = pretext(&npair).allocated;
    assert!((least..least + least / 20).contains(&bf16), "{bf16} for {least}");
    npair.pretext = in_f32;

    npair.pretext.batch = 256;
    let half = 4 * rows / 2 * (54 + outputs + NORMED + 2 * 8192);
    let grown = need.allocated - pretext(&npair).allocated;
    assert!((half..half + half / 10).contains(&grown), "{grown} for {half}");
}

#[test]
fn a_momentum_encoder_needs_memory_of_its_own() {
    let [npair, byol] = ["npair", "byol"].map(|method| settings(&format!("dataset=covtype,imix=on,method={method}")));
    let predictor = 128 * 2048 + 2048 * 128;
    // One view through each of two encoders keeps about as much as both through one.
    let more = pretext(&byol).allocated.abs_diff(pretext(&npair).allocated + 4 * (parameters() + 3 * predictor));
    assert!(more < pretext(&npair).allocated / 10, "{more}");
}

#[test]
fn a_large_batch_is_reckoned_from_smaller_ones() {
    let cifar = settings("dataset=cifar10,imix=on,method=npair");
    let (inputs, _) = layout(&cifar.data).unwrap();
    let plan = || Plan::encoder(&cifar.network, inputs).unwrap();
    let whole = pretext_need(plan(), inputs, &cifar.pretext).unwrap();
    assert!(whole.allowance == CONTEXT + WORKSPACE && whole.allocated > 4 << 30, "{whole:?}");
    let of_batch = |batch| pretext_need(plan(), inputs, &Pretext { batch, ..cifar.pretext.clone() }).unwrap();
    let reckoned = of_batch(32).extended(of_batch(16), 32, cifar.pretext.batch);
    let off = reckoned.allocated.abs_diff(whole.allocated);
    assert!(off < whole.allocated / 1000, "{reckoned:?} for {whole:?}");

    let shares = Pretext { replicas: 8, ..cifar.pretext.clone() };
    assert_eq!(smaller_batch(&shares, 32 * 32 * 3), 256);
    assert_eq!(smaller_batch(&shares, 224 * 224 * 3), 32, "whose half still has shares of 2");
    assert_eq!(smaller_batch(&Pretext { batch: 250, ..shares }, 224 * 224 * 3), 250);
}

#[test]
fn evaluations_need_memory_too_and_each_is_reckoned_once() {
    let needs = Needs::default();
    let cell = settings("dataset=covtype,imix=on,method=npair");
    let linear = cell.evaluation.kinds().remove(0);
    let need = needs.of_evaluation(&cell.network, &cell.data, &linear).unwrap();
    // 2048 rows: the largest activation twice, and the parameters.
    assert!(need.allocated > 4 * (2 * 2048 * 8192), "{need:?}");
    assert_eq!(needs.of_evaluation(&cell.network, &cell.data, &linear), Some(need));
    assert_eq!(needs.known.borrow().len(), 1);
    assert!(pretext(&cell).bytes() > need.bytes(), "which keeps no gradients");
    assert_eq!(needs.of_cell(&cell), Some(pretext(&cell)));
    let longer = Pretext { epochs: 7, ..cell.pretext.clone() };
    let before = needs.known.borrow().len();
    assert_eq!(needs.of_pretext(&cell.network, &cell.data, &longer), Some(pretext(&cell)));
    assert_eq!(needs.known.borrow().len(), before);
}

#[test]
fn what_no_step_can_be_taken_with_has_no_need() {
    let cell = settings("dataset=covtype,imix=on,method=npair");
    let needs = Needs::default();
    let uneven = Pretext { replicas: 3, ..cell.pretext.clone() };
    assert_eq!(needs.of_pretext(&cell.network, &cell.data, &uneven), None);
    let pictures = settings("dataset=cifar10,imix=on,method=npair");
    assert_eq!(needs.of_pretext(&pictures.network, &cell.data, &cell.pretext), None, "a ResNet reads no table");
}
