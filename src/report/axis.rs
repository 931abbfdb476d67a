//! The range of a percentage axis.

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
        if self.step < 1.0 { format!("{tick:.1}") } else { format!("{tick:.0}") }
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
