//! Background noise, and silence.

use rand::RngExt;
use rand_distr::{Distribution, StandardNormal};
use realfft::RealFftPlanner;
use realfft::num_complex::Complex32;

use crate::data::Clip;
use crate::random::{Key, Purpose};
use crate::recipe::Silence;
use crate::speech::CLIP;

use super::files::Recording;

/// Seconds of each colour of noise that stands in for recordings.
const SECONDS: usize = 30;
/// Root mean square of noise that stands in for recordings: 30 dB below full scale, so that words stay audible.
const LEVEL: f32 = 0.0316;

/// What recordings of noise hold, one after the other, in whole seconds. Where there is less than a second of it, half a
/// minute each of white and of pink noise, as in Speech Commands' own folder, the same in every run.
pub(super) fn of(recordings: &[Recording]) -> Vec<f32> {
    let (mut background, mut samples) = (Vec::new(), Vec::new());
    for recording in recordings {
        recording.clip.read(&mut samples);
        background.extend_from_slice(&samples);
    }
    background.truncate(background.len() / CLIP * CLIP);
    if background.is_empty() { generated() } else { background }
}

fn generated() -> Vec<f32> {
    let mut stream = Key::new(0, Purpose::Noise).stream();
    let white: Vec<f32> = (0..SECONDS * CLIP).map(|_| StandardNormal.sample(&mut stream)).collect();
    let pink = pink(&white);
    [levelled(white), levelled(pink)].concat()
}

/// The same power in every octave: amplitudes fall with the square root of the frequency.
fn pink(white: &[f32]) -> Vec<f32> {
    let mut planner = RealFftPlanner::<f32>::new();
    let (forward, inverse) = (planner.plan_fft_forward(white.len()), planner.plan_fft_inverse(white.len()));
    let (mut input, mut spectrum, mut pink) = (white.to_vec(), forward.make_output_vec(), inverse.make_output_vec());
    forward.process(&mut input, &mut spectrum).expect("the buffers are as long as planned");
    for (at, value) in spectrum.iter_mut().enumerate() {
        *value /= (at.max(1) as f32).sqrt();
    }
    spectrum[0] = Complex32::ZERO;
    inverse.process(&mut spectrum, &mut pink).expect("the buffers are as long as planned");
    pink
}

fn levelled(samples: Vec<f32>) -> Vec<f32> {
    let power = samples.iter().map(|sample| f64::from(sample * sample)).sum::<f64>() / samples.len() as f64;
    let factor = LEVEL / power.sqrt() as f32;
    samples.into_iter().map(|sample| sample * factor).collect()
}

/// The clip of silence at a place, from 0.
pub(super) fn silence(kind: Silence, at: usize, background: &[f32]) -> Clip {
    match kind {
        Silence::Zeros => Clip::Pcm16(vec![0; CLIP].into_boxed_slice()),
        Silence::BackgroundNoise => {
            let mut stream = Key::new(0, Purpose::Silence).sample(at).stream();
            let first = stream.random_range(0..=background.len() - CLIP);
            Clip::Float(background[first..first + CLIP].into())
        }
    }
}
