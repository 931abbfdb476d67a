//! What the trials say of an inequality between cells.
//!
//! Trials are paired by seed. The mean of their differences is compared with zero by one-sided t tests in either
//! direction. The p-values of each direction are adjusted by Holm's method over every comparison of the table: a comparison
//! `holds`, or is `reversed`, where the adjusted p-value is below 5%.

use super::measured::{Claim, MeasuredCell, TrialReadings};
use super::statistics::{Estimate, Interval, Spread, holm};
use super::text;
use super::verdict::MOST_TRIALS;

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
    /// Mean of higher minus lower, in percentage points.
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
        let missing = || "-".to_owned();
        (self.difference.map_or_else(missing, text::signed), self.bounds.as_ref().map_or_else(missing, text::interval))
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

/// Evaluates the claims of a table together. Their indices are into `cells`.
pub fn evaluate(claims: &[Claim], cells: &[MeasuredCell]) -> Vec<ClaimOutcome> {
    // A claim may compare two cells that another one compares as well: they are one test.
    let mut tests: Vec<((usize, usize), Estimate)> = Vec::new();
    for pair in claims.iter().flat_map(|claim| claim.pairs.iter().copied()) {
        let estimate = Spread::of(&paired(cells, pair)).as_ref().and_then(Estimate::mean);
        if let Some(estimate) = estimate.filter(|_| tests.iter().all(|(other, _)| *other != pair)) {
            tests.push((pair, estimate));
        }
    }
    let adjusted = |p: fn(&Estimate) -> f64| holm(&tests.iter().map(|(_, estimate)| p(estimate)).collect::<Vec<_>>());
    let (above, below) = (adjusted(Estimate::p_above_zero), adjusted(Estimate::p_below_zero));
    let compare = |pair: &(usize, usize)| {
        let adjusted = tests.iter().position(|(test, _)| test == pair).map(|test| (above[test], below[test]));
        comparison(*pair, &paired(cells, *pair), adjusted, tests.len())
    };
    claims.iter().map(|claim| outcome(claim, claim.pairs.iter().map(compare).collect())).collect()
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
fn paired(cells: &[MeasuredCell], (higher, lower): (usize, usize)) -> Vec<f64> {
    let (first, second) = (&cells[higher], &cells[lower]);
    let of_seed = |trial: &TrialReadings| {
        let other = second.trials.iter().find(|other| other.seed == trial.seed)?;
        Some(trial.readings.get(&first.reading)? - other.readings.get(&second.reading)?)
    };
    first.trials.iter().filter_map(of_seed).collect()
}

/// `adjusted` are the p-values of either direction, `tests` how many comparisons they were adjusted over.
fn comparison(
    (higher, lower): (usize, usize),
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
        (_, Some(spread)) if verdict == ClaimVerdict::Undecided => more_trials(&spread, tests).map(text::more_trials),
        _ => None,
    };
    Comparison {
        higher,
        lower,
        n: differences.len(),
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
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::paper::Confidence;
    use crate::report::measured::TrialReadings;

    fn cell(values: &[(u64, f64)]) -> MeasuredCell {
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

    fn claim(pairs: Vec<(usize, usize)>) -> Claim {
        Claim { id: "c".to_owned(), statement: "higher > lower".to_owned(), confidence: Confidence::Recalled, pairs }
    }

    fn one(pairs: Vec<(usize, usize)>, cells: &[MeasuredCell]) -> ClaimOutcome {
        evaluate(&[claim(pairs)], cells).remove(0)
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
    fn equal_trials_decide_nothing() {
        assert_eq!(outcome(&[(0, 60.0), (1, 61.0)], &[(0, 60.0), (1, 61.0)]).verdict, ClaimVerdict::Undecided);
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
