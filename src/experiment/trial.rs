//! Cells and trials.

use serde::{Deserialize, Serialize};

use crate::recipe::{DataIdentity, DataSettings, EvaluationRecipe, PretextRecipe, Settings};

/// One number of a table or figure.
#[derive(Clone, Debug, PartialEq)]
pub struct Cell {
    /// Axis and value ids, in the order of the experiment file: `[("dataset", "covtype"), ...]`.
    pub axes: Vec<(String, String)>,
    /// Fully resolved at one scale.
    pub settings: Settings,
    /// Trials that the scale asks for.
    pub trials: usize,
    /// The reading that stands in the table, for instance `linear/last/test-rate`.
    pub reading: String,
    /// Where this cell leaves the published protocol.
    pub deviations: Vec<Deviation>,
}

/// A difference from the published protocol, shown wherever the cell is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deviation {
    /// What differs: a setting's path such as `pretext.epochs`, or a word such as `classifier-rate`.
    pub what: String,
    pub published: String,
    pub ours: String,
}

/// A cell with a seed: what has to be run for it.
#[derive(Clone, Debug, PartialEq)]
pub struct Trial {
    pub seed: u64,
    /// None where every evaluation trains from scratch.
    pub pretext: Option<PretextRecipe>,
    pub evaluations: Vec<EvaluationRecipe>,
}

/// The content of a cell's data.
#[derive(Clone, Debug, PartialEq)]
pub struct CellData {
    /// What the encoder is trained on.
    pub pretext: DataIdentity,
    /// What the read-outs train and test on; the same but in a transfer.
    pub read_out: DataIdentity,
}

impl Cell {
    /// The cell's value on an axis.
    pub fn value(&self, axis: &str) -> Option<&str> {
        self.axes.iter().find(|(name, _)| name == axis).map(|(_, value)| value.as_str())
    }

    /// `dataset=covtype,method=moco,imix=on`, as `--only` takes it.
    pub fn name(&self) -> String {
        name_of(&self.axes)
    }

    /// Names the data of the cell. `identify` names one data set.
    ///
    /// # Errors
    /// The first that `identify` reports.
    pub fn identify<E>(&self, identify: impl Fn(&DataSettings) -> Result<DataIdentity, E>) -> Result<CellData, E> {
        let pretext = identify(&self.settings.data)?;
        let read_out = self.settings.evaluation.data.as_ref().map(identify).transpose()?;
        Ok(CellData { read_out: read_out.unwrap_or_else(|| pretext.clone()), pretext })
    }

    /// The recipes of the trial with this seed, on the data with this content. Seeds count from 0.
    pub fn trial(&self, seed: u64, data: &CellData) -> Trial {
        let Settings { views, network, pretext, evaluation, .. } = &self.settings;
        let kinds = evaluation.kinds();
        let pretext = kinds
            .iter()
            .any(|kind| kind.needs_encoder())
            .then(|| PretextRecipe::new(seed, data.pretext.clone(), views.clone(), network.clone(), pretext.clone()));
        let address = pretext.as_ref().map(PretextRecipe::address);
        let read_out = DataIdentity {
            settings: DataSettings { subset: evaluation.subset, ..data.read_out.settings.clone() },
            digest: data.read_out.digest.clone(),
        };
        let evaluations = kinds
            .into_iter()
            .map(|kind| {
                let encoder = if kind.needs_encoder() { address.clone() } else { None };
                EvaluationRecipe::new(seed, encoder, read_out.clone(), network.clone(), kind)
            })
            .collect();
        Trial { seed, pretext, evaluations }
    }
}

pub(super) fn name_of(axes: &[(String, String)]) -> String {
    let pairs: Vec<String> = axes.iter().map(|(axis, value)| format!("{axis}={value}")).collect();
    pairs.join(",")
}
