//! The mel filter bank of Slaney's Auditory Toolbox, each filter of unit area (librosa's `filters.mel`).

use super::stft::Spectrum;
use super::{BANDS, BINS, FRAMES, SAMPLE_RATE, WINDOW};

/// Below this frequency in Hz the scale is linear, above it logarithmic.
const BREAK: f64 = 1000.0;
/// Hz of one mel in the linear part.
const LINEAR: f64 = 200.0 / 3.0;
/// The logarithmic part multiplies the frequency by 6.4 in this many mels.
const MELS_OF_6_4: f64 = 27.0;

/// One triangle, as far as it is not zero.
struct Filter {
    first: usize,
    weights: Vec<f32>,
}

pub(super) struct MelBank {
    filters: Vec<Filter>,
}

impl MelBank {
    pub fn new() -> MelBank {
        let highest = mel(SAMPLE_RATE as f64 / 2.0);
        let corner = |index: usize| hertz(highest * index as f64 / (BANDS + 1) as f64);
        let filter = |band: usize| {
            let (low, centre, high) = (corner(band), corner(band + 1), corner(band + 2));
            let weight = |bin: usize| {
                let frequency = (bin * SAMPLE_RATE) as f64 / WINDOW as f64;
                let slope = ((frequency - low) / (centre - low)).min((high - frequency) / (high - centre));
                (slope.max(0.0) * 2.0 / (high - low)) as f32
            };
            let weights: Vec<f32> = (0..BINS).map(weight).collect();
            let first = weights.iter().position(|weight| *weight > 0.0).unwrap_or(0);
            let end = weights.iter().rposition(|weight| *weight > 0.0).map_or(first, |last| last + 1);
            Filter { first, weights: weights[first..end].to_vec() }
        };
        MelBank { filters: (0..BANDS).map(filter).collect() }
    }

    /// Power in each band and frame, `[BANDS, FRAMES]`.
    pub fn apply(&self, spectrum: &Spectrum, out: &mut [f32]) {
        let mut powers = [0.0; BINS];
        for (at, frame) in spectrum.frames().enumerate() {
            for (power, value) in powers.iter_mut().zip(frame) {
                *power = value.norm_sqr();
            }
            for (band, filter) in self.filters.iter().enumerate() {
                out[band * FRAMES + at] = product(&filter.weights, &powers[filter.first..]);
            }
        }
    }
}

/// Sum of products over the length of `weights`, in lanes that the compiler can keep in one register.
fn product(weights: &[f32], powers: &[f32]) -> f32 {
    const LANES: usize = 8;
    let powers = &powers[..weights.len()];
    let mut sums = [0.0; LANES];
    let (weights, powers) = (weights.chunks_exact(LANES), powers.chunks_exact(LANES));
    let rest: f32 = weights.remainder().iter().zip(powers.remainder()).map(|(weight, power)| weight * power).sum();
    for (weights, powers) in weights.zip(powers) {
        for ((sum, weight), power) in sums.iter_mut().zip(weights).zip(powers) {
            *sum += weight * power;
        }
    }
    sums.iter().sum::<f32>() + rest
}

fn mel(hertz: f64) -> f64 {
    if hertz < BREAK { hertz / LINEAR } else { BREAK / LINEAR + (hertz / BREAK).ln() * MELS_OF_6_4 / 6.4f64.ln() }
}

fn hertz(mel: f64) -> f64 {
    let linear = BREAK / LINEAR;
    if mel < linear { mel * LINEAR } else { BREAK * ((mel - linear) * 6.4f64.ln() / MELS_OF_6_4).exp() }
}
