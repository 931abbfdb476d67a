//! Views of spoken clips: changed waveform, changed spectrum, background noise, then a log-mel picture (official
//! `speech_commands/transforms_wav.py`, `transforms_stft.py`, put together in `main_pretext.py`).

mod change;

#[cfg(test)]
mod tests;

use rand::{Rng, RngExt};
use rayon::prelude::*;

use self::change::Change;
use super::{Source, ViewsError};
use crate::data::{Clip, Clips, DataError, SpeechSet};
use crate::random::{Key, Purpose};
use crate::recipe::{Domain, Views};
use crate::speech::{BANDS, CLIP, FRAMES, FrontEnd, PICTURE, Spectrum, StftBuffers};

/// Views that a thread draws before it looks for other work.
const PIECE: usize = 8;
/// Largest share of background noise.
const NOISE: f32 = 0.45;

/// Training clips seen through random changes, as log-mel pictures `[BANDS, FRAMES, 1]` in decibels.
pub struct SpeechViews<'a> {
    set: &'a SpeechSet,
    kind: Kind,
    front_end: FrontEnd,
    seed: u64,
}

enum Kind {
    /// Each change happens with this probability.
    Changed(f64),
    /// The pictures of the clips as they are, one after the other.
    Plain(Vec<f32>),
}

/// What one view is made with.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Draw {
    clip: Change,
    noise: Option<Noise>,
}

/// Background noise in a view.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Noise {
    /// Which second of the background, from 0.
    second: usize,
    change: Change,
    /// Its share of the sum.
    share: f32,
}

impl Draw {
    /// `seconds` is how much background there is; none draws no noise.
    fn random(probability: f64, seconds: usize, stream: &mut impl Rng) -> Draw {
        let clip = Change::random(probability, stream);
        let noisy = stream.random_bool(probability);
        let noise = (noisy && seconds > 0).then(|| Noise {
            second: stream.random_range(0..seconds),
            change: Change::random(probability, stream),
            share: stream.random_range(0.0..=NOISE),
        });
        Draw { clip, noise }
    }
}

impl<'a> SpeechViews<'a> {
    /// Views of the training clips of `set`.
    ///
    /// # Errors
    /// Views of another domain, a probability outside [0, 1], background noise that is not whole seconds.
    pub fn new(set: &'a SpeechSet, views: &Views, seed: u64) -> Result<SpeechViews<'a>, ViewsError> {
        let other = |views| Err(ViewsError::Domain { views, set: Domain::Speech });
        let probability = match views {
            Views::Speech { probability } => *probability,
            Views::Identity => 0.0,
            Views::Tabular { .. } => return other(Domain::Tabular),
            Views::Image { .. } => return other(Domain::Images),
        };
        if !(0.0..=1.0).contains(&probability) {
            let expected = "a number from 0 to 1";
            return Err(ViewsError::Setting { setting: "probability", found: probability, expected });
        }
        if !set.background.len().is_multiple_of(CLIP) {
            return Err(ViewsError::Background { samples: set.background.len() });
        }
        let front_end = FrontEnd::new();
        let kind =
            if probability == 0.0 { Kind::Plain(pictures(&set.train, &front_end)) } else { Kind::Changed(probability) };
        Ok(SpeechViews { set, kind, front_end, seed })
    }

    /// View `view` of clip `row` in `epoch` as sound, [`CLIP`] samples: what the picture of the view is made from.
    pub fn sound(&self, row: usize, view: usize, epoch: usize) -> Vec<f32> {
        let mut workspace = Workspace::new(&self.front_end);
        let mut samples = vec![0.0; CLIP];
        match self.kind {
            Kind::Plain(_) => self.set.train.clips[row].fill(&mut samples),
            Kind::Changed(probability) => {
                self.draw(row, view, epoch, probability, &mut workspace);
                self.front_end.stft().inverse(&workspace.view, &mut workspace.buffers, &mut samples);
            }
        }
        samples
    }

    /// Puts the spectrum of a view into the workspace.
    fn draw(&self, row: usize, view: usize, epoch: usize, probability: f64, workspace: &mut Workspace) {
        let mut stream = Key::new(self.seed, Purpose::Views).epoch(epoch).sample(row).view(view).stream();
        let background = &self.set.background;
        let draw = Draw::random(probability, background.len() / CLIP, &mut stream);
        workspace.take(&self.front_end, &draw, |samples| self.set.train.clips[row].read(samples), background);
    }
}

impl Source for SpeechViews<'_> {
    fn len(&self) -> usize {
        self.set.train.labels.len()
    }

    fn shape(&self) -> &[usize] {
        &[BANDS, FRAMES, 1]
    }

    /// Makes buffers for one view; for many, [`fill_rows`](Source::fill_rows) keeps them.
    fn fill(&self, row: usize, view: usize, epoch: usize, out: &mut [f32]) -> Result<(), DataError> {
        self.fill_rows(&[row as u32], view, epoch, out)
    }

    /// Runs on the threads of the rayon pool it is called in.
    fn fill_rows(&self, rows: &[u32], view: usize, epoch: usize, out: &mut [f32]) -> Result<(), DataError> {
        rows.par_chunks(PIECE).zip(out.par_chunks_mut(PIECE * PICTURE)).for_each(|(rows, out)| {
            let out = rows.iter().map(|row| *row as usize).zip(out.chunks_exact_mut(PICTURE));
            match &self.kind {
                Kind::Plain(pictures) => {
                    out.for_each(|(row, out)| out.copy_from_slice(&pictures[row * PICTURE..][..PICTURE]));
                }
                Kind::Changed(probability) => {
                    let mut workspace = Workspace::new(&self.front_end);
                    for (row, out) in out {
                        self.draw(row, view, epoch, *probability, &mut workspace);
                        self.front_end.log_mel(&workspace.view, out);
                    }
                }
            }
        });
        Ok(())
    }
}

/// The log-mel pictures of clips as they are, each `[BANDS, FRAMES]`, one after the other. Runs on the threads of the
/// rayon pool it is called in.
pub fn log_mels(clips: &Clips) -> Vec<f32> {
    pictures(clips, &FrontEnd::new())
}

/// The log-mel picture of a clip as it is, `[BANDS, FRAMES]`.
pub fn log_mel(clip: &Clip) -> Vec<f32> {
    log_mels(&Clips { clips: vec![clip.clone()], labels: vec![0] })
}

fn pictures(clips: &Clips, front_end: &FrontEnd) -> Vec<f32> {
    let mut out = vec![0.0; clips.clips.len() * PICTURE];
    let buffers = || (front_end.stft().buffers(), vec![0.0; CLIP]);
    clips.clips.par_iter().zip(out.par_chunks_exact_mut(PICTURE)).for_each_init(
        buffers,
        |(buffers, samples), (clip, out)| {
            clip.fill(samples);
            front_end.picture(samples, buffers, out);
        },
    );
    out
}

/// What a thread draws views with.
struct Workspace {
    buffers: StftBuffers,
    /// A clip as it was recorded, of any length.
    recorded: Vec<f32>,
    samples: Vec<f32>,
    /// The spectrum of `samples`.
    spectrum: Spectrum,
    view: Spectrum,
    noise: Spectrum,
}

impl Workspace {
    fn new(front_end: &FrontEnd) -> Workspace {
        Workspace {
            buffers: front_end.stft().buffers(),
            recorded: Vec::new(),
            samples: vec![0.0; CLIP],
            spectrum: Spectrum::silent(),
            view: Spectrum::silent(),
            noise: Spectrum::silent(),
        }
    }

    /// Puts the spectrum of a view of the clip that `read` gives into `view`.
    fn take(&mut self, front_end: &FrontEnd, draw: &Draw, read: impl Fn(&mut Vec<f32>), background: &[f32]) {
        let Workspace { buffers, recorded, samples, spectrum, view, noise } = self;
        let mut changed = |change: &Change, recorded: &[f32], out: &mut Spectrum| {
            change.of_samples(recorded, samples);
            front_end.stft().forward(samples, buffers, spectrum);
            change.of_spectrum(spectrum, out);
        };
        read(recorded);
        changed(&draw.clip, recorded, view);
        if let Some(Noise { second, change, share }) = &draw.noise {
            changed(change, &background[second * CLIP..][..CLIP], noise);
            view.blend(noise, *share);
        }
    }
}
