//! A new experiment file from another one.

use jsonc_parser::ParseOptions;
use jsonc_parser::cst::CstRootNode;

use crate::recipe::Precision;

use super::edit::{prune, set_text};
use super::error::ExperimentError;
use super::file::{ClaimFile, ExperimentFile, OneOrMany, Rule};
use super::ordered::Ordered;
use super::{Experiment, Filter, Scale, validate};

/// What a copy of an experiment is to be.
#[derive(Clone, Debug)]
pub struct Derivation<'a> {
    /// The new experiment's id.
    pub id: &'a str,
    /// The axis values to keep.
    pub only: &'a Filter,
    /// What every cell is trained in; as this experiment says if not given.
    pub precision: Option<Precision>,
    /// Path of the schema, as the new file names it.
    pub schema: &'a str,
}

impl Experiment {
    /// The text of a new experiment file: `text`, which is this experiment's, with another id and without what is about
    /// axis values that are left out. What stays is to the letter as it was. Its cells are this experiment's, and so
    /// are the published numbers they stand beside.
    ///
    /// # Errors
    /// An axis or value that the experiment does not have, and a selection with no cell in it.
    pub fn derive(&self, text: &str, derivation: &Derivation) -> Result<String, ExperimentError> {
        let Derivation { id, only, precision, schema } = *derivation;
        self.check_filter(None, only)?;
        if !self.combinations.iter().any(|axes| only.accepts(axes)) {
            return Err(ExperimentError::NoCells { experiment: self.id().to_owned() });
        }
        let readings = self.readings(only)?;
        let kept = Kept { file: &self.file, only };
        let title = format!("{} ({id}, derived from {})", self.title(), self.id());
        let cost = format!("Of {} as a whole: {}", self.id(), self.cost());
        let root = CstRootNode::parse(text, &ParseOptions::default()).map_err(|error| ExperimentError::Syntax {
            file: self.id().to_owned(),
            line: error.line_display(),
            column: error.column_display(),
            message: error.kind().to_string(),
        })?;
        let object = root.object_value_or_set();
        prune(&object.clone().into(), &[], &|path, value| match path {
            ["report", "readings", _] => string(value).is_none_or(|reading| readings.contains(&reading)),
            ["claims", at]
                if !kept.claim(at).is_none_or(|claim| claim.reading.iter().all(|it| readings.contains(it))) =>
            {
                false
            }
            _ => kept.keeps(path, value),
        });
        set_text(&object, "$schema", schema);
        set_text(&object, "id", id);
        set_text(&object, "title", &title);
        if let Some(precision) = precision {
            let pretext = object.object_value_or_set("recipe").object_value_or_set("pretext");
            set_text(&pretext, "precision", &precision.to_string());
        }
        if *only != Filter::default() {
            set_text(&object, "cost", &cost);
        }
        Ok(root.to_string())
    }

    /// The readings that some cell of a selection gives at some scale.
    fn readings(&self, only: &Filter) -> Result<Vec<String>, ExperimentError> {
        let mut readings = Vec::new();
        for scale in Scale::ALL {
            // What only `scales.*.only` leaves out is put back by a selection that names it.
            let is_there =
                |axes: &&Vec<(String, String)>| axes.iter().all(|(axis, value)| self.is_at(scale, axis, value));
            for axes in self.combinations.iter().filter(|axes| only.accepts(axes)).filter(is_there) {
                readings.extend(validate::readings(&self.settings(axes, scale)?.evaluation));
            }
            readings.sort_unstable();
            readings.dedup();
        }
        Ok(readings)
    }
}

/// What of a file is about axis values that are kept.
struct Kept<'a> {
    file: &'a ExperimentFile,
    only: &'a Filter,
}

impl Kept<'_> {
    /// Whether the value at `path` stays.
    fn keeps(&self, path: &[&str], text: &str) -> bool {
        let (file, index) = (self.file, |text: &str| text.parse::<usize>().ok());
        let rule = |rules: &[Rule], at: &str| {
            index(at).and_then(|at| rules.get(at)).is_none_or(|rule| self.reaches(&rule.when))
        };
        match *path {
            ["axes", axis, value] => self.accepts(axis, value),
            ["without", at] => index(at).and_then(|at| file.without.get(at)).is_none_or(|when| self.reaches(when)),
            ["where", at] => rule(&file.rules, at),
            ["scales", "demo", "where", at] => rule(&file.scales.demo.rules, at),
            ["scales", "short", "where", at] => rule(&file.scales.short.rules, at),
            ["claims", at] => self.claim(at).is_none_or(|claim| {
                claim.greater.iter().chain(claim.than.iter()).all(|(axis, value)| self.accepts(axis, value))
            }),
            // What a scale leaves out is there if nothing else was asked for.
            ["scales", _, "only", axis] => {
                serde_json::from_str(text).is_ok_and(|values: OneOrMany| self.accepts_one(axis, &values))
            }
            ["without", _, axis, _]
            | ["where", _, "when", axis, _]
            | ["scales", _, "only", axis, _]
            | ["scales", _, "where", _, "when", axis, _] => string(text).is_none_or(|value| self.accepts(axis, &value)),
            _ => true,
        }
    }

    fn claim(&self, at: &str) -> Option<&ClaimFile> {
        self.file.claims.get(at.parse::<usize>().ok()?)
    }

    fn accepts(&self, axis: &str, value: &str) -> bool {
        self.only.axes.get(axis).is_none_or(|accepted| accepted.iter().any(|known| known == value))
    }

    fn accepts_one(&self, axis: &str, values: &OneOrMany) -> bool {
        values.as_slice().iter().any(|value| self.accepts(axis, value))
    }

    fn reaches(&self, when: &Ordered<OneOrMany>) -> bool {
        when.iter().all(|(axis, values)| self.accepts_one(axis, values))
    }
}

fn string(json: &str) -> Option<String> {
    serde_json::from_str(json).ok()
}
