//! The front end of speech: one second of sound becomes a picture of 32 mel bands by 32 frames in decibels, with
//! librosa 0.8's conventions (official `speech_commands/transforms_wav.py`, `transforms_stft.py`).

mod decibel;
mod mel;
mod stft;
mod vocoder;

#[cfg(test)]
mod tests;

pub use stft::{Spectrum, Stft, StftBuffers};
pub use vocoder::{shift, stretch};

use mel::MelBank;

/// Samples a second.
pub const SAMPLE_RATE: usize = 16_000;
/// Samples of a clip: one second.
pub const CLIP: usize = SAMPLE_RATE;
/// Samples of a window of the short-time Fourier transform.
pub const WINDOW: usize = 2048;
/// Samples from one window to the next.
pub const HOP: usize = 512;
/// Frequencies of a frame, from 0 to half the sample rate.
pub const BINS: usize = WINDOW / 2 + 1;
/// Frames of a clip: one around every 512th sample, the first included.
pub const FRAMES: usize = CLIP / HOP + 1;
/// Mel bands.
pub const BANDS: usize = 32;
/// Values of a clip's picture, `[BANDS, FRAMES]`.
pub const PICTURE: usize = BANDS * FRAMES;
/// Decibels of the loudest value above the faintest that still counts.
pub const RANGE: f32 = 80.0;

/// Makes log-mel pictures. Shared by threads, each with its own [`StftBuffers`].
pub struct FrontEnd {
    stft: Stft,
    bank: MelBank,
}

impl FrontEnd {
    #[expect(clippy::new_without_default, reason = "it makes tables, which a default should not")]
    pub fn new() -> FrontEnd {
        FrontEnd { stft: Stft::new(), bank: MelBank::new() }
    }

    /// The short-time Fourier transform underneath.
    pub fn stft(&self) -> &Stft {
        &self.stft
    }

    /// The picture of a spectrum, `[BANDS, FRAMES]` in decibels from -80 to 0: low bands first, 0 the loudest value. All
    /// 0 where there is no sound at all.
    pub fn log_mel(&self, spectrum: &Spectrum, out: &mut [f32]) {
        self.bank.apply(spectrum, out);
        decibel::from_power(out);
    }

    /// The picture of a clip of [`CLIP`] samples as it is.
    pub fn picture(&self, samples: &[f32], buffers: &mut StftBuffers, out: &mut [f32]) {
        let mut spectrum = Spectrum::silent();
        self.stft.forward(samples, buffers, &mut spectrum);
        self.log_mel(&spectrum, out);
    }
}
