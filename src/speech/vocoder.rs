//! The phase vocoder: a clip played slower or faster at the same pitch (librosa's `phase_vocoder`).

use std::ops::Range;

use realfft::num_complex::Complex32;

use super::stft::Spectrum;
use super::{BINS, FRAMES};

/// Stretches `clip` to `rate` times its speed, moves it `shift` frames to the left (to the right where negative) and cuts
/// it to its length; where there is nothing, there is silence.
///
/// Magnitudes are interpolated between neighbouring frames, and phases go on as they do from one frame to the next. That
/// advance is the quotient of the two frames' phases, so no angle is ever taken: what librosa adds up in radians is a
/// product of unit numbers here.
pub fn stretch(clip: &Spectrum, rate: f64, shift: isize, out: &mut Spectrum) {
    let stretched = (FRAMES as f64 / rate).ceil() as usize;
    let kept = kept(stretched, shift);
    let silence = [Complex32::ZERO; BINS];
    let frame = |at: usize| if at < FRAMES { clip.frame(at) } else { &silence };
    let mut phases: Vec<Complex32> = frame(0).iter().map(|value| phase(*value)).collect();
    out.frames_mut().for_each(|frame| frame.fill(Complex32::ZERO));
    let mut targets = out.frames_mut().skip(kept.start.saturating_add_signed(-shift));
    for step in 0..kept.end {
        let position = step as f64 * rate;
        let (at, share) = (position as usize, position.fract() as f32);
        let (now, next) = (frame(at), frame(at + 1));
        if step >= kept.start
            && let Some(target) = targets.next()
        {
            for ((out, phase), (now, next)) in target.iter_mut().zip(&phases).zip(now.iter().zip(next)) {
                *out = phase * ((1.0 - share) * now.norm_sqr().sqrt() + share * next.norm_sqr().sqrt());
            }
        }
        for (turned, (now, next)) in phases.iter_mut().zip(now.iter().zip(next)) {
            // Kept at length one: rounding would let it drift.
            *turned = phase(*turned * phase(*next) * phase(*now).conj());
        }
    }
}

/// Moves `clip` as [`stretch`] does, at its own speed.
pub fn shift(clip: &Spectrum, shift: isize, out: &mut Spectrum) {
    let kept = kept(FRAMES, shift);
    let target = kept.start.saturating_add_signed(-shift);
    out.frames_mut().for_each(|frame| frame.fill(Complex32::ZERO));
    for (target, at) in out.frames_mut().skip(target).zip(kept) {
        target.copy_from_slice(clip.frame(at));
    }
}

/// The steps of a stretched clip that are still there after it was shifted and cut.
fn kept(stretched: usize, shift: isize) -> Range<usize> {
    let first = shift.max(0) as usize;
    // Shifting to the right cuts what leaves the stretched clip, however short that is.
    let end = stretched.min(FRAMES).saturating_add_signed(shift).min(stretched);
    first.min(end)..end
}

/// The unit number of the same angle; 1 for zero.
fn phase(value: Complex32) -> Complex32 {
    let length = value.norm_sqr().sqrt();
    if length > 0.0 { value / length } else { Complex32::ONE }
}
