//! Power in decibels (librosa's `power_to_db` with `ref=np.max`).

use super::RANGE;

/// Power below which there is silence.
const LEAST: f32 = 1e-10;

/// Replaces powers, none negative, by decibels relative to the greatest; what is more than 80 dB below it is lifted to
/// there. Powers that are all zero become 0 dB, as the reference has the same floor.
pub(super) fn from_power(values: &mut [f32]) {
    let level = |power: f32| 10.0 * power.max(LEAST).log10();
    let reference = level(values.iter().copied().fold(0.0, f32::max));
    for value in values {
        *value = (level(*value) - reference).max(-RANGE);
    }
}
