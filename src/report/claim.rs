//! What the trials say of an inequality between cells.
//!
//! Trials are paired by seed. The mean of their differences is compared with zero by one-sided t tests in either
//! direction. The p-values of each direction are adjusted by Holm's method over every comparison of the table: a comparison
//! `holds`, or is `reversed`, where the adjusted p-value is below 5%.

use super::measured::{Claim, MeasuredCell, TrialReadings};
use super::statistics::{Estimate, Interval, Spread, holm};
use super::text;
use super::verdict::MOST_TRIALS;
use crate::recipe::Unit;

/// Below it an adjusted p-value decides.
const LEVEL: f64 = 0.05;

/// The verdict on a claim, or on one comparison of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClaimVerdict {
    Holds,
    Reversed,
    Undecided,
}

impl ClaimVerdict {
    pub fn id(self) -> &'static str {
        match self {
            ClaimVerdict::Holds => "holds",
            ClaimVerdict::Reversed => "reversed",
            ClaimVerdict::Undecided => "undecided",
        }
    }
}

/// One comparison of a claim.
#[derive(Clone, Debug, PartialEq)]
pub struct Comparison {
    /// Index of the cell said to be higher.
    pub higher: usize,
    /// Index of the cell said to be lower.
    pub lower: usize,
    /// Seeds that both cells have.
    pub n: usize,
    /// Of what is compared.
    pub unit: Unit,
    /// Mean of higher minus lower: percentage points, where the unit is percent.
    pub difference: Option<f64>,
    /// Each end is a one-sided 95% bound, so together they are a 90% interval. Of this comparison alone.
    pub bounds: Option<Interval>,
    /// Of the direction observed, adjusted over the table.
    pub p_adjusted: Option<f64>,
    pub verdict: ClaimVerdict,
    /// Why nothing could be decided, where that is not the width of the interval.
    pub reason: Option<String>,
}

/// A claim with what became of it.
#[derive(Clone, Debug, PartialEq)]
pub struct ClaimOutcome {
    pub claim: Claim,
    pub comparisons: Vec<Comparison>,
    /// `Holds` if every comparison does, `Reversed` if any is.
    pub verdict: ClaimVerdict,
}

impl Comparison {
    /// Difference and bounds as text, `-` where there are none.
    pub(super) fn numbers(&self) -> (String, String) {
        let difference = self.difference.map(|difference| text::signed_in(self.unit, difference));
        let bounds = self.bounds.as_ref().map(|bounds| text::interval_in(self.unit, bounds));
        (difference.unwrap_or_else(|| "-".to_owned()), bounds.unwrap_or_else(|| "-".to_owned()))
    }

    /// The verdict, with its reason if it has one.
    pub(super) fn verdict_text(&self) -> String {
        match &self.reason {
            Some(reason) => format!("{} ({reason})", self.verdict.id()),
            None => self.verdict.id().to_owned(),
        }
    }
}

impl ClaimOutcome {
    /// How its comparisons went: `holds in 1 of 12, undecided in 2, not run in 9`.
    pub(super) fn tally(&self) -> String {
        let all = self.comparisons.len();
        let outcome = |comparison: &Comparison| if comparison.n == 0 { "not run" } else { comparison.verdict.id() };
        let outcomes = [ClaimVerdict::Holds.id(), ClaimVerdict::Reversed.id(), ClaimVerdict::Undecided.id(), "not run"];
        let counts = outcomes.map(|id| (id, self.comparisons.iter().filter(|one| outcome(one) == id).count()));
        let mut parts: Vec<String> =
            counts.iter().filter(|(_, count)| *count > 0).map(|(id, count)| format!("{id} in {count}")).collect();
        match parts.first_mut() {
            Some(first) => first.push_str(&format!(" of {all}")),
            None => return "no comparison in this selection".to_owned(),
        }
        parts.join(", ")
    }
}

/// What is compared: a reading of two cells, those of the table if none is named.
type Test<'a> = (Option<&'a str>, (usize, usize));

/// Evaluates the claims of a table together. Their indices are into `cells`.
pub fn evaluate(claims: &[Claim], cells: &[MeasuredCell]) -> Vec<ClaimOutcome> {
    // A claim may compare two cells that another one compares as well: they are one test.
    let mut tests: Vec<(Test, Estimate)> = Vec::new();
    for test in claims.iter().flat_map(tests_of) {
        let estimate = Spread::of(&paired(cells, test)).as_ref().and_then(Estimate::mean);
        if let Some(estimate) = estimate.filter(|_| tests.iter().all(|(other, _)| *other != test)) {
            tests.push((test, estimate));
        }
    }
    let adjusted = |p: fn(&Estimate) -> f64| holm(&tests.iter().map(|(_, estimate)| p(estimate)).collect::<Vec<_>>());
    let (above, below) = (adjusted(Estimate::p_above_zero), adjusted(Estimate::p_below_zero));
    let compare = |test: Test| {
        let adjusted = tests.iter().position(|(other, _)| *other == test).map(|at| (above[at], below[at]));
        let unit = Unit::of(test.0.unwrap_or(&cells[test.1.0].reading));
        comparison(test.1, unit, &paired(cells, test), adjusted, tests.len())
    };
    claims.iter().map(|claim| outcome(claim, tests_of(claim).map(compare).collect())).collect()
}

fn tests_of(claim: &Claim) -> impl Iterator<Item = Test<'_>> {
    claim.pairs.iter().map(|pair| (claim.reading.as_deref(), *pair))
}

fn outcome(claim: &Claim, comparisons: Vec<Comparison>) -> ClaimOutcome {
    let any = |verdict| comparisons.iter().any(|comparison| comparison.verdict == verdict);
    let verdict = if any(ClaimVerdict::Reversed) {
        ClaimVerdict::Reversed
    } else if any(ClaimVerdict::Undecided) || comparisons.is_empty() {
        ClaimVerdict::Undecided
    } else {
        ClaimVerdict::Holds
    };
    ClaimOutcome { claim: claim.clone(), comparisons, verdict }
}

/// Higher minus lower, for every seed that both cells have.
fn paired(cells: &[MeasuredCell], (reading, (higher, lower)): Test) -> Vec<f64> {
    let (first, second) = (&cells[higher], &cells[lower]);
    let of = |cell: &MeasuredCell, trial: &TrialReadings| trial.readings.get(reading.unwrap_or(&cell.reading)).copied();
    let of_seed = |trial: &TrialReadings| {
        let other = second.trials.iter().find(|other| other.seed == trial.seed)?;
        Some(of(first, trial)? - of(second, other)?)
    };
    first.trials.iter().filter_map(of_seed).collect()
}

/// `adjusted` are the p-values of either direction, `tests` how many comparisons they were adjusted over.
fn comparison(
    (higher, lower): (usize, usize),
    unit: Unit,
    differences: &[f64],
    adjusted: Option<(f64, f64)>,
    tests: usize,
) -> Comparison {
    let spread = Spread::of(differences);
    let estimate = spread.as_ref().and_then(Estimate::mean);
    let verdict = match adjusted {
        Some((above, _)) if above < LEVEL => ClaimVerdict::Holds,
        Some((_, below)) if below < LEVEL => ClaimVerdict::Reversed,
        _ => ClaimVerdict::Undecided,
    };
    let reason = match (differences.len(), spread) {
        (0, _) => Some("no trials".to_owned()),
        (1, _) => Some("one trial".to_owned()),
        _ if estimate.is_none() => {
            Some("every trial differs by the same amount, which tells nothing of the spread".to_owned())
        }
        (_, Some(spread)) if verdict == ClaimVerdict::Undecided => more_trials(&spread, tests).map(text::more_trials),
        _ => None,
    };
    Comparison {
        higher,
        lower,
        n: differences.len(),
        unit,
        difference: spread.map(|spread| spread.mean),
        bounds: estimate.map(|estimate| estimate.interval(0.90)),
        p_adjusted: adjusted.map(|(above, below)| above.min(below)),
        verdict,
        reason,
    }
}

/// How many more trials would decide a comparison, if they spread like those at hand and no other test of the table
/// helped.
fn more_trials(spread: &Spread, tests: usize) -> Option<usize> {
    let decides = |n: &usize| {
        let with = Estimate::mean(&Spread { n: *n, mean: spread.mean.abs(), ..*spread });
        with.is_some_and(|estimate| estimate.p_above_zero() * (tests as f64) < LEVEL)
    };
    (spread.n + 1..=MOST_TRIALS).find(decides).map(|n| n - spread.n)
}

#[cfg(test)]
pub(super) mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::paper::Confidence;
    use crate::report::measured::TrialReadings;

    /// A cell with a reading by seed.
    pub fn cell(values: &[(u64, f64)]) -> MeasuredCell {
        let trial = |&(seed, value): &(u64, f64)| TrialReadings {
            seed,
            readings: BTreeMap::from([("pinv".to_owned(), value)]),
            pretext: None,
            evaluations: BTreeMap::new(),
            learning: Vec::new(),
        };
        MeasuredCell {
            coordinates: Vec::new(),
            reading: "pinv".to_owned(),
            asked: 5,
            published: None,
            deviations: Vec::new(),
            trials: values.iter().map(trial).collect(),
            failures: Vec::new(),
        }
    }

    pub fn claim(pairs: Vec<(usize, usize)>) -> Claim {
        let (id, statement) = ("c".to_owned(), "higher > lower".to_owned());
        Claim { id, statement, confidence: Confidence::Recalled, reading: None, pairs }
    }

    fn one_of(claim: &Claim, cells: &[MeasuredCell]) -> ClaimOutcome {
        evaluate(std::slice::from_ref(claim), cells).remove(0)
    }

    fn one(pairs: Vec<(usize, usize)>, cells: &[MeasuredCell]) -> ClaimOutcome {
        one_of(&claim(pairs), cells)
    }

    fn outcome(higher: &[(u64, f64)], lower: &[(u64, f64)]) -> ClaimOutcome {
        one(vec![(0, 1)], &[cell(higher), cell(lower)])
    }

    #[test]
    fn trials_are_paired_by_seed() {
        // The spread over seeds is far wider than the difference, which is the same for every seed up to 0.2.
        let lower = [(0, 60.0), (1, 70.0), (2, 80.0)];
        let higher = [(2, 81.0), (1, 71.2), (0, 61.1)];
        let outcome = outcome(&higher, &lower);
        assert_eq!(outcome.verdict, ClaimVerdict::Holds);
        assert_eq!(outcome.comparisons[0].n, 3);
        // Mean 1.1, standard error 0.057735, one-sided 95% quantile 2.919986 at 2 degrees of freedom.
        let bounds = outcome.comparisons[0].bounds.unwrap();
        assert!((bounds.low - (1.1 - 2.919985580 * 0.1 / 3f64.sqrt())).abs() < 1e-8);
    }

    #[test]
    fn the_other_direction_reverses_it() {
        let outcome = outcome(&[(0, 60.0), (1, 61.0)], &[(0, 62.0), (1, 63.1)]);
        assert_eq!(outcome.verdict, ClaimVerdict::Reversed);
    }

    #[test]
    fn seeds_that_one_cell_lacks_do_not_count() {
        let outcome = outcome(&[(0, 60.0), (1, 61.0)], &[(1, 60.0), (2, 50.0)]);
        let comparison = &outcome.comparisons[0];
        assert_eq!((comparison.n, comparison.difference, comparison.bounds), (1, Some(1.0), None));
        assert_eq!((comparison.verdict, comparison.reason.as_deref()), (ClaimVerdict::Undecided, Some("one trial")));
    }

    #[test]
    fn differences_that_are_all_alike_decide_nothing() {
        for higher in [[(0, 60.0), (1, 61.0)], [(0, 59.2), (1, 60.2)], [(0, 65.0), (1, 66.0)]] {
            let outcome = outcome(&higher, &[(0, 60.0), (1, 61.0)]);
            assert_eq!(outcome.verdict, ClaimVerdict::Undecided);
            let comparison = &outcome.comparisons[0];
            assert_eq!((comparison.n, comparison.bounds, comparison.p_adjusted), (2, None, None));
            assert!(comparison.reason.as_deref().unwrap().contains("the same amount"));
        }
    }

    #[test]
    fn a_claim_may_be_about_another_reading() {
        let with = |distance: f64| {
            let mut cell = cell(&[(0, 60.0), (1, 60.0)]);
            for (at, trial) in cell.trials.iter_mut().enumerate() {
                trial.readings.insert("frechet".to_owned(), distance + 1e-5 * at as f64);
            }
            cell
        };
        let cells = [with(0.02), with(0.0175)];
        let about = Claim { reading: Some("frechet".to_owned()), ..claim(vec![(0, 1)]) };
        let outcomes = evaluate(&[claim(vec![(0, 1)]), about], &cells);
        assert_eq!(outcomes[0].comparisons[0].numbers().0, "0.0");
        assert_eq!(outcomes[1].comparisons[0].numbers().0, "+25.0 × 10⁻⁴");
        let missing = Claim { reading: Some("fine-tune/last".to_owned()), ..claim(vec![(0, 1)]) };
        assert_eq!(one_of(&missing, &cells).comparisons[0].n, 0);
    }

    #[test]
    fn a_claim_holds_only_if_every_comparison_does() {
        let cells = [cell(&[(0, 62.0), (1, 62.1)]), cell(&[(0, 60.0), (1, 60.0)]), cell(&[])];
        assert_eq!(one(vec![(0, 1)], &cells).verdict, ClaimVerdict::Holds);
        assert_eq!(one(vec![(0, 1), (0, 2)], &cells).verdict, ClaimVerdict::Undecided);
        assert_eq!(one(vec![(0, 1), (1, 0), (0, 2)], &cells).verdict, ClaimVerdict::Reversed);
        assert_eq!(one(vec![], &cells).verdict, ClaimVerdict::Undecided);
    }
}
