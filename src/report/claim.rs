//! What the trials say of an inequality between cells.
//!
//! Trials are paired by seed. The mean of their differences is compared with zero by a one-sided t test at 5% in either
//! direction: the claim `holds` where the lower bound is above zero and is `reversed` where the upper bound is below it.

use super::measured::{Claim, MeasuredCell};
use super::statistics::{Estimate, Interval, Spread};
use super::text;

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
    /// Each end is a one-sided 95% bound, so together they are a 90% interval.
    pub bounds: Option<Interval>,
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

/// Evaluates a claim. Its indices are into `cells`.
pub fn evaluate(claim: &Claim, cells: &[MeasuredCell]) -> ClaimOutcome {
    let comparisons: Vec<Comparison> =
        claim.pairs.iter().map(|&(higher, lower)| compare(cells, higher, lower)).collect();
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

fn compare(cells: &[MeasuredCell], higher: usize, lower: usize) -> Comparison {
    let (first, second) = (&cells[higher], &cells[lower]);
    let differences: Vec<f64> = first
        .trials
        .iter()
        .filter_map(|trial| {
            let other = second.trials.iter().find(|other| other.seed == trial.seed)?;
            Some(trial.readings.get(&first.reading)? - other.readings.get(&second.reading)?)
        })
        .collect();
    let spread = Spread::of(&differences);
    let bounds = spread.as_ref().and_then(Estimate::mean).map(|estimate| estimate.interval(0.90));
    let verdict = match bounds {
        Some(Interval { low, .. }) if low > 0.0 => ClaimVerdict::Holds,
        Some(Interval { high, .. }) if high < 0.0 => ClaimVerdict::Reversed,
        _ => ClaimVerdict::Undecided,
    };
    let reason = match differences.len() {
        0 => Some("no trials".to_owned()),
        1 => Some("one trial".to_owned()),
        _ => None,
    };
    let (n, difference) = (differences.len(), spread.map(|spread| spread.mean));
    Comparison { higher, lower, n, difference, bounds, verdict, reason }
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

    fn outcome(higher: &[(u64, f64)], lower: &[(u64, f64)]) -> ClaimOutcome {
        evaluate(&claim(vec![(0, 1)]), &[cell(higher), cell(lower)])
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
        assert_eq!(evaluate(&claim(vec![(0, 1)]), &cells).verdict, ClaimVerdict::Holds);
        assert_eq!(evaluate(&claim(vec![(0, 1), (0, 2)]), &cells).verdict, ClaimVerdict::Undecided);
        assert_eq!(evaluate(&claim(vec![(0, 1), (1, 0), (0, 2)]), &cells).verdict, ClaimVerdict::Reversed);
        assert_eq!(evaluate(&claim(vec![]), &cells).verdict, ClaimVerdict::Undecided);
    }
}
