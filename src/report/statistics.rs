//! Means, deviations and Student's t intervals. Everything is in the unit of the readings: percent, or percentage points
//! for a difference.

use rand::RngExt;
use statrs::distribution::{ContinuousCDF, StudentsT};
use statrs::statistics::{Data, OrderStatistics};

use crate::random::{Key, Purpose};

/// Mean and sample deviation of some numbers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spread {
    pub n: usize,
    pub mean: f64,
    /// With n - 1 in the denominator. `None` for a single number.
    pub std: Option<f64>,
}

impl Spread {
    /// `None` without numbers, and for those that have no mean: one of them is not finite, or their sum is not.
    pub fn of(values: &[f64]) -> Option<Spread> {
        let n = values.len();
        let mean = values.iter().sum::<f64>() / n as f64;
        if !mean.is_finite() {
            return None;
        }
        let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
        let std = (n > 1).then(|| (squares / (n - 1) as f64).sqrt());
        Some(Spread { n, mean, std })
    }

    /// The deviation where it says how trials spread. That of equal numbers, up to rounding, does not: a few trials read
    /// off some hundred test items are often equal by chance.
    pub fn known_deviation(&self) -> Option<f64> {
        self.std.filter(|std| *std > 1e-9 * self.mean.abs().max(1.0) && std.is_finite())
    }
}

/// A closed interval.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Interval {
    pub low: f64,
    pub high: f64,
}

impl Interval {
    /// Whether no number in it is further from zero than `bound`.
    pub fn lies_within(&self, bound: f64) -> bool {
        -bound <= self.low && self.high <= bound
    }
}

/// A quantity whose error follows Student's t.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Estimate {
    pub value: f64,
    /// Standard error, above 0.
    pub error: f64,
    /// Degrees of freedom, above 0.
    pub freedom: f64,
}

impl Estimate {
    /// The mean that a sample was drawn around. `None` for a single number, and for equal ones.
    pub fn mean(sample: &Spread) -> Option<Estimate> {
        let error = sample.known_deviation()? / (sample.n as f64).sqrt();
        Some(Estimate { value: sample.mean, error, freedom: (sample.n - 1) as f64 })
    }

    /// `ours` minus `theirs`, with a deviation of its own for each, and Welch and Satterthwaite's degrees of freedom.
    /// `None` unless both have at least two numbers, and ours are not all equal. A published deviation of 0.0 is taken as
    /// printed.
    pub fn difference(ours: &Spread, theirs: &Spread) -> Option<Estimate> {
        let ours = Estimate::mean(ours)?;
        let (a, b) = (ours.error.powi(2), theirs.std?.powi(2) / theirs.n as f64);
        let freedom = (a + b).powi(2) / (a * a / ours.freedom + b * b / (theirs.n as f64 - 1.0));
        // It is 0, or no number at all, where one of theirs is all there is.
        let is_known = freedom > 0.0 && freedom.is_finite();
        is_known.then(|| Estimate { value: ours.value - theirs.mean, error: (a + b).sqrt(), freedom })
    }

    /// Probability of a value as high as this or higher if the quantity were 0: the p-value of "it is above 0".
    pub fn p_above_zero(&self) -> f64 {
        t(self.freedom).sf(self.value / self.error)
    }

    /// The p-value of "it is below 0".
    pub fn p_below_zero(&self) -> f64 {
        Estimate { value: -self.value, ..*self }.p_above_zero()
    }

    /// The two-sided interval at `confidence`, in (0, 1).
    pub fn interval(&self, confidence: f64) -> Interval {
        let reach = t_quantile(0.5 + confidence / 2.0, self.freedom) * self.error;
        Interval { low: self.value - reach, high: self.value + reach }
    }
}

/// The number that a t variable with `freedom` degrees of freedom stays below with `probability`, in (0, 1).
fn t_quantile(probability: f64, freedom: f64) -> f64 {
    t(freedom).inverse_cdf(probability)
}

fn t(freedom: f64) -> StudentsT {
    StudentsT::new(0.0, 1.0, freedom).expect("degrees of freedom are above 0")
}

/// Holm's adjustment of p-values that are judged together: the chance that any of them falls below a level by luck alone
/// stays below that level.
pub fn holm(p_values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..p_values.len()).collect();
    order.sort_by(|a, b| p_values[*a].total_cmp(&p_values[*b]));
    let mut adjusted = vec![0.0; p_values.len()];
    let mut least: f64 = 0.0;
    for (rank, index) in order.into_iter().enumerate() {
        least = least.max((p_values.len() - rank) as f64 * p_values[index]).min(1.0);
        adjusted[index] = least;
    }
    adjusted
}

/// Resamples of a bootstrap.
const RESAMPLES: usize = 9999;

/// The 95% percentile bootstrap interval of a mean, the same for the same numbers. `None` for a single number, and for
/// equal ones.
///
/// With the five trials of a cell it is narrower than it should be, as a bootstrap of so few always is; it needs no
/// assumption about how trials spread.
pub fn bootstrap(values: &[f64]) -> Option<Interval> {
    Spread::of(values)?.known_deviation()?;
    let mut stream = Key::new(0, Purpose::Bootstrap).stream();
    let mean = |_| (0..values.len()).map(|_| values[stream.random_range(0..values.len())]).sum::<f64>();
    let means: Vec<f64> = (0..RESAMPLES).map(mean).map(|sum| sum / values.len() as f64).collect();
    let mut means = Data::new(means);
    Some(Interval { low: means.quantile(0.025), high: means.quantile(0.975) })
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Deserialize)]
    struct Fixture {
        holm: Vec<Family>,
        means: Vec<Mean>,
        differences: Vec<Welch>,
    }

    #[derive(Deserialize)]
    struct Mean {
        values: Vec<f64>,
        mean: f64,
        std: f64,
        low: f64,
        high: f64,
        against: f64,
        p_greater: f64,
        bootstrap: (f64, f64),
    }

    #[derive(Deserialize)]
    struct Family {
        p_values: Vec<f64>,
        adjusted: Vec<f64>,
    }

    #[derive(Deserialize)]
    struct Welch {
        ours: (usize, f64, f64),
        theirs: (usize, f64, f64),
        freedom: f64,
        interval95: (f64, f64),
        interval90: (f64, f64),
    }

    fn fixture() -> Fixture {
        serde_json::from_str(include_str!("../../tests/fixtures/statistics.json")).unwrap()
    }

    fn close(ours: f64, theirs: f64) {
        assert!((ours - theirs).abs() <= 1e-9 * theirs.abs().max(1.0), "{ours} differs from scipy's {theirs}");
    }

    #[test]
    fn the_interval_of_a_mean_is_scipys() {
        for case in fixture().means {
            let spread = Spread::of(&case.values).unwrap();
            let interval = Estimate::mean(&spread).unwrap().interval(0.95);
            close(spread.mean, case.mean);
            close(spread.std.unwrap(), case.std);
            close(interval.low, case.low);
            close(interval.high, case.high);
        }
    }

    #[test]
    fn the_interval_of_a_difference_is_scipys() {
        for case in fixture().differences {
            let spread = |(n, mean, std): (usize, f64, f64)| Spread { n, mean, std: Some(std) };
            let difference = Estimate::difference(&spread(case.ours), &spread(case.theirs)).unwrap();
            close(difference.freedom, case.freedom);
            close(difference.interval(0.95).low, case.interval95.0);
            close(difference.interval(0.95).high, case.interval95.1);
            close(difference.interval(0.90).low, case.interval90.0);
            close(difference.interval(0.90).high, case.interval90.1);
        }
    }

    #[test]
    fn p_values_are_scipys_and_their_adjustment_is_statsmodels() {
        let fixture = fixture();
        for case in &fixture.means {
            let spread = Spread::of(&case.values).unwrap();
            let shifted = Estimate { value: spread.mean - case.against, ..Estimate::mean(&spread).unwrap() };
            close(shifted.p_above_zero(), case.p_greater);
        }
        for case in fixture.holm {
            for (ours, theirs) in holm(&case.p_values).into_iter().zip(case.adjusted) {
                close(ours, theirs);
            }
        }
        assert!(holm(&[]).is_empty());
    }

    #[test]
    fn the_bootstrap_is_near_scipys_and_always_the_same() {
        for case in fixture().means.iter().filter(|case| case.values.len() > 2) {
            let ours = bootstrap(&case.values).unwrap();
            // Both are random to a part of the standard error.
            let room = 0.05 * (case.bootstrap.1 - case.bootstrap.0).max(1e-9);
            assert!((ours.low - case.bootstrap.0).abs() < room, "{ours:?} and {:?}", case.bootstrap);
            assert!((ours.high - case.bootstrap.1).abs() < room, "{ours:?} and {:?}", case.bootstrap);
            assert_eq!(bootstrap(&case.values), Some(ours));
        }
        assert_eq!(bootstrap(&[1.0]), None);
    }

    #[test]
    fn one_number_has_neither_deviation_nor_interval() {
        let one = Spread::of(&[71.5]).unwrap();
        assert_eq!(one, Spread { n: 1, mean: 71.5, std: None });
        assert_eq!(Estimate::mean(&one), None);
        assert_eq!(Estimate::difference(&one, &Spread { n: 5, mean: 70.0, std: Some(0.2) }), None);
        assert_eq!(Spread::of(&[]), None);
    }

    #[test]
    fn equal_numbers_say_nothing_of_their_spread() {
        let theirs = Spread { n: 5, mean: 69.0, std: Some(0.2) };
        for values in [[70.0, 70.0, 70.0], [61.0 - 60.2, 62.0 - 61.2, 63.0 - 62.2]] {
            let same = Spread::of(&values).unwrap();
            assert_eq!((Estimate::mean(&same), Estimate::difference(&same, &theirs)), (None, None), "{values:?}");
            assert_eq!(bootstrap(&values), None);
        }
    }

    #[test]
    fn a_published_deviation_of_zero_is_taken_as_printed() {
        let ours = Spread::of(&[70.0, 70.5, 71.0]).unwrap();
        let difference = Estimate::difference(&ours, &Spread { n: 5, mean: 69.0, std: Some(0.0) }).unwrap();
        assert_eq!(difference, Estimate { value: 1.5, ..Estimate::mean(&ours).unwrap() });
    }
}
