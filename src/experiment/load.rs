//! Experiments: found, read, checked, and expanded into cells.

use std::sync::LazyLock;

use serde_json::Value;

use crate::paper::{self, PaperNumber};
use crate::recipe::{Settings, Unit};

use super::error::{ExperimentError, Faults, Mismatch, nearest};
use super::expand::Fault;
use super::file::{ExperimentFile, FORMAT, ReportLayout};
use super::shape::Shape;
use super::source::{Origin, Source};
use super::{Cell, Claim, Filter, Scale, claim, deviations, document, expand, references, trial, validate};

static FILE: LazyLock<Shape> = LazyLock::new(|| Shape::new(schema()));
static SETTINGS: LazyLock<Shape> = LazyLock::new(|| Shape::new(schemars::schema_for!(Settings)));

/// The JSON Schema of experiment files; `experiments/schema.json` is a copy of it.
pub fn schema() -> schemars::Schema {
    schemars::schema_for!(ExperimentFile)
}

/// A table or figure of the paper, every cell of which is known to be well formed at every scale.
#[derive(Clone, Debug)]
pub struct Experiment {
    pub(super) file: ExperimentFile,
    /// How messages call the file.
    name: String,
    origin: Origin,
    pub(super) combinations: Vec<Vec<(String, String)>>,
}

/// Before anything else of it is looked at: the rest may have another shape by then.
fn refuse_newer(file: &str, document: &Value) -> Result<(), ExperimentError> {
    match document.get("format").and_then(Value::as_u64) {
        Some(found) if found > FORMAT.into() => {
            Err(ExperimentError::Newer { file: file.to_owned(), found, supported: FORMAT })
        }
        _ => Ok(()),
    }
}

/// A fault of the settings of some cells, at the scale that it was found at first.
struct FoundFault<'a> {
    fault: Fault,
    cells: Vec<&'a [(String, String)]>,
    scale: Scale,
}

impl Experiment {
    /// Loads an embedded experiment by its id, or any other from the path of its file.
    pub fn load(id_or_path: &str) -> Result<Experiment, ExperimentError> {
        Experiment::examine(&Source::find(id_or_path)?).map_err(|faults| *faults.first)
    }

    /// Every embedded experiment, in the order of the paper.
    pub fn all() -> Result<Vec<Experiment>, ExperimentError> {
        Source::embedded().map(Experiment::load).collect()
    }

    /// Reads an experiment file. `file` is how messages call it.
    pub fn parse(bytes: &[u8], file: &str, origin: Origin) -> Result<Experiment, ExperimentError> {
        let source = Source { name: file.to_owned(), bytes: bytes.into(), origin };
        Experiment::examine(&source).map_err(|faults| *faults.first)
    }

    /// Reads an experiment file and looks for everything that is wrong with it. Names are looked at once the schema is
    /// kept, and cells once every name is good: a fault would show in them again.
    pub fn examine(source: &Source) -> Result<Experiment, Faults> {
        let name = &source.name;
        let fault = |mismatch| ExperimentError::File { file: name.clone(), mismatch: Box::new(mismatch) };
        let document = document::parse(name, &source.bytes)?;
        refuse_newer(name, &document)?;
        Faults::none_in(FILE.faults(&document).into_iter().map(fault))?;
        let parsed: ExperimentFile = serde_json::from_value(document)
            .map_err(|error| fault(Mismatch::new("", error.to_string(), "an experiment")))?;
        let combinations = references::check(&parsed).map_err(|faults| faults.map(fault))?;
        let experiment = Experiment { file: parsed, name: name.clone(), origin: source.origin.clone(), combinations };
        Faults::none_in(experiment.cell_faults())?;
        Ok(experiment)
    }

    /// What is wrong with the settings and readings of the cells. A fault that several cells have from one place is
    /// named once.
    fn cell_faults(&self) -> Vec<ExperimentError> {
        let everything = Filter::default();
        let mut found: Vec<FoundFault> = Vec::new();
        let mut known: Vec<String> = Vec::new();
        let mut unread: Option<ExperimentError> = None;
        let mut is_empty = true;
        // A mistake in the published settings shows at every scale: name it at theirs.
        for scale in Scale::ALL.into_iter().rev() {
            for axes in self.selected(scale, &everything).map(Vec::as_slice) {
                is_empty = false;
                let readings = match expand::settings(&self.file, axes, scale, &SETTINGS) {
                    Ok(settings) => validate::readings(&settings.evaluation),
                    Err(faults) => {
                        for fault in faults {
                            match found.iter_mut().find(|known| known.fault == fault) {
                                Some(known) if known.cells.iter().any(|cell| std::ptr::eq(*cell, axes)) => {}
                                Some(known) => known.cells.push(axes),
                                None => found.push(FoundFault { fault, cells: vec![axes], scale }),
                            }
                        }
                        continue;
                    }
                };
                if unread.is_none() && self.reading(&readings).is_none() {
                    let wanted = self.file.report.reading.as_slice().join(" or ");
                    unread = Some(self.no_reading("/report/reading", &wanted, &readings));
                }
                known.extend(readings);
                known.sort_unstable();
                known.dedup();
            }
        }
        if is_empty {
            let mismatch = Mismatch::new("/axes", "no cell at any scale", "`scales` that leave at least one");
            return vec![ExperimentError::File { file: self.name.clone(), mismatch: Box::new(mismatch) }];
        }
        let complete = found.is_empty();
        let mut faults: Vec<ExperimentError> = found.into_iter().map(|found| self.cell_fault(found)).collect();
        faults.extend(unread);
        let report = &self.file.report;
        if let Some(other) = report.reading.as_slice().iter().find(|it| Unit::of(it) != Unit::Accuracy) {
            let accuracies: Vec<String> = known.iter().filter(|it| Unit::of(it) == Unit::Accuracy).cloned().collect();
            faults.push(self.no_reading("/report/reading", other, &accuracies));
        }
        let beneath = report.readings.iter().enumerate();
        let beneath = beneath.map(|(index, reading)| (format!("/report/readings/{index}"), reading));
        let claims = self.file.claims.iter().enumerate();
        let claims = claims.filter_map(|(index, it)| Some((format!("/claims/{index}/reading"), it.reading.as_ref()?)));
        for (at, reading) in beneath.chain(claims).filter(|(_, reading)| complete && !known.contains(reading)) {
            faults.push(self.no_reading(&at, reading, &known));
        }
        faults
    }

    fn cell_fault(&self, FoundFault { fault, cells, scale }: FoundFault) -> ExperimentError {
        ExperimentError::Cell {
            file: self.name.clone(),
            set_at: fault.set_at,
            cell: cells.first().map(|axes| trial::name_of(axes)).unwrap_or_default(),
            also: cells.len().saturating_sub(1),
            scale,
            mismatch: Box::new(fault.mismatch),
        }
    }

    /// The reading that stands in a cell with these.
    fn reading(&self, readings: &[String]) -> Option<&String> {
        self.file.report.reading.as_slice().iter().find(|reading| readings.contains(*reading))
    }

    fn no_reading(&self, at: &str, found: &str, known: &[String]) -> ExperimentError {
        let mismatch = Mismatch::unknown(at, "the reading", found, known.iter().map(String::as_str));
        ExperimentError::File { file: self.name.clone(), mismatch: Box::new(mismatch) }
    }

    pub(super) fn settings(&self, axes: &[(String, String)], scale: Scale) -> Result<Settings, ExperimentError> {
        let settings = expand::settings(&self.file, axes, scale, &SETTINGS);
        settings.map_err(|faults| self.cell_fault(FoundFault { fault: *faults.first, cells: vec![axes], scale }))
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
    ///
    /// # Errors
    /// An axis or value that there is not at this scale, and a filter that leaves no cell.
    pub fn cells(&self, scale: Scale, filter: &Filter) -> Result<Vec<Cell>, ExperimentError> {
        self.check_filter(Some(scale), filter)?;
        if *filter != Filter::default() && self.selected(scale, filter).next().is_none() {
            return Err(ExperimentError::NoCells { experiment: self.id().to_owned() });
        }
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

    pub(super) fn is_at(&self, scale: Scale, axis: &str, value: &str) -> bool {
        self.file.axes.get(axis).and_then(|values| values.get(value)).is_some_and(|value| value.is_at(scale))
    }

    fn cell(&self, axes: &[(String, String)], scale: Scale) -> Result<Cell, ExperimentError> {
        let published = self.settings(axes, Scale::Paper)?;
        let settings = self.settings(axes, scale)?;
        let trials = expand::overlay(&self.file, scale).and_then(|overlay| overlay.trials);
        let readings = validate::readings(&settings.evaluation);
        Ok(Cell {
            axes: axes.to_vec(),
            trials: trials.unwrap_or(self.file.trials).into(),
            reading: self.reading(&readings).cloned().unwrap_or_default(),
            deviations: deviations::of(&published, &settings),
            settings,
        })
    }

    /// Refuses axes and values that the experiment, or one scale of it, does not have.
    pub(super) fn check_filter(&self, scale: Option<Scale>, filter: &Filter) -> Result<(), ExperimentError> {
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
            if let Some(scale) = scale
                && let Some(value) = values.iter().find(|value| !self.is_at(scale, axis, value))
            {
                let there = known.keys().filter(|value| self.is_at(scale, axis, value)).collect();
                return Err(unknown(&format!("at the {scale} scale no value"), value, there));
            }
        }
        Ok(())
    }
}
