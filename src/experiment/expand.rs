//! From an experiment file to the settings of each cell.

use serde_json::{Map, Value};

use crate::recipe::Settings;

use super::error::Mismatch;
use super::file::{ExperimentFile, OneOrMany, Rule, ScaleOverlay};
use super::ordered::Ordered;
use super::shape::Shape;
use super::{Scale, validate};

/// A file that asks for more is a mistake.
pub const MOST_CELLS: usize = 10_000;

/// Axis and value ids of every combination of values, the last axis running fastest.
pub fn combinations(file: &ExperimentFile) -> Result<Vec<Vec<(String, String)>>, Mismatch> {
    let count = file.axes.iter().try_fold(1usize, |count, (_, values)| count.checked_mul(values.len()));
    if count.is_none_or(|count| count > MOST_CELLS) {
        return Err(Mismatch::new("/axes", "too many combinations", format!("at most {MOST_CELLS} cells")));
    }
    let mut cells: Vec<Vec<(String, String)>> = vec![Vec::new()];
    for (axis, values) in file.axes.iter() {
        cells = cells
            .into_iter()
            .flat_map(|cell| values.keys().map(move |value| with(&cell, axis, value)).collect::<Vec<_>>())
            .collect();
    }
    Ok(cells)
}

fn with(cell: &[(String, String)], axis: &str, value: &str) -> Vec<(String, String)> {
    let mut cell = cell.to_vec();
    cell.push((axis.to_owned(), value.to_owned()));
    cell
}

/// Whether a cell has one of the values asked for on every axis named.
pub fn matches(when: &Ordered<OneOrMany>, cell: &[(String, String)]) -> bool {
    when.iter().all(|(axis, values)| cell.iter().any(|(name, value)| name == axis && values.as_slice().contains(value)))
}

/// What a scale lays over the published settings; nothing at the paper scale.
pub fn overlay(file: &ExperimentFile, scale: Scale) -> Option<&ScaleOverlay> {
    match scale {
        Scale::Demo => Some(&file.scales.demo),
        Scale::Short => Some(&file.scales.short),
        Scale::Paper => None,
    }
}

/// The complete settings of a cell. `shape` is that of [`Settings`]; pointers start at the settings.
pub fn settings(
    file: &ExperimentFile,
    cell: &[(String, String)],
    scale: Scale,
    shape: &Shape,
) -> Result<Settings, Mismatch> {
    let mut resolved = Map::new();
    file.recipe.apply(&mut resolved);
    for (axis, value) in cell {
        if let Some(value) = file.axes.get(axis).and_then(|values| values.get(value)) {
            value.set.apply(&mut resolved);
        }
    }
    apply_rules(&file.rules, cell, &mut resolved);
    if let Some(overlay) = overlay(file, scale) {
        overlay.set.apply(&mut resolved);
        apply_rules(&overlay.rules, cell, &mut resolved);
    }
    let resolved = Value::Object(resolved);
    shape.check(&resolved)?;
    let settings =
        serde_json::from_value(resolved).map_err(|error| Mismatch::new("", error.to_string(), "complete settings"))?;
    validate::check(&settings)?;
    Ok(settings)
}

fn apply_rules(rules: &[Rule], cell: &[(String, String)], resolved: &mut Map<String, Value>) {
    for rule in rules.iter().filter(|rule| matches(&rule.when, cell)) {
        rule.set.apply(resolved);
    }
}
