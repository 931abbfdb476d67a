//! What may happen to one recording: louder or quieter, faster and higher or slower and deeper, stretched at the same
//! pitch, moved in time.

use rand::{Rng, RngExt};

use crate::speech::{Spectrum, shift, stretch};

/// Factors of the amplitude.
const AMPLITUDE: std::ops::RangeInclusive<f32> = 0.7..=1.1;
/// Largest relative change of speed, of either kind.
const SPEED: f64 = 0.2;
/// Most frames that a clip is moved by.
const SHIFT: i32 = 8;

/// One outcome of the draws. What does not happen is none.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Change {
    pub amplitude: Option<f32>,
    /// Duration, with the pitch, in terms of the recording's.
    pub duration: Option<f64>,
    /// Speed at the same pitch in terms of the recording's.
    pub rate: Option<f64>,
    /// Frames to the left.
    pub shift: Option<isize>,
}

impl Change {
    /// Each change happens with this probability.
    pub fn random(probability: f64, stream: &mut impl Rng) -> Change {
        let happens = |stream: &mut _| RngExt::random_bool(stream, probability);
        Change {
            amplitude: happens(stream).then(|| stream.random_range(AMPLITUDE)),
            duration: happens(stream).then(|| 1.0 + stream.random_range(-SPEED..=SPEED)),
            rate: happens(stream).then(|| 1.0 + stream.random_range(-SPEED..=SPEED)),
            shift: happens(stream).then(|| stream.random_range(-SHIFT..=SHIFT) as isize),
        }
    }

    /// Makes a clip of a recording: changed, then cut or followed by silence.
    pub fn of_samples(&self, recorded: &[f32], out: &mut [f32]) {
        let amplitude = self.amplitude.unwrap_or(1.0);
        let step = 1.0 / self.duration.unwrap_or(1.0);
        let length = (recorded.len() as f64 / step).ceil() as usize;
        let (sounding, silent) = out.split_at_mut(length.min(out.len()));
        silent.fill(0.0);
        if self.duration.is_none() {
            sounding.iter_mut().zip(recorded).for_each(|(out, sample)| *out = sample * amplitude);
            return;
        }
        let last = recorded.len() - 1;
        for (at, out) in sounding.iter_mut().enumerate() {
            let position = at as f64 * step;
            let before = (position as usize).min(last);
            let (one, next) = (f64::from(recorded[before]), f64::from(recorded[(before + 1).min(last)]));
            *out = (one + (next - one) * (position - before as f64)) as f32 * amplitude;
        }
    }

    /// Stretches and moves the spectrum of a clip.
    pub fn of_spectrum(&self, spectrum: &Spectrum, out: &mut Spectrum) {
        match (self.rate, self.shift) {
            (Some(rate), frames) => stretch(spectrum, rate, frames.unwrap_or(0), out),
            (None, Some(frames)) => shift(spectrum, frames, out),
            (None, None) => out.clone_from(spectrum),
        }
    }
}
