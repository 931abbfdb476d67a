//! Experiments: found, read, checked, and expanded into cells.

use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use crate::paper::{self, PaperNumber};
use crate::recipe::Settings;

use super::error::{ExperimentError, Mismatch, nearest};
use super::file::{ExperimentFile, ReportLayout};
use super::shape::Shape;
use super::{Cell, Claim, Filter, Scale, builtin, claim, deviations, document, expand, references, trial, validate};

static FILE: LazyLock<Shape> = LazyLock::new(|| Shape::new(schema()));
static SETTINGS: LazyLock<Shape> = LazyLock::new(|| Shape::new(schemars::schema_for!(Settings)));

/// The JSON Schema of experiment files; `experiments/schema.json` is a copy of it.
pub fn schema() -> schemars::Schema {
    schemars::schema_for!(ExperimentFile)
}

/// Where an experiment file comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Part of the program.
    Embedded,
    File(PathBuf),
}

impl std::fmt::Display for Origin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Origin::Embedded => f.write_str("embedded"),
            Origin::File(path) => path.display().fmt(f),
        }
    }
}

/// A table or figure of the paper, every cell of which is known to be well formed at every scale.
#[derive(Clone, Debug)]
pub struct Experiment {
    file: ExperimentFile,
    /// How messages call the file.
    name: String,
    origin: Origin,
    combinations: Vec<Vec<(String, String)>>,
}

impl Experiment {
    /// Loads an embedded experiment by its id, or any other from the path of its file.
    pub fn load(id_or_path: &str) -> Result<Experiment, ExperimentError> {
        if let Some((id, text)) = builtin::FILES.iter().find(|(id, _)| *id == id_or_path) {
            return Experiment::parse(text.as_bytes(), &embedded_name(id), Origin::Embedded);
        }
        let path = Path::new(id_or_path);
        if !path.exists() && !id_or_path.contains(['/', '\\']) && !id_or_path.ends_with(".json") {
            let known: Vec<String> = builtin::FILES.iter().map(|(id, _)| (*id).to_owned()).collect();
            return Err(ExperimentError::NoSuchExperiment {
                name: id_or_path.to_owned(),
                nearest: nearest(id_or_path, known.iter().map(String::as_str)),
                known,
            });
        }
        let bytes = std::fs::read(path).map_err(|reason| ExperimentError::Read { path: path.to_owned(), reason })?;
        Experiment::parse(&bytes, id_or_path, Origin::File(path.to_owned()))
    }

    /// Every embedded experiment, in the order of the paper.
    pub fn all() -> Result<Vec<Experiment>, ExperimentError> {
        builtin::FILES.iter().map(|(id, _)| Experiment::load(id)).collect()
    }

    /// Reads an experiment file. `file` is how messages call it.
    pub fn parse(bytes: &[u8], file: &str, origin: Origin) -> Result<Experiment, ExperimentError> {
        let fault = |mismatch| ExperimentError::File { file: file.to_owned(), mismatch: Box::new(mismatch) };
        let document = document::parse(file, bytes)?;
        FILE.check(&document).map_err(fault)?;
        let parsed: ExperimentFile = serde_json::from_value(document)
            .map_err(|error| fault(Mismatch::new("", error.to_string(), "an experiment")))?;
        let combinations = references::check(&parsed).map_err(fault)?;
        let experiment = Experiment { file: parsed, name: file.to_owned(), origin, combinations };
        experiment.check_cells()?;
        Ok(experiment)
    }

    fn check_cells(&self) -> Result<(), ExperimentError> {
        let everything = Filter::default();
        let mut known: Vec<String> = Vec::new();
        // A mistake in the published settings shows at every scale: name it at theirs.
        for scale in Scale::ALL.into_iter().rev() {
            for axes in self.selected(scale, &everything) {
                let readings = validate::readings(&self.settings(axes, scale)?.evaluation);
                if !readings.contains(&self.file.report.reading) {
                    return Err(self.no_reading("/report/reading", &self.file.report.reading, &readings));
                }
                known.extend(readings);
                known.sort_unstable();
                known.dedup();
            }
        }
        for (index, reading) in self.file.report.readings.iter().enumerate() {
            if !known.contains(reading) {
                return Err(self.no_reading(&format!("/report/readings/{index}"), reading, &known));
            }
        }
        Ok(())
    }

    fn no_reading(&self, at: &str, found: &str, known: &[String]) -> ExperimentError {
        let mismatch = Mismatch::unknown(at, "the reading", found, known.iter().map(String::as_str));
        ExperimentError::File { file: self.name.clone(), mismatch: Box::new(mismatch) }
    }

    fn settings(&self, axes: &[(String, String)], scale: Scale) -> Result<Settings, ExperimentError> {
        expand::settings(&self.file, axes, scale, &SETTINGS).map_err(|fault| ExperimentError::Cell {
            file: self.name.clone(),
            set_at: fault.set_at,
            cell: trial::name_of(axes),
            scale,
            mismatch: Box::new(fault.mismatch),
        })
    }

    pub fn id(&self) -> &str {
        &self.file.id
    }

    pub fn title(&self) -> &str {
        &self.file.title
    }

    /// What the paper reports, in a sentence or two.
    pub fn expected(&self) -> &str {
        &self.file.expected
    }

    /// Half the width, in percentage points, of the band around a published number that counts as the same number.
    pub fn margin(&self) -> f64 {
        self.file.margin
    }

    /// What the run costs at each scale, in words.
    pub fn cost(&self) -> &str {
        &self.file.cost
    }

    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    pub fn layout(&self) -> &ReportLayout {
        &self.file.report
    }

    /// The axis of the data that encoders are read out on, where that is not the data they were trained on.
    pub fn transfer(&self) -> Option<&str> {
        self.file.report.transfer.as_deref()
    }

    /// Axis ids with their value ids, both in the order of the file.
    pub fn axes(&self) -> Vec<(&str, Vec<&str>)> {
        self.file.axes.iter().map(|(axis, values)| (axis, values.keys().collect())).collect()
    }

    /// What reports call a value of an axis at a scale; the value's id if the experiment has no such value.
    pub fn label<'a>(&'a self, axis: &str, value: &'a str, scale: Scale) -> &'a str {
        let known = self.file.axes.get(axis).and_then(|values| values.get(value));
        known.map_or(value, |known| known.labels.get(&scale).unwrap_or(&known.label))
    }

    /// The labels of a cell's values at a scale, in the order of the axes.
    pub fn title_of(&self, cell: &Cell, scale: Scale) -> String {
        let labels: Vec<&str> = cell.axes.iter().map(|(axis, value)| self.label(axis, value, scale)).collect();
        labels.join(", ")
    }

    /// The cells of a scale that pass the filter, the last axis running fastest.
    pub fn cells(&self, scale: Scale, filter: &Filter) -> Result<Vec<Cell>, ExperimentError> {
        self.check_filter(scale, filter)?;
        self.selected(scale, filter).map(|axes| self.cell(axes, scale)).collect()
    }

    /// The number of the paper that a cell is compared with.
    pub fn paper(&self, cell: &Cell) -> Option<&'static PaperNumber> {
        paper::number(&references::element(&self.file, &cell.axes)?, &references::facts(&self.file, &cell.axes))
    }

    /// Every inequality of every claim, whatever the scale.
    pub fn claims(&self) -> Vec<Claim> {
        let mut claims: Vec<Claim> = Vec::new();
        for stated in &self.file.claims {
            for axes in &self.combinations {
                let of_group = claim::of_group(stated, axes);
                // Every cell of a group gives the same inequality.
                if of_group.greater == *axes && self.combinations.contains(&of_group.than) {
                    claims.push(of_group);
                }
            }
        }
        claims
    }

    fn selected<'a>(&'a self, scale: Scale, filter: &'a Filter) -> impl Iterator<Item = &'a Vec<(String, String)>> {
        let only = expand::overlay(&self.file, scale).map(|overlay| &overlay.only);
        self.combinations
            .iter()
            .filter(move |axes| only.is_none_or(|only| expand::matches(only, axes)))
            .filter(move |axes| axes.iter().all(|(axis, value)| self.is_at(scale, axis, value)))
            .filter(|axes| filter.accepts(axes))
    }

    fn is_at(&self, scale: Scale, axis: &str, value: &str) -> bool {
        self.file.axes.get(axis).and_then(|values| values.get(value)).is_some_and(|value| value.is_at(scale))
    }

    fn cell(&self, axes: &[(String, String)], scale: Scale) -> Result<Cell, ExperimentError> {
        let published = self.settings(axes, Scale::Paper)?;
        let settings = self.settings(axes, scale)?;
        let trials = expand::overlay(&self.file, scale).and_then(|overlay| overlay.trials);
        Ok(Cell {
            axes: axes.to_vec(),
            trials: trials.unwrap_or(self.file.trials).into(),
            reading: self.file.report.reading.clone(),
            deviations: deviations::of(&published, &settings),
            settings,
        })
    }

    fn check_filter(&self, scale: Scale, filter: &Filter) -> Result<(), ExperimentError> {
        let unknown = |what: &str, found: &str, known: Vec<&str>| ExperimentError::Selection {
            experiment: self.file.id.clone(),
            what: what.to_owned(),
            found: found.to_owned(),
            nearest: nearest(found, known.iter().copied()),
            expected: known.into_iter().map(str::to_owned).collect(),
        };
        for (axis, values) in &filter.axes {
            let known = self.file.axes.get(axis);
            let known = known.ok_or_else(|| unknown("no axis", axis, self.file.axes.keys().collect()))?;
            if let Some(value) = values.iter().find(|value| known.get(value).is_none()) {
                return Err(unknown("no value", value, known.keys().collect()));
            }
            if let Some(value) = values.iter().find(|value| !self.is_at(scale, axis, value)) {
                let there = known.keys().filter(|value| self.is_at(scale, axis, value)).collect();
                return Err(unknown(&format!("at the {scale} scale no value"), value, there));
            }
        }
        Ok(())
    }
}

fn embedded_name(id: &str) -> String {
    format!("experiments/{id}.json")
}
