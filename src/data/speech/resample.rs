//! Any sample rate to 16,000 samples a second.

use rubato::audioadapter_buffers::direct::InterleavedSlice;
use rubato::{Fft, FixedSync, Resampler, WindowFunction};

use crate::speech::SAMPLE_RATE;

/// Samples that the filter of the resampler spans at least: long enough that little is lost below the limit.
const SPAN: usize = 1024;

/// Samples of one channel at `rate` Hz, at least 1, as they are at 16,000 Hz; as long as before to within a sample.
pub(super) fn to_16k(samples: Vec<f32>, rate: u32) -> Vec<f32> {
    let rate = rate as usize;
    if rate == SAMPLE_RATE {
        return samples;
    }
    let window = WindowFunction::BlackmanHarris2;
    // The library works in blocks of this many samples. Two at a time, or the middle of the filter falls between samples.
    let blocks = 2 * rate / greatest_common_divisor(rate, SAMPLE_RATE);
    let span = SPAN.next_multiple_of(blocks);
    let mut resampler = Fft::<f32>::new_custom(rate, SAMPLE_RATE, span, 1, 1, window, FixedSync::Both)
        .expect("rates above 0 can be turned into one another");
    let input = InterleavedSlice::new(&samples, 1, samples.len()).expect("one channel is as long as itself");
    let output = resampler.process_all(&input, samples.len(), None).expect("the buffers are as long as asked for");
    output.take_data()
}

fn greatest_common_divisor(a: usize, b: usize) -> usize {
    if b == 0 { a } else { greatest_common_divisor(b, a % b) }
}
