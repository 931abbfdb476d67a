//! What the views of spoken clips sound like.

use std::io::Cursor;

use hound::{SampleFormat, WavSpec, WavWriter};

use crate::augment::SpeechViews;
use crate::data::Set;
use crate::recipe::Settings;
use crate::speech::{CLIP, SAMPLE_RATE};
use crate::train::Batches;
use crate::train::inputs::At;

use super::StagesError;

/// A WAV file of one second.
#[derive(Clone, Debug, PartialEq)]
pub struct Sound {
    pub name: String,
    pub wav: Vec<u8>,
}

const FORMAT: WavSpec =
    WavSpec { channels: 1, sample_rate: SAMPLE_RATE as u32, bits_per_sample: 32, sample_format: SampleFormat::Float };

/// The first `count` items of the batch that a run with these settings takes `at` a step, and both views of each: the
/// sound that the pictures of training are made from, before anything is mixed.
///
/// # Errors
/// Data without sound, an epoch that the run does not have, what training refuses.
pub fn sounds(set: &Set, settings: &Settings, at: At, count: usize) -> Result<Vec<Sound>, StagesError> {
    let Set::Speech(speech) = set else {
        return Err(StagesError::NoSound { id: settings.data.set.id() });
    };
    let source = SpeechViews::new(speech, &settings.views, at.seed)?;
    let batch = Batches::new(&source, &settings.pretext, at)?
        .next()
        .ok_or(StagesError::Epoch { found: at.epoch + 1, epochs: settings.pretext.epochs })??;
    let mut sounds = Vec::new();
    for (item, row) in batch.rows.iter().map(|row| *row as usize).take(count).enumerate() {
        let mut original = vec![0.0; CLIP];
        speech.train.clips[row].fill(&mut original);
        let views = [0, 1].map(|view| source.sound(row, view, at.epoch));
        let class = &speech.class_names[speech.train.labels[row] as usize];
        for (stage, samples) in ["original", "view-1", "view-2"].into_iter().zip([&original, &views[0], &views[1]]) {
            sounds.push(Sound { name: format!("item-{item}-{class}-{stage}.wav"), wav: wav(samples)? });
        }
    }
    Ok(sounds)
}

fn wav(samples: &[f32]) -> Result<Vec<u8>, StagesError> {
    let mut bytes = Cursor::new(Vec::new());
    let mut writer = WavWriter::new(&mut bytes, FORMAT)?;
    samples.iter().try_for_each(|sample| writer.write_sample(*sample))?;
    writer.finalize()?;
    Ok(bytes.into_inner())
}
