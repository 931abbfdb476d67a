//! Short-time Fourier transform of a clip, centred, with reflected ends, and its inverse (librosa's `stft`, `istft`).

use std::f64::consts::TAU;
use std::sync::Arc;

use realfft::num_complex::Complex32;
use realfft::{ComplexToReal, RealFftPlanner, RealToComplex};

use super::{BINS, CLIP, FRAMES, HOP, WINDOW};

/// Samples that stand before the first and after the last of a clip, so that frames are centred.
const MARGIN: usize = WINDOW / 2;

/// The spectrum of a clip, frame by frame.
#[derive(Clone, Debug, PartialEq)]
pub struct Spectrum(Vec<Complex32>);

impl Spectrum {
    /// No sound.
    pub fn silent() -> Spectrum {
        Spectrum(vec![Complex32::ZERO; FRAMES * BINS])
    }

    /// Frames in their order, each of [`BINS`] values.
    pub fn frames(&self) -> impl Iterator<Item = &[Complex32]> {
        self.0.chunks_exact(BINS)
    }

    pub fn frames_mut(&mut self) -> impl Iterator<Item = &mut [Complex32]> {
        self.0.chunks_exact_mut(BINS)
    }

    pub fn frame(&self, at: usize) -> &[Complex32] {
        &self.0[at * BINS..][..BINS]
    }

    /// Takes `share`, from 0 to 1, of each value from `other`, and the rest from here.
    pub fn blend(&mut self, other: &Spectrum, share: f32) {
        for (value, other) in self.0.iter_mut().zip(&other.0) {
            *value = *value * (1.0 - share) + other * share;
        }
    }
}

/// The transform's tables.
pub struct Stft {
    forward: Arc<dyn RealToComplex<f32>>,
    inverse: Arc<dyn ComplexToReal<f32>>,
    /// Hann's window, periodic.
    window: Vec<f32>,
    /// Of each sample, margins included: one over the sum of the squared windows above it.
    coverage: Vec<f32>,
}

/// What one thread works with.
pub struct StftBuffers {
    padded: Vec<f32>,
    frame: Vec<f32>,
    forward: Vec<Complex32>,
    spectrum: Vec<Complex32>,
    inverse: Vec<Complex32>,
}

impl Stft {
    pub(super) fn new() -> Stft {
        let mut planner = RealFftPlanner::new();
        let hann = |at: usize| (0.5 - 0.5 * (TAU * at as f64 / WINDOW as f64).cos()) as f32;
        let window: Vec<f32> = (0..WINDOW).map(hann).collect();
        let mut coverage = vec![0.0; (FRAMES - 1) * HOP + WINDOW];
        for frame in 0..FRAMES {
            coverage[frame * HOP..].iter_mut().zip(&window).for_each(|(sum, value)| *sum += value * value);
        }
        // The outermost samples, where no window reaches, lie in the margins.
        coverage.iter_mut().for_each(|sum| *sum = if *sum > f32::MIN_POSITIVE { 1.0 / *sum } else { 1.0 });
        Stft { forward: planner.plan_fft_forward(WINDOW), inverse: planner.plan_fft_inverse(WINDOW), window, coverage }
    }

    pub fn buffers(&self) -> StftBuffers {
        StftBuffers {
            padded: vec![0.0; CLIP + 2 * MARGIN],
            frame: vec![0.0; WINDOW],
            forward: self.forward.make_scratch_vec(),
            spectrum: vec![Complex32::ZERO; BINS],
            inverse: self.inverse.make_scratch_vec(),
        }
    }

    /// The spectrum of a clip of [`CLIP`] samples.
    pub fn forward(&self, samples: &[f32], buffers: &mut StftBuffers, spectrum: &mut Spectrum) {
        let StftBuffers { padded, frame, forward, .. } = buffers;
        reflected(samples, padded);
        for (at, out) in spectrum.frames_mut().enumerate() {
            for ((value, sample), weight) in frame.iter_mut().zip(&padded[at * HOP..]).zip(&self.window) {
                *value = sample * weight;
            }
            self.forward.process_with_scratch(frame, out, forward).expect("the buffers are as long as planned");
        }
    }

    /// The clip of a spectrum: overlapped and added with the same window, divided by what the windows sum to.
    pub fn inverse(&self, spectrum: &Spectrum, buffers: &mut StftBuffers, samples: &mut [f32]) {
        let StftBuffers { padded, frame, spectrum: bins, inverse, .. } = buffers;
        padded.fill(0.0);
        for (at, values) in spectrum.frames().enumerate() {
            bins.copy_from_slice(values);
            // Of a real signal these are real: a vocoder turns them all the same.
            (bins[0].im, bins[BINS - 1].im) = (0.0, 0.0);
            self.inverse.process_with_scratch(bins, frame, inverse).expect("the buffers are as long as planned");
            for ((sum, value), weight) in padded[at * HOP..].iter_mut().zip(&*frame).zip(&self.window) {
                *sum += value * weight / WINDOW as f32;
            }
        }
        let covered = padded[MARGIN..].iter().zip(&self.coverage[MARGIN..]);
        for (sample, (sum, coverage)) in samples.iter_mut().zip(covered) {
            *sample = sum * coverage;
        }
    }
}

/// Puts a clip between what its ends look like in a mirror that stands on the first and on the last sample.
fn reflected(samples: &[f32], padded: &mut [f32]) {
    padded[MARGIN..MARGIN + CLIP].copy_from_slice(samples);
    for at in 1..=MARGIN {
        padded[MARGIN - at] = samples[at];
        padded[MARGIN + CLIP - 1 + at] = samples[CLIP - 1 - at];
    }
}
