//! Ranges of single settings.

use crate::recipe::Schedule;

use super::Mismatch;

/// Beyond any use, and far from where arithmetic on sizes would overflow.
pub(super) const LARGEST: usize = 1 << 20;

pub(super) fn optimiser(
    at: &str,
    rate: f64,
    momentum: f64,
    weight_decay: f64,
    schedule: &Schedule,
) -> Result<(), Mismatch> {
    positive(&format!("{at}/base_rate"), rate)?;
    within(&format!("{at}/momentum"), momentum, 0.0, 1.0, false)?;
    within(&format!("{at}/weight_decay"), weight_decay, 0.0, 1.0, false)?;
    if let Schedule::Step { at: epochs, factor } = schedule {
        if !epochs.is_sorted_by(|one, next| one < next) {
            return Err(Mismatch::new(format!("{at}/schedule/at"), format!("{epochs:?}"), "epochs in ascending order"));
        }
        within(&format!("{at}/schedule/factor"), *factor, f64::MIN_POSITIVE, 1.0, true)?;
    }
    Ok(())
}

pub(super) fn warmup(at: &str, warmup: usize, epochs: usize) -> Result<(), Mismatch> {
    if warmup <= epochs {
        return Ok(());
    }
    Err(Mismatch::new(
        format!("{at}/warmup_epochs"),
        warmup.to_string(),
        format!("at most the {epochs} epochs of the run"),
    ))
}

pub(super) fn size(at: &str, found: usize, least: usize, most: usize) -> Result<(), Mismatch> {
    if (least..=most).contains(&found) {
        return Ok(());
    }
    let expected = if least == most { least.to_string() } else { format!("{least} to {most}") };
    Err(Mismatch::new(at, found.to_string(), expected))
}

pub(super) fn positive(at: &str, found: f64) -> Result<(), Mismatch> {
    // Large enough to be a mistake, small enough to stay finite in f32.
    if found > 0.0 && found <= 1e6 {
        return Ok(());
    }
    Err(Mismatch::new(at, found.to_string(), "a number above 0 and at most 1000000"))
}

pub(super) fn within(at: &str, found: f64, least: f64, most: f64, most_included: bool) -> Result<(), Mismatch> {
    if found >= least && (found < most || most_included && found == most) {
        return Ok(());
    }
    let least = if least == f64::MIN_POSITIVE { "above 0".to_owned() } else { format!("from {least}") };
    let most = if most_included { format!("to {most}") } else { format!("to below {most}") };
    Err(Mismatch::new(at, found.to_string(), format!("a number {least} {most}")))
}
