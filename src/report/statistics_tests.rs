//! What has to be so for any numbers, and SciPy's answers on random ones (tests/fixtures/statistics.py).

use std::collections::BTreeMap;

use proptest::prelude::*;
use serde::Deserialize;

use super::claim::tests::claim;
use super::claim::{self, ClaimOutcome, evaluate};
use super::measured::{MeasuredCell, Published};
use super::statistics::{Estimate, Interval, Spread, bootstrap, holm};
use super::verdict::{Doubt, Verdict, judge};
use crate::experiment::Scale;
use crate::paper::Confidence;

#[derive(Deserialize)]
struct Fixture {
    samples: Vec<Sample>,
    welch: Vec<Welch>,
    families: Vec<Family>,
    tables: Vec<Table>,
    cells: Vec<PaperCell>,
}

/// Level, low, high.
type Level = (f64, f64, f64);

#[derive(Deserialize)]
struct Sample {
    values: Vec<f64>,
    mean: f64,
    std: f64,
    intervals: Vec<Level>,
    p_greater: f64,
    p_less: f64,
}

#[derive(Deserialize)]
struct Welch {
    ours: Vec<f64>,
    theirs: Vec<f64>,
    freedom: f64,
    intervals: Vec<Level>,
    p_greater: f64,
}

#[derive(Deserialize)]
struct Family {
    p_values: Vec<f64>,
    adjusted: Vec<f64>,
}

#[derive(Deserialize)]
struct Table {
    pairs: Vec<(Vec<f64>, Vec<f64>)>,
    adjusted: Vec<f64>,
    verdicts: Vec<String>,
}

#[derive(Deserialize)]
struct PaperCell {
    ours: Vec<f64>,
    paper: (f64, f64, usize),
    verdict: String,
}

fn fixture() -> Fixture {
    serde_json::from_str(include_str!("../../tests/fixtures/statistics.json")).unwrap()
}

fn is_close(one: f64, other: f64, scale: f64) -> bool {
    (one - other).abs() <= 1e-8 * scale.abs().max(1.0)
}

#[track_caller]
fn close(ours: f64, theirs: f64) {
    assert!(is_close(ours, theirs, theirs), "{ours} differs from SciPy's {theirs}");
}

fn intervals_agree(ours: &Estimate, theirs: &[Level]) {
    for (level, low, high) in theirs {
        let interval = ours.interval(*level);
        close(interval.low, *low);
        close(interval.high, *high);
    }
}

/// A cell with a trial for each number.
fn cell(values: &[f64]) -> MeasuredCell {
    claim::tests::cell(&values.iter().enumerate().map(|(seed, value)| (seed as u64, *value)).collect::<Vec<_>>())
}

/// Each pair is two cells, the one that is said to be higher first.
fn compared(pairs: &[(Vec<f64>, Vec<f64>)]) -> ClaimOutcome {
    let cells: Vec<MeasuredCell> = pairs.iter().flat_map(|(higher, lower)| [cell(higher), cell(lower)]).collect();
    evaluate(&[claim((0..pairs.len()).map(|at| (2 * at, 2 * at + 1)).collect())], &cells).remove(0)
}

fn verdicts(outcome: &ClaimOutcome) -> Vec<&'static str> {
    outcome.comparisons.iter().map(|comparison| comparison.verdict.id()).collect()
}

#[test]
fn means_and_differences_of_random_samples_are_scipys() {
    let fixture = fixture();
    for case in &fixture.samples {
        let spread = Spread::of(&case.values).unwrap();
        close(spread.mean, case.mean);
        close(spread.std.unwrap(), case.std);
        let estimate = Estimate::mean(&spread).unwrap();
        close(estimate.p_above_zero(), case.p_greater);
        close(estimate.p_below_zero(), case.p_less);
        intervals_agree(&estimate, &case.intervals);
    }
    for case in &fixture.welch {
        let (ours, theirs) = (Spread::of(&case.ours).unwrap(), Spread::of(&case.theirs).unwrap());
        let difference = Estimate::difference(&ours, &theirs).unwrap();
        close(difference.freedom, case.freedom);
        close(difference.p_above_zero(), case.p_greater);
        intervals_agree(&difference, &case.intervals);
    }
    assert_eq!((fixture.samples.len(), fixture.welch.len()), (60, 60));
}

#[test]
fn adjusted_p_values_of_random_families_are_statsmodels() {
    let families = fixture().families;
    for case in &families {
        for (ours, theirs) in holm(&case.p_values).into_iter().zip(&case.adjusted) {
            close(ours, *theirs);
        }
    }
    assert_eq!(families.len(), 40);
}

#[test]
fn random_tables_are_decided_as_by_scipy_and_statsmodels() {
    let mut seen = BTreeMap::new();
    for table in fixture().tables {
        let outcome = compared(&table.pairs);
        assert_eq!(verdicts(&outcome), table.verdicts);
        for (comparison, adjusted) in outcome.comparisons.iter().zip(table.adjusted) {
            close(comparison.p_adjusted.unwrap(), adjusted);
        }
        table.verdicts.into_iter().for_each(|verdict| *seen.entry(verdict).or_insert(0) += 1);
    }
    assert!(seen.len() == 3 && seen.values().all(|count| *count > 10), "{seen:?}");
}

#[test]
fn random_cells_are_judged_as_by_scipy() {
    let mut seen = BTreeMap::new();
    for PaperCell { ours, paper: (mean, std, trials), verdict } in fixture().cells {
        let published = Published { mean, std: Some(std), trials, confidence: Confidence::Confirmed };
        let cell = MeasuredCell { published: Some(published), ..cell(&ours) };
        let judged = judge(&cell, Scale::Paper, 1.0, Spread::of(&ours).as_ref());
        let word = match judged {
            Verdict::Inconclusive(_) => "inconclusive".to_owned(),
            other => other.to_string(),
        };
        assert_eq!(word, verdict, "{ours:?} beside {mean} ± {std}");
        *seen.entry(verdict).or_insert(0) += 1;
    }
    assert!(seen.len() == 4 && seen.values().all(|count| *count > 10), "{seen:?}");
}

#[test]
fn what_is_no_sample_gives_no_number() {
    for values in [&[][..], &[f64::NAN], &[70.0, f64::NAN], &[f64::INFINITY, 1.0], &[f64::MAX, f64::MAX]] {
        assert_eq!(Spread::of(values), None, "{values:?}");
        assert_eq!(bootstrap(values), None, "{values:?}");
    }
    let two = Spread::of(&[70.0, 71.0]).unwrap();
    for theirs in [
        Spread { n: 0, mean: 70.0, std: Some(0.2) },
        Spread { n: 1, mean: 70.0, std: Some(0.2) },
        Spread { n: 1, mean: 70.0, std: Some(0.0) },
        Spread { n: 5, mean: 70.0, std: None },
    ] {
        assert_eq!(Estimate::difference(&two, &theirs), None, "{theirs:?}");
    }
    let wide = Spread::of(&[f64::MAX, -f64::MAX]).unwrap();
    assert_eq!((Estimate::mean(&wide), Estimate::difference(&wide, &two)), (None, None));
}

/// Accuracies, often some that are equal.
fn values(least: usize) -> impl Strategy<Value = Vec<f64>> {
    let value = prop_oneof![0.0..100.0f64, (0..=200u32).prop_map(|half| f64::from(half) / 2.0)];
    prop::collection::vec(value, least..12)
}

/// Numbers that spread.
fn spread() -> impl Strategy<Value = Vec<f64>> {
    values(2).prop_filter("they are equal", |values| Spread::of(values).unwrap().known_deviation() > Some(1e-3))
}

fn mapped(values: &[f64], map: impl Fn(f64) -> f64) -> Vec<f64> {
    values.iter().map(|value| map(*value)).collect()
}

fn mean(values: &[f64]) -> Estimate {
    Estimate::mean(&Spread::of(values).unwrap()).unwrap()
}

/// Trials of a few pairs of cells.
fn pairs() -> impl Strategy<Value = Vec<(Vec<f64>, Vec<f64>)>> {
    let pair = prop::collection::vec((0.0..100.0f64, -3.0..3.0f64), 0..7)
        .prop_map(|trials| trials.into_iter().map(|(lower, gain)| (lower + gain, lower)).unzip());
    prop::collection::vec(pair, 1..6)
}

fn swapped(pairs: &[(Vec<f64>, Vec<f64>)]) -> Vec<(Vec<f64>, Vec<f64>)> {
    pairs.iter().map(|(higher, lower)| (lower.clone(), higher.clone())).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_spread_moves_and_stretches_with_its_numbers(
        values in values(1), shift in -100.0..100.0f64, scale in 0.1..10.0f64,
    ) {
        let (before, after) = (Spread::of(&values).unwrap(), Spread::of(&mapped(&values, |x| scale * x + shift)).unwrap());
        prop_assert_eq!(before.n, after.n);
        prop_assert!(is_close(after.mean, scale * before.mean + shift, 1000.0));
        prop_assert_eq!(before.std.is_some(), values.len() > 1);
        if let Some((before, after)) = before.std.zip(after.std) {
            prop_assert!(is_close(after, scale * before, 1000.0));
        }
    }

    #[test]
    fn intervals_move_and_stretch_with_their_numbers(
        values in spread(), shift in -100.0..100.0f64, scale in 0.1..10.0f64, level in 0.5..0.999f64,
    ) {
        let before = mean(&values).interval(level);
        let after = mean(&mapped(&values, |x| scale * x + shift)).interval(level);
        let reach = before.high - before.low;
        prop_assert!(is_close(after.low, scale * before.low + shift, 1000.0 + scale * reach));
        prop_assert!(is_close(after.high, scale * before.high + shift, 1000.0 + scale * reach));
    }

    #[test]
    fn the_order_of_trials_does_not_matter(values in spread(), seed in any::<u64>()) {
        let order = crate::random::permutation(values.len(), crate::random::Key::new(seed, crate::random::Purpose::Bootstrap));
        let other: Vec<f64> = order.iter().map(|at| values[*at as usize]).collect();
        let (one, other) = (mean(&values), mean(&other));
        prop_assert!(is_close(one.value, other.value, 100.0) && is_close(one.error, other.error, 100.0));
        prop_assert_eq!(one.freedom, other.freedom);
        prop_assert!(is_close(one.p_above_zero(), other.p_above_zero(), 1.0));
    }

    #[test]
    fn intervals_are_nested_by_level_and_narrow_with_trials(values in spread(), one in 0.01..0.999f64, other in 0.01..0.999f64) {
        let estimate = mean(&values);
        let (inner, outer) = (estimate.interval(one.min(other)), estimate.interval(one.max(other)));
        prop_assert!(outer.low <= inner.low && inner.low <= estimate.value);
        prop_assert!(estimate.value <= inner.high && inner.high <= outer.high);
        let spread = Spread::of(&values).unwrap();
        let more = Estimate::mean(&Spread { n: spread.n + 1, ..spread }).unwrap().interval(one);
        let now = estimate.interval(one);
        prop_assert!(now.low < more.low && more.high < now.high);
    }

    #[test]
    fn p_values_and_intervals_say_the_same(values in spread(), shift in 0.0..100.0f64, level in 0.001..0.49f64) {
        let estimate = mean(&mapped(&values, |x| x - shift));
        let (above, below) = (estimate.p_above_zero(), estimate.p_below_zero());
        prop_assert!((0.0..=1.0).contains(&above) && is_close(above + below, 1.0, 1.0));
        prop_assume!((above - level).abs() > 1e-6 && (below - level).abs() > 1e-6);
        let Interval { low, high } = estimate.interval(1.0 - 2.0 * level);
        prop_assert_eq!((above < level, below < level), (low > 0.0, high < 0.0));
        let negative = mean(&mapped(&values, |x| shift - x));
        prop_assert!(is_close(negative.p_above_zero(), below, 1.0));
    }

    #[test]
    fn a_difference_is_the_other_one_turned_round(ours in spread(), theirs in spread()) {
        let (ours, theirs) = (Spread::of(&ours).unwrap(), Spread::of(&theirs).unwrap());
        let (one, other) = (Estimate::difference(&ours, &theirs).unwrap(), Estimate::difference(&theirs, &ours).unwrap());
        prop_assert!(is_close(one.value, -other.value, 100.0) && is_close(one.error, other.error, 100.0));
        prop_assert!(is_close(one.freedom, other.freedom, 100.0));
        let (fewest, all) = (ours.n.min(theirs.n) - 1, ours.n + theirs.n - 2);
        prop_assert!(fewest as f64 <= one.freedom * (1.0 + 1e-9) && one.freedom <= all as f64 * (1.0 + 1e-9));
    }

    #[test]
    fn holms_adjustment_is_the_step_down_procedure(p_values in prop::collection::vec(0.0..=1.0f64, 0..20), level in 0.001..0.5f64) {
        let adjusted = holm(&p_values);
        for (at, (p, own)) in p_values.iter().zip(&adjusted).enumerate() {
            prop_assert!(p <= own && *own <= 1.0 && *own <= (p * p_values.len() as f64).min(1.0));
            for (other, theirs) in p_values.iter().zip(&adjusted) {
                prop_assert!(p > other || own <= theirs, "number {}", at);
            }
        }
        let mut turned = holm(&p_values.iter().rev().copied().collect::<Vec<_>>());
        turned.reverse();
        prop_assert_eq!(&turned, &adjusted);
        // As Holm put it: go through them from the smallest on, until one is not below level / (those left).
        let mut sorted = p_values.clone();
        sorted.sort_by(f64::total_cmp);
        let left = |rank: usize| (p_values.len() - rank) as f64;
        let rejected = sorted.iter().enumerate().take_while(|(rank, p)| left(*rank) * **p < level).count();
        prop_assert_eq!(adjusted.iter().filter(|own| **own < level).count(), rejected);
    }

    #[test]
    fn a_bootstrap_stays_among_its_numbers(values in values(1)) {
        let Some(Interval { low, high }) = bootstrap(&values) else {
            prop_assert!(Spread::of(&values).unwrap().known_deviation().is_none());
            return Ok(());
        };
        let bounds = values.iter().fold((f64::MAX, f64::MIN), |(low, high), value| (low.min(*value), high.max(*value)));
        prop_assert!(bounds.0 <= low + 1e-9 && low <= high && high <= bounds.1 + 1e-9);
        let again = bootstrap(&mapped(&values, |x| x + 10.0)).unwrap();
        prop_assert!(is_close(again.low, low + 10.0, 100.0) && is_close(again.high, high + 10.0, 100.0));
    }

    #[test]
    fn a_claim_the_other_way_round_is_decided_the_other_way_round(pairs in pairs()) {
        let (one, other) = (compared(&pairs), compared(&swapped(&pairs)));
        let turned: Vec<&str> = verdicts(&other)
            .into_iter()
            .map(|verdict| match verdict {
                "holds" => "reversed",
                "reversed" => "holds",
                other => other,
            })
            .collect();
        prop_assert_eq!(verdicts(&one), turned);
    }

    #[test]
    fn claims_depend_on_differences_alone(pairs in pairs(), shift in -50.0..50.0f64, first in any::<bool>()) {
        let shifted: Vec<_> =
            pairs.iter().map(|(higher, lower)| (mapped(higher, |x| x + shift), mapped(lower, |x| x + shift))).collect();
        prop_assume!(compared(&pairs).comparisons.iter().all(|one| one.p_adjusted.is_none_or(|p| (p - 0.05).abs() > 1e-6)));
        prop_assert_eq!(verdicts(&compared(&shifted)), verdicts(&compared(&pairs)));
        // Trials in another order are the same trials: they are paired by seed.
        let mut cells: Vec<MeasuredCell> = pairs.iter().flat_map(|(higher, lower)| [cell(higher), cell(lower)]).collect();
        let claim = claim((0..pairs.len()).map(|at| (2 * at, 2 * at + 1)).collect());
        let before = evaluate(std::slice::from_ref(&claim), &cells);
        cells.iter_mut().skip(usize::from(first)).step_by(2).for_each(|cell| cell.trials.reverse());
        let after = evaluate(std::slice::from_ref(&claim), &cells);
        prop_assert_eq!(verdicts(&after[0]), verdicts(&before[0]));
    }

    #[test]
    fn another_test_of_the_table_only_makes_it_harder(pairs in pairs()) {
        let few = compared(&pairs[..pairs.len() - 1]);
        let all = compared(&pairs);
        for (few, all) in few.comparisons.iter().zip(&all.comparisons) {
            prop_assert!(few.p_adjusted <= all.p_adjusted);
            prop_assert_eq!(few.difference, all.difference);
        }
        // The same comparison stated twice is one test.
        let cells: Vec<MeasuredCell> = pairs.iter().flat_map(|(higher, lower)| [cell(higher), cell(lower)]).collect();
        let once = claim((0..pairs.len()).map(|at| (2 * at, 2 * at + 1)).collect());
        let twice = evaluate(&[once.clone(), once.clone()], &cells);
        prop_assert_eq!(&twice[0], &evaluate(&[once], &cells)[0]);
        prop_assert_eq!(&twice[0], &twice[1]);
    }

    /// What it says would decide does, and one trial fewer does not.
    #[test]
    fn more_trials_decide_as_foretold(ours in spread(), mean in 0.0..100.0f64, std in 0.01..2.0f64, margin in 0.5..3.0f64) {
        let published = Published { mean, std: Some(std), trials: 5, confidence: Confidence::Confirmed };
        let cell = MeasuredCell { published: Some(published), ..cell(&ours) };
        let ours = Spread::of(&ours).unwrap();
        let with = |n: usize| judge(&cell, Scale::Paper, margin, Some(&Spread { n, ..ours }));
        let decided = |verdict: &Verdict| matches!(verdict, Verdict::Reproduced | Verdict::Above | Verdict::Below);
        if let Some(more) = asked_for(&with(ours.n)) {
            prop_assert!(more > 0 && decided(&with(ours.n + more)));
            prop_assert!((0..more).all(|fewer| !decided(&with(ours.n + fewer))));
        }
    }
}

/// How many more trials a verdict asks for.
fn asked_for(verdict: &Verdict) -> Option<usize> {
    match verdict {
        Verdict::Inconclusive(Doubt::TooWide { more }) => *more,
        _ => None,
    }
}
