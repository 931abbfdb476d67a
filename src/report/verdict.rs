//! What the trials say of one published number.
//!
//! At paper scale the difference between our mean and the paper's gets Welch's interval. Two one-sided tests at 5% decide
//! on equality: `reproduced` if the 90% interval lies within the margin. Otherwise `above` or `below` if the 95% interval
//! excludes zero, and `inconclusive` if it does not.

use crate::experiment::{Deviation, Scale};

use super::measured::{MeasuredCell, Published};
use super::statistics::{Estimate, Spread};
use super::text;

/// Trials up to which it is worth saying how many would decide.
pub(super) const MOST_TRIALS: usize = 1000;

/// The verdict on a cell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    NoPublishedNumber,
    /// Scale, data or protocol differ: in what.
    NotComparable(String),
    NoTrials,
    /// Equal within the margin.
    Reproduced,
    Above,
    Below,
    /// Too few trials or too wide an interval.
    Inconclusive(Doubt),
}

/// Why the trials decide nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Doubt {
    OneTrial,
    /// Every trial gave the same number.
    AllAlike,
    /// The paper gives no deviation to compare with.
    NoDeviation,
    /// The interval is too wide. How many more trials would decide if they spread like those at hand; none if no number
    /// would, because the paper's own trials spread too far.
    TooWide {
        more: Option<usize>,
    },
}

impl std::fmt::Display for Doubt {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Doubt::OneTrial => f.write_str("one trial; a second gives an interval"),
            Doubt::AllAlike => f.write_str("every trial gave the same number, which tells nothing of their spread"),
            Doubt::NoDeviation => f.write_str("published without a deviation"),
            Doubt::TooWide { more: Some(more) } => {
                write!(f, "the interval is too wide; {}", text::more_trials(*more))
            }
            Doubt::TooWide { more: None } => {
                f.write_str("the interval is too wide, and no number of trials makes up for the paper's own spread")
            }
        }
    }
}

impl std::fmt::Display for Verdict {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Verdict::NoPublishedNumber => f.write_str("no published number"),
            Verdict::NotComparable(why) => write!(f, "not comparable: {why}"),
            Verdict::NoTrials => f.write_str("no trials"),
            Verdict::Reproduced => f.write_str("reproduced"),
            Verdict::Above => f.write_str("above"),
            Verdict::Below => f.write_str("below"),
            Verdict::Inconclusive(why) => write!(f, "inconclusive: {why}"),
        }
    }
}

/// Judges a cell by the trials of its table reading.
pub fn judge(cell: &MeasuredCell, scale: Scale, margin: f64, ours: Option<&Spread>) -> Verdict {
    let Some(published) = &cell.published else {
        return Verdict::NoPublishedNumber;
    };
    if scale != Scale::Paper {
        return Verdict::NotComparable(format!("{scale} scale"));
    }
    if let Some(deviation) = cell.deviations.iter().find(|deviation| changes_protocol(deviation)) {
        let Deviation { what, published, ours } = deviation;
        return Verdict::NotComparable(format!("{what} is {ours}, published {published}"));
    }
    match ours {
        None => Verdict::NoTrials,
        Some(ours) if ours.n < 2 => Verdict::Inconclusive(Doubt::OneTrial),
        Some(ours) if ours.known_deviation().is_none() => Verdict::Inconclusive(Doubt::AllAlike),
        Some(ours) => match published.spread() {
            None => Verdict::Inconclusive(Doubt::NoDeviation),
            Some(theirs) => of_spreads(ours, &theirs, margin),
        },
    }
}

/// A deviation in the data or in the training of the encoder makes another experiment of the cell. Any other is a remark
/// on how the same experiment was carried out or read out: the precision of a least-squares fit, replicas emulated.
fn changes_protocol(deviation: &Deviation) -> bool {
    let root = deviation.what.split('.').next();
    root.is_some_and(|root| ["data", "views", "network", "pretext"].contains(&root))
}

fn of_spreads(ours: &Spread, theirs: &Spread, margin: f64) -> Verdict {
    decided(ours, theirs, margin).unwrap_or_else(|| {
        let with = |n: &usize| decided(&Spread { n: *n, ..*ours }, theirs, margin).is_some();
        let enough = (ours.n + 1..=MOST_TRIALS).find(with);
        Verdict::Inconclusive(Doubt::TooWide { more: enough.map(|n| n - ours.n) })
    })
}

/// What two means and their spreads say of each other; none if they say nothing.
fn decided(ours: &Spread, theirs: &Spread, margin: f64) -> Option<Verdict> {
    let difference = Estimate::difference(ours, theirs)?;
    if difference.interval(0.90).lies_within(margin) {
        return Some(Verdict::Reproduced);
    }
    let interval = difference.interval(0.95);
    if interval.low > 0.0 { Some(Verdict::Above) } else { (interval.high < 0.0).then_some(Verdict::Below) }
}

impl Published {
    /// As a sample. `None` where the paper gives no deviation.
    pub fn spread(&self) -> Option<Spread> {
        self.std.map(|std| Spread { n: self.trials, mean: self.mean, std: Some(std) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::paper::Confidence;

    fn cell() -> MeasuredCell {
        MeasuredCell {
            coordinates: Vec::new(),
            reading: "pinv".to_owned(),
            asked: 5,
            published: Some(Published { mean: 70.0, std: Some(0.2), trials: 5, confidence: Confidence::Recalled }),
            deviations: Vec::new(),
            trials: Vec::new(),
            failures: Vec::new(),
        }
    }

    fn at_paper_scale(cell: &MeasuredCell, ours: Option<Spread>) -> Verdict {
        judge(cell, Scale::Paper, 1.0, ours.as_ref())
    }

    fn ours(mean: f64, std: f64) -> Option<Spread> {
        Some(Spread { n: 5, mean, std: Some(std) })
    }

    #[test]
    fn smaller_scales_are_refused_whatever_the_numbers() {
        for scale in [Scale::Demo, Scale::Short] {
            let verdict = judge(&cell(), scale, 1.0, ours(70.0, 0.1).as_ref());
            assert_eq!(verdict.to_string(), format!("not comparable: {scale} scale"));
        }
    }

    #[test]
    fn another_setting_is_refused_and_a_remark_is_not() {
        let deviation = |what: &str| Deviation { what: what.into(), published: "500".into(), ours: "50".into() };
        let with = |what| MeasuredCell { deviations: vec![deviation(what)], ..cell() };
        assert_eq!(
            at_paper_scale(&with("pretext.epochs"), ours(70.0, 0.2)).to_string(),
            "not comparable: pretext.epochs is 50, published 500"
        );
        for remark in ["replicas", "evaluation.pinv.precision"] {
            assert_eq!(at_paper_scale(&with(remark), ours(70.0, 0.2)), Verdict::Reproduced);
        }
    }

    #[test]
    fn the_margin_decides_between_reproduced_and_above() {
        // Standard error 0.12649, 8 degrees of freedom: the 90% interval reaches 0.23522 to either side.
        assert_eq!(at_paper_scale(&cell(), ours(70.764, 0.2)), Verdict::Reproduced);
        assert_eq!(at_paper_scale(&cell(), ours(70.766, 0.2)), Verdict::Above);
        assert_eq!(at_paper_scale(&cell(), ours(69.236, 0.2)), Verdict::Reproduced);
        assert_eq!(at_paper_scale(&cell(), ours(69.234, 0.2)), Verdict::Below);
    }

    #[test]
    fn a_real_difference_inside_the_margin_is_a_reproduction() {
        assert_eq!(at_paper_scale(&cell(), ours(70.5, 0.1)), Verdict::Reproduced);
    }

    #[test]
    fn a_wide_interval_decides_nothing() {
        assert_eq!(at_paper_scale(&cell(), ours(70.5, 2.0)), Verdict::Inconclusive(Doubt::TooWide { more: Some(45) }));
        let mut spread = cell();
        spread.published.as_mut().unwrap().std = Some(4.0);
        assert_eq!(at_paper_scale(&spread, ours(70.5, 0.2)), Verdict::Inconclusive(Doubt::TooWide { more: None }));
        assert_eq!(at_paper_scale(&cell(), ours(75.0, 2.0)), Verdict::Above);
    }

    #[test]
    fn what_is_missing_is_said() {
        let one = Some(Spread { n: 1, mean: 70.0, std: None });
        assert_eq!(at_paper_scale(&cell(), one), Verdict::Inconclusive(Doubt::OneTrial));
        assert_eq!(at_paper_scale(&cell(), None), Verdict::NoTrials);
        assert_eq!(at_paper_scale(&cell(), ours(70.0, 0.0)), Verdict::Inconclusive(Doubt::AllAlike));
        let unknown = MeasuredCell { published: None, ..cell() };
        assert_eq!(at_paper_scale(&unknown, ours(70.0, 0.2)), Verdict::NoPublishedNumber);
        let mut bare = cell();
        bare.published.as_mut().unwrap().std = None;
        assert_eq!(at_paper_scale(&bare, ours(70.0, 0.2)), Verdict::Inconclusive(Doubt::NoDeviation));
    }
}
