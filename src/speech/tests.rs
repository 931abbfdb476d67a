//! The front end against librosa (`tests/fixtures/speech.py`).

use safetensors::SafeTensors;

use super::*;

/// Bins of the fixture's spectra: every 41st.
const STEP: usize = 41;
const CLIPS: usize = 4;

fn fixture(name: &str) -> Vec<f32> {
    let bytes = include_bytes!("../../tests/fixtures/speech.safetensors");
    let tensors = SafeTensors::deserialize(bytes).expect("a safetensors file");
    let data = tensors.tensor(name).expect("a tensor").data();
    data.chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect()
}

fn farthest(ours: &[f32], theirs: &[f32]) -> f32 {
    assert_eq!(ours.len(), theirs.len());
    ours.iter().zip(theirs).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
}

#[test]
fn spectra_are_librosas() {
    let front_end = FrontEnd::new();
    let (mut buffers, mut spectrum) = (front_end.stft().buffers(), Spectrum::silent());
    let (clips, theirs) = (fixture("clips"), fixture("spectra"));
    for (clip, theirs) in clips.chunks_exact(CLIP).zip(theirs.chunks_exact(theirs.len() / CLIPS)) {
        front_end.stft().forward(clip, &mut buffers, &mut spectrum);
        let ours: Vec<f32> = spectrum
            .frames()
            .flat_map(|frame| frame.iter().step_by(STEP))
            .flat_map(|value| [value.re, value.im])
            .collect();
        let largest = theirs.iter().fold(0.0f32, |largest, value| largest.max(value.abs()));
        assert!(farthest(&ours, theirs) < 1e-6 * largest.max(1.0), "{} of {largest}", farthest(&ours, theirs));
    }
}

#[test]
fn pictures_are_librosas_to_a_hundredth_of_a_decibel() {
    let front_end = FrontEnd::new();
    let (mut buffers, mut picture) = (front_end.stft().buffers(), vec![0.0; PICTURE]);
    for (clip, theirs) in fixture("clips").chunks_exact(CLIP).zip(fixture("log_mel").chunks_exact(PICTURE)) {
        front_end.picture(clip, &mut buffers, &mut picture);
        assert!(farthest(&picture, theirs) < 0.01, "{} dB", farthest(&picture, theirs));
        assert!(picture.iter().all(|value| (-RANGE..=0.0).contains(value)));
    }
}

#[test]
fn silence_is_all_zero_decibels() {
    let front_end = FrontEnd::new();
    let mut picture = vec![f32::NAN; PICTURE];
    front_end.picture(&[0.0; CLIP], &mut front_end.stft().buffers(), &mut picture);
    assert!(picture.iter().all(|value| *value == 0.0));
}

#[test]
fn the_inverse_gives_the_clip_back() {
    let front_end = FrontEnd::new();
    let (mut buffers, mut spectrum) = (front_end.stft().buffers(), Spectrum::silent());
    let mut sound = vec![0.0; CLIP];
    for clip in fixture("clips").chunks_exact(CLIP) {
        front_end.stft().forward(clip, &mut buffers, &mut spectrum);
        front_end.stft().inverse(&spectrum, &mut buffers, &mut sound);
        assert!(farthest(&sound, clip) < 1e-5, "{}", farthest(&sound, clip));
    }
}

#[test]
fn at_its_own_speed_nothing_is_stretched() {
    let front_end = FrontEnd::new();
    let (mut buffers, mut spectrum) = (front_end.stft().buffers(), Spectrum::silent());
    let (mut stretched, mut moved) = (Spectrum::silent(), Spectrum::silent());
    front_end.stft().forward(&fixture("clips")[..CLIP], &mut buffers, &mut spectrum);
    for frames in [-8, -1, 0, 3, 8] {
        stretch(&spectrum, 1.0, frames, &mut stretched);
        shift(&spectrum, frames, &mut moved);
        let values = |spectrum: &Spectrum| -> Vec<f32> {
            spectrum.frames().flatten().flat_map(|value| [value.re, value.im]).collect()
        };
        assert!(farthest(&values(&stretched), &values(&moved)) < 1e-3, "{frames}");
        assert_eq!(moved.frame(10), spectrum.frame((10 + frames) as usize));
    }
}

/// The frames that are silent after a clip of 32 loud ones is stretched and moved.
#[test]
fn what_leaves_the_clip_does_not_come_back() {
    let mut loud = Spectrum::silent();
    loud.frames_mut().for_each(|frame| frame.fill(realfft::num_complex::Complex32::ONE));
    let silent = |rate: f64, frames: isize| -> Vec<usize> {
        let mut out = Spectrum::silent();
        stretch(&loud, rate, frames, &mut out);
        (0..FRAMES).filter(|at| out.frame(*at).iter().all(|value| value.norm_sqr() == 0.0)).collect()
    };
    assert_eq!(silent(0.8, 0), [0; 0], "40 frames, the last 8 cut");
    assert_eq!(silent(0.8, 8), [0; 0]);
    assert_eq!(silent(0.8, -3), [0, 1, 2]);
    assert_eq!(silent(1.2, 0), [27, 28, 29, 30, 31], "27 frames");
    assert_eq!(silent(1.2, 4), (23..32).collect::<Vec<_>>());
    assert_eq!(silent(1.2, -4), [0, 1, 2, 3, 27, 28, 29, 30, 31], "what moves beyond the 27 frames is lost");
}
