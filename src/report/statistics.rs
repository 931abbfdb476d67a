//! Means, deviations and Student's t intervals. Everything is in the unit of the readings: percent, or percentage points
//! for a difference.

use statrs::distribution::{ContinuousCDF, StudentsT};

/// Mean and sample deviation of some numbers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spread {
    pub n: usize,
    pub mean: f64,
    /// With n - 1 in the denominator. `None` for a single number.
    pub std: Option<f64>,
}

impl Spread {
    /// `None` without numbers.
    pub fn of(values: &[f64]) -> Option<Spread> {
        if values.is_empty() {
            return None;
        }
        let n = values.len();
        let mean = values.iter().sum::<f64>() / n as f64;
        let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
        let std = (n > 1).then(|| (squares / (n - 1) as f64).sqrt());
        Some(Spread { n, mean, std })
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
    /// Standard error; 0 where every number was the same.
    pub error: f64,
    /// Degrees of freedom, above 0.
    pub freedom: f64,
}

impl Estimate {
    /// The mean that a sample was drawn around. `None` for a single number.
    pub fn mean(sample: &Spread) -> Option<Estimate> {
        let error = sample.std? / (sample.n as f64).sqrt();
        Some(Estimate { value: sample.mean, error, freedom: (sample.n - 1) as f64 })
    }

    /// `ours` minus `theirs`, with a deviation of its own for each, and Welch and Satterthwaite's degrees of freedom.
    /// `None` unless both have at least two numbers.
    pub fn difference(ours: &Spread, theirs: &Spread) -> Option<Estimate> {
        let (first, second) = (Estimate::mean(ours)?, Estimate::mean(theirs)?);
        let (a, b) = (first.error.powi(2), second.error.powi(2));
        let freedom = if a + b > 0.0 {
            (a + b).powi(2) / (a * a / first.freedom + b * b / second.freedom)
        } else {
            first.freedom + second.freedom
        };
        Some(Estimate { value: first.value - second.value, error: (a + b).sqrt(), freedom })
    }

    /// The two-sided interval at `confidence`, in (0, 1).
    pub fn interval(&self, confidence: f64) -> Interval {
        let reach = t_quantile(0.5 + confidence / 2.0, self.freedom) * self.error;
        Interval { low: self.value - reach, high: self.value + reach }
    }
}

/// The number that a t variable with `freedom` degrees of freedom stays below with `probability`, in (0, 1).
fn t_quantile(probability: f64, freedom: f64) -> f64 {
    let distribution = StudentsT::new(0.0, 1.0, freedom).expect("degrees of freedom are above 0");
    distribution.inverse_cdf(probability)
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Deserialize)]
    struct Fixture {
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
    fn one_number_has_neither_deviation_nor_interval() {
        let one = Spread::of(&[71.5]).unwrap();
        assert_eq!(one, Spread { n: 1, mean: 71.5, std: None });
        assert_eq!(Estimate::mean(&one), None);
        assert_eq!(Estimate::difference(&one, &Spread { n: 5, mean: 70.0, std: Some(0.2) }), None);
        assert_eq!(Spread::of(&[]), None);
    }

    #[test]
    fn equal_numbers_give_an_interval_without_width() {
        let same = Spread::of(&[70.0, 70.0, 70.0]).unwrap();
        assert_eq!(Estimate::mean(&same).unwrap().interval(0.95), Interval { low: 70.0, high: 70.0 });
        let difference = Estimate::difference(&same, &Spread { n: 5, mean: 69.0, std: Some(0.0) }).unwrap();
        assert_eq!(difference.interval(0.95), Interval { low: 1.0, high: 1.0 });
    }
}
