//! The range of an axis.

/// A range with evenly spaced ticks.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Axis {
    pub low: f64,
    pub high: f64,
    step: f64,
}

impl Axis {
    /// Holds every value given, all in percent. It starts at zero unless that would squeeze the differences into less
    /// than a quarter of it.
    pub fn of(values: impl Iterator<Item = f64>) -> Axis {
        let (least, most) =
            values.fold((f64::INFINITY, f64::NEG_INFINITY), |(a, b), value| (a.min(value), b.max(value)));
        if least > most {
            return Axis { low: 0.0, high: 100.0, step: 20.0 };
        }
        let spread = (most - least).max(1.0);
        let from = if spread > most / 4.0 { 0.0 } else { (least - spread).max(0.0) };
        let step = [0.5, 1.0, 2.0, 5.0, 10.0].into_iter().find(|step| (most - from) / step <= 8.0).unwrap_or(20.0);
        let low = (from / step).floor() * step;
        let high = ((most / step).ceil() * step).min(100.0).max(low + step);
        Axis { low, high, step }
    }

    /// Just holds every value given, in whichever unit, with few ticks.
    pub fn close_around(values: impl Iterator<Item = f64>) -> Axis {
        let (least, most) =
            values.fold((f64::INFINITY, f64::NEG_INFINITY), |(a, b), value| (a.min(value), b.max(value)));
        if least > most {
            return Axis { low: 0.0, high: 1.0, step: 1.0 };
        }
        // A flat line is drawn in the middle of a range of its own size.
        let spread = if most > least { most - least } else { most.abs().max(1.0) };
        let power = 10f64.powf((spread / 4.0).log10().floor());
        let step = [1.0, 2.0, 5.0].into_iter().map(|step| step * power).find(|step| spread / step <= 4.0);
        let step = step.unwrap_or(10.0 * power);
        let (low, high) = ((least / step).floor() * step, (most / step).ceil() * step);
        if low < high { Axis { low, high, step } } else { Axis { low: low - step, high: high + step, step } }
    }

    /// 0 at the low end, 1 at the high end.
    pub fn share(&self, value: f64) -> f64 {
        (value - self.low) / (self.high - self.low)
    }

    pub fn ticks(&self) -> impl Iterator<Item = f64> + use<> {
        let Axis { low, high, step } = *self;
        let count = ((high - low) / step + 1e-9).floor() as usize;
        (0..=count).map(move |index| low + step * index as f64)
    }

    pub fn label(&self, tick: f64) -> String {
        let decimals = (-self.step.log10()).ceil().max(0.0) as usize;
        format!("{tick:.decimals$}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn close_numbers_get_a_close_view() {
        let axis = Axis::of([93.3, 96.1, 94.2].into_iter());
        assert_eq!((axis.low, axis.high), (90.0, 97.0));
        assert_eq!(axis.ticks().count(), 8);
    }

    #[test]
    fn an_axis_of_losses_is_no_wider_than_its_ticks_ask() {
        let axis = Axis::close_around([6.21, 2.94].into_iter());
        let labels: Vec<String> = axis.ticks().map(|tick| axis.label(tick)).collect();
        assert_eq!(labels, ["2", "3", "4", "5", "6", "7"]);
        let axis = Axis::close_around([0.031, 0.0342].into_iter());
        let labels: Vec<String> = axis.ticks().map(|tick| axis.label(tick)).collect();
        assert_eq!(labels, ["0.031", "0.032", "0.033", "0.034", "0.035"]);
        for values in [vec![], vec![0.0], vec![5.25], vec![-3.0, -3.0], vec![1e9, 2e9]] {
            let axis = Axis::close_around(values.iter().copied());
            assert!(axis.low < axis.high && (2..=7).contains(&axis.ticks().count()), "{axis:?}");
            assert!(values.iter().all(|value| (0.0..=1.0).contains(&axis.share(*value))), "{axis:?}");
        }
    }

    #[test]
    fn wide_numbers_start_at_zero() {
        let axis = Axis::of([41.0, 72.9].into_iter());
        assert_eq!((axis.low, axis.high), (0.0, 80.0));
    }

    #[test]
    fn no_numbers_or_equal_ones_still_make_an_axis() {
        assert_eq!(Axis::of(std::iter::empty()).high, 100.0);
        let axis = Axis::of([100.0, 100.0].into_iter());
        assert!(axis.low < axis.high && axis.high == 100.0);
        let axis = Axis::of([0.0].into_iter());
        assert!(axis.low == 0.0 && axis.high > 0.0);
    }
}
