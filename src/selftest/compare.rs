//! How far a result is off.

/// The largest difference between values, as a share of the largest value expected: infinite where there are more or
/// fewer values, or where just one of two is not a number.
pub fn largest_error(found: &[f32], expected: &[f32]) -> f64 {
    if found.len() != expected.len() {
        return f64::INFINITY;
    }
    let largest =
        expected.iter().filter(|value| value.is_finite()).fold(0f32, |largest, value| largest.max(value.abs()));
    let scale = if largest > 0.0 { f64::from(largest) } else { 1.0 };
    let pairs = found.iter().zip(expected);
    let errors = pairs.map(|(found, expected)| {
        let difference = (f64::from(*found) - f64::from(*expected)).abs();
        match () {
            () if found == expected || (found.is_nan() && expected.is_nan()) => 0.0,
            () if difference.is_nan() => f64::INFINITY,
            () => difference / scale,
        }
    });
    errors.fold(0.0, f64::max)
}

/// The Euclidean distance of values, as a share of the length of those expected: infinite where there are more or fewer
/// values, or where one is not a number.
pub fn distance(found: &[f32], expected: &[f32]) -> f64 {
    if found.len() != expected.len() {
        return f64::INFINITY;
    }
    let squares = |values: &mut dyn Iterator<Item = f64>| values.map(|value| value * value).sum::<f64>().sqrt();
    let length = squares(&mut expected.iter().map(|value| f64::from(*value)));
    let pairs = found.iter().zip(expected);
    let distance = squares(&mut pairs.map(|(found, expected)| f64::from(*found) - f64::from(*expected)));
    let share = if length > 0.0 { distance / length } else { distance };
    if share.is_nan() { f64::INFINITY } else { share }
}
