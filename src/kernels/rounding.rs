//! Values of fewer bits than f32 has.

use super::Precision;

impl Precision {
    /// What a product makes of a factor: the nearest value that the precision has, of two the even one.
    pub fn rounded(self, value: f32) -> f32 {
        let lost = match self {
            Precision::F32 => return value,
            Precision::Tf32 => 13,
            Precision::Bf16 => 16,
        };
        if !value.is_finite() {
            return value;
        }
        let bits = value.to_bits();
        let (step, rest) = (1u32 << lost, bits & ((1 << lost) - 1));
        let up = rest > step / 2 || (rest == step / 2 && bits & step != 0);
        // A carry goes on into the exponent, and from the largest into infinity.
        f32::from_bits(bits - rest + if up { step } else { 0 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounding_is_to_the_nearest_and_of_two_the_even_one() {
        for (precision, bits) in [(Precision::Bf16, 7), (Precision::Tf32, 10)] {
            let unit = 2f32.powi(-bits);
            for (value, expected) in [
                (1.0, 1.0),
                (1.0 + unit * 0.5, 1.0),
                (1.0 + unit * 0.51, 1.0 + unit),
                (1.0 + unit * 1.5, 1.0 + 2.0 * unit),
                (-1.0 - unit * 0.51, -1.0 - unit),
                (2.0 - unit * 0.5, 2.0),
                (f32::MAX, f32::INFINITY),
                (f32::NEG_INFINITY, f32::NEG_INFINITY),
                (0.0, 0.0),
            ] {
                assert_eq!(precision.rounded(value), expected, "{value} in {precision}");
            }
            assert!(precision.rounded(f32::NAN).is_nan());
            assert_eq!(precision.rounded(-0.0).to_bits(), (-0f32).to_bits());
        }
        assert_eq!(Precision::F32.rounded(0.1), 0.1);
    }
}
