//! WAV files: PCM of 8, 16, 24 or 32 bits, or 32-bit floats, of any number of channels.

use std::io::Cursor;

use hound::{SampleFormat, WavReader, WavSpec};

use crate::data::{Clip, Fault};
use crate::speech::{CLIP, SAMPLE_RATE};

use super::resample;

/// Sample rates in Hz that recordings of speech come in, and far beyond.
const RATES: std::ops::RangeInclusive<u32> = 1000..=384_000;
const CHANNELS: u16 = 64;
/// Beyond any scale that samples are written in, and far from where their squares would overflow.
const LOUDEST: f32 = 1e6;
/// Before the first sample stand at least this many bytes.
const HEADER: usize = 44;

/// How much of a recording is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Extent {
    /// What a view of one second can hear: the fastest plays 1.25 seconds in one.
    Clip,
    All,
}

impl Extent {
    /// Samples at 16,000 a second.
    fn samples(self) -> Option<usize> {
        (self == Extent::Clip).then_some(CLIP * 5 / 4)
    }
}

/// Reads a recording: the mean of its channels, at 16,000 samples a second.
///
/// # Errors
/// Another kind of file or codec, a header that contradicts itself or the file's length, no samples, samples that are no
/// finite numbers.
pub(super) fn read(bytes: &[u8], extent: Extent) -> Result<Clip, Fault> {
    let mut reader = WavReader::new(Cursor::new(bytes)).map_err(unreadable)?;
    let spec = reader.spec();
    check(&spec)?;
    let (rate, channels) = (spec.sample_rate, usize::from(spec.channels));
    let claimed = reader.len() as usize;
    if claimed < channels {
        return Err(Fault::new("the sound", "samples", "none"));
    }
    let stored = usize::from(spec.bits_per_sample.div_ceil(8)) * claimed;
    if stored > bytes.len().saturating_sub(HEADER) {
        let found = format!("{} in all: the file is cut short, or its header is wrong", bytes.len());
        return Err(Fault::new("the sound", format!("{stored} bytes, as its header says"), found));
    }
    let frames = claimed / channels;
    // A resampler needs a little more than what it gives.
    let wanted = extent.samples().map_or(frames, |samples| samples * rate as usize / SAMPLE_RATE + rate as usize / 8);
    let count = frames.min(wanted) * channels;
    if spec == PLAIN {
        let samples: Vec<i16> = reader.samples::<i16>().take(count).collect::<Result<_, _>>().map_err(unreadable)?;
        return Ok(Clip::Pcm16(cut(samples, extent)));
    }
    let samples = match spec.sample_format {
        SampleFormat::Float => reader.samples::<f32>().take(count).collect::<Result<Vec<f32>, _>>(),
        SampleFormat::Int => {
            let scale = 1.0 / (1u64 << (spec.bits_per_sample - 1)) as f64;
            let samples = reader.samples::<i32>().take(count);
            samples.map(|sample| Ok((f64::from(sample?) * scale) as f32)).collect()
        }
    }
    .map_err(unreadable)?;
    if let Some(at) = samples.iter().position(|sample| !sample.is_finite() || sample.abs() > LOUDEST) {
        let place = format!("sample {}", at / channels + 1);
        return Err(Fault::new(place, "a number from -1 to 1", samples[at].to_string()));
    }
    let mono: Vec<f32> =
        samples.chunks_exact(channels).map(|frame| frame.iter().sum::<f32>() / channels as f32).collect();
    Ok(Clip::Float(cut(resample::to_16k(mono, rate), extent)))
}

/// What Speech Commands is published as, and needs no change.
const PLAIN: WavSpec =
    WavSpec { channels: 1, sample_rate: SAMPLE_RATE as u32, bits_per_sample: 16, sample_format: SampleFormat::Int };

fn cut<T>(mut samples: Vec<T>, extent: Extent) -> Box<[T]> {
    samples.truncate(extent.samples().unwrap_or(samples.len()));
    samples.into_boxed_slice()
}

fn check(spec: &WavSpec) -> Result<(), Fault> {
    if !RATES.contains(&spec.sample_rate) {
        let expected = format!("a sample rate from {} to {} Hz", RATES.start(), RATES.end());
        return Err(Fault::new("the header", expected, format!("{} Hz", spec.sample_rate)));
    }
    if !(1..=CHANNELS).contains(&spec.channels) {
        return Err(Fault::new("the header", format!("1 to {CHANNELS} channels"), spec.channels.to_string()));
    }
    let readable = match spec.sample_format {
        SampleFormat::Int => [8, 16, 24, 32].contains(&spec.bits_per_sample),
        SampleFormat::Float => spec.bits_per_sample == 32,
    };
    if readable {
        return Ok(());
    }
    let kind = if spec.sample_format == SampleFormat::Int { "whole numbers" } else { "floats" };
    Err(Fault::new("the header", SAMPLES, format!("{kind} of {} bits", spec.bits_per_sample)))
}

const SAMPLES: &str = "PCM of 8, 16, 24 or 32 bits, or 32-bit floats";

fn unreadable(error: hound::Error) -> Fault {
    match error {
        hound::Error::IoError(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => {
            Fault::new("the sound", "a whole WAV file", "an end in its middle: the file is cut short")
        }
        // The library's own words: it has no other place for them.
        hound::Error::IoError(error) => Fault::new("the sound", "a whole WAV file", error.to_string()),
        hound::Error::FormatError(what) => Fault::new("the header", "a WAV file", format!("damage ({what})")),
        hound::Error::Unsupported => Fault::new("the header", SAMPLES, "another codec"),
        other => Fault::new("the sound", SAMPLES, other.to_string()),
    }
}
