//! What a person looks at before trusting a recipe: items of a batch at every stage between data set and encoder.

mod sheet;
mod shown;
mod sound;

use candle_core::Tensor;
use thiserror::Error;

use crate::augment::{self, ViewsError};
use crate::data::{DataError, Set};
use crate::recipe::Settings;
use crate::train::inputs::{self, At};
use crate::train::{Batches, StepError, TrainError};

use shown::Shown;

pub use sheet::{Caption, draw};
pub use sound::{Sound, sounds};

/// Why the stages of a batch cannot be shown.
#[derive(Debug, Error)]
pub enum StagesError {
    #[error("rows of a table have no picture to look at; choose cells of images or speech with --only")]
    Table,
    #[error("there is no sound in {id}; choose cells of speech with --only")]
    NoSound { id: &'static str },
    #[error("epoch {found} of a run of {epochs}: expected 1 to {epochs}")]
    Epoch { found: usize, epochs: usize },
    #[error(transparent)]
    Data(#[from] DataError),
    #[error(transparent)]
    Views(#[from] ViewsError),
    #[error(transparent)]
    Train(#[from] TrainError),
    #[error(transparent)]
    Step(#[from] StepError),
    #[error(transparent)]
    Tensor(#[from] candle_core::Error),
    #[error(transparent)]
    Wav(#[from] hound::Error),
}

/// The first items of a batch.
#[derive(Clone, Debug, PartialEq)]
pub struct Stages {
    /// Of every picture.
    pub height: usize,
    pub width: usize,
    /// What a reader must know of the pictures.
    pub legend: Option<&'static str>,
    /// Names of the stages.
    pub names: Vec<&'static str>,
    pub items: Vec<Item>,
    /// Items of the whole batch.
    pub batch: usize,
}

/// An item of a batch.
#[derive(Clone, Debug, PartialEq)]
pub struct Item {
    /// In the training set, from 0.
    pub row: usize,
    pub class: String,
    /// None where the recipe mixes nothing.
    pub mixed: Option<Mixed>,
    /// One for each stage, `[height, width, 3]`.
    pub pictures: Vec<Vec<u8>>,
}

/// What an item was mixed with.
#[derive(Clone, Debug, PartialEq)]
pub struct Mixed {
    /// Share of the item itself, in [0, 1]: the virtual label says the same.
    pub lambda: f32,
    /// The layer of the encoder that it is mixed at, 0 being the input; none where that is not drawn.
    pub layer: Option<usize>,
    /// Place of the partner in the batch, from 0.
    pub partner: usize,
    pub partner_class: String,
}

/// The stages of the first `count` items of the batch that a run with these settings takes `at` a step: the very draws
/// of training.
///
/// # Errors
/// Data without pictures, an epoch that the run does not have, what training refuses.
pub fn stages(set: &Set, settings: &Settings, at: At, count: usize) -> Result<Stages, StagesError> {
    let items = Shown::of(set)?;
    let pretext = &settings.pretext;
    let source = augment::source(set, &settings.views, at.seed)?;
    let batch = Batches::new(&*source, pretext, at)?
        .next()
        .ok_or(StagesError::Epoch { found: at.epoch + 1, epochs: pretext.epochs })??;
    let rows: Vec<usize> = batch.rows.iter().map(|row| *row as usize).collect();
    let count = count.min(rows.len());

    let mut names = vec!["original", "view 1 (query)", "view 2 (key)"];
    let originals = rows.iter().take(count).map(|row| items.original(*row)).collect::<Result<_, DataError>>()?;
    let mut shown: Vec<Vec<Vec<u8>>> = vec![originals];
    let mut show = |values: &[f32]| {
        shown.push(values.chunks_exact(items.values()).take(count).map(|values| items.pixels(values)).collect());
    };
    batch.views.iter().for_each(|view| show(view));
    let [queries, keys] = inputs::of(pretext, at, batch)?;
    if pretext.input_mix.is_some() {
        names.extend(["query, InputMix", "key, InputMix"]);
        show(&values(&queries)?);
        show(&values(&keys)?);
    }
    let inputs::Mixed { queries: mixed, labels, layers } = inputs::mixed(pretext, at, &queries)?;
    let inside = pretext.mix.layers.is_some();
    if let Some(partners) = &labels.partner {
        names.extend(["its partner", if inside { "query at layer 0" } else { "mixed query" }]);
        let order = Tensor::new(partners.as_slice(), queries.device())?;
        show(&values(&queries.index_select(&order, 0)?)?);
        show(&values(&mixed)?);
    }

    let listed = (0..count).map(|item| Item {
        row: rows[item],
        class: items.class(rows[item]),
        mixed: labels.partner.as_ref().map(|partners| Mixed {
            lambda: labels.lambda[item],
            partner: partners[item] as usize,
            layer: inside.then(|| layers[item * layers.len() / rows.len()]),
            partner_class: items.class(rows[partners[item] as usize]),
        }),
        pictures: shown.iter().map(|stage| stage[item].clone()).collect(),
    });
    let ((height, width), legend) = (items.size(), items.legend());
    Ok(Stages { height, width, legend, names, items: listed.collect(), batch: rows.len() })
}

fn values(rows: &Tensor) -> candle_core::Result<Vec<f32>> {
    rows.flatten_all()?.to_vec1()
}

#[cfg(test)]
mod tests;
