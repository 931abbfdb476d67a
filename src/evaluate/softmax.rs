//! Softmax cross-entropy of groups of classes, and its gradient.

use pulp::{Simd, WithSimd};

/// Turns the logits of a few rows into the gradient of `scale` x the sum of their cross-entropies.
pub struct Softmax<'a> {
    /// Rows x outputs, in groups of `classes`; outputs past the last whole group are padding and become 0.
    pub logits: &'a mut [f32],
    pub labels: &'a [u32],
    pub classes: usize,
    /// Added to each logit; padding included.
    pub bias: &'a [f32],
    pub scale: f32,
    /// Rows x groups: the cross-entropy of each.
    pub losses: &'a mut [f32],
}

impl WithSimd for Softmax<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _simd: S) {
        let outputs = self.bias.len();
        let groups = self.losses.len() / self.labels.len();
        let rows = self.logits.chunks_exact_mut(outputs).zip(self.losses.chunks_exact_mut(groups)).zip(self.labels);
        for ((logits, losses), label) in rows {
            for (logit, bias) in logits.iter_mut().zip(self.bias) {
                *logit += bias;
            }
            for (group, loss) in logits.chunks_exact_mut(self.classes).zip(losses.iter_mut()) {
                let largest = group.iter().copied().fold(f32::NEG_INFINITY, f32::max);
                group.iter_mut().for_each(|logit| *logit -= largest);
                *loss = -group[*label as usize];
            }
            for logit in logits.iter_mut() {
                *logit = exp(*logit);
            }
            let (groups, padding) = logits.split_at_mut(groups * self.classes);
            for (group, loss) in groups.chunks_exact_mut(self.classes).zip(losses) {
                let sum: f32 = group.iter().sum();
                *loss += sum.ln();
                let factor = self.scale / sum;
                group.iter_mut().for_each(|value| *value *= factor);
                group[*label as usize] -= self.scale;
            }
            padding.fill(0.0);
        }
    }
}

/// e^x for x <= 0, to about 2 units in the last place; 0 where f32 would be subnormal. Without branches, so that loops
/// over it become vector code. (Cephes' polynomial.)
#[inline(always)]
fn exp(x: f32) -> f32 {
    /// Adding and taking away 1.5 x 2^23 rounds to the nearest integer and leaves it in the low bits.
    const ROUND: f32 = 12_582_912.0;
    let clamped = x.max(-87.0);
    let shifted = clamped * std::f32::consts::LOG2_E + ROUND;
    let power = shifted - ROUND;
    let rest = (clamped - power * 0.693_359_4) + power * 2.121_944_4e-4;
    let mut sum = 1.987_569_1e-4;
    for coefficient in [1.398_199_9e-3, 8.333_452e-3, 4.166_579_6e-2, 0.166_666_66, 0.5] {
        sum = sum * rest + coefficient;
    }
    let value = sum * rest * rest + rest + 1.0;
    let scale = f32::from_bits(shifted.to_bits().wrapping_add(127) << 23);
    if x < -87.0 { 0.0 } else { value * scale }
}

#[cfg(test)]
mod tests {
    use super::exp;

    #[test]
    fn exp_is_right_to_a_few_units_in_the_last_place() {
        for step in 0..=8700 {
            let x = -(step as f32) / 100.0;
            let expected = f64::from(x).exp();
            let error = (f64::from(exp(x)) - expected).abs() / expected;
            assert!(error < 3e-7, "exp({x}) is off by {error}");
        }
        assert_eq!(exp(-200.0), 0.0);
        assert_eq!(exp(0.0), 1.0);
    }
}
