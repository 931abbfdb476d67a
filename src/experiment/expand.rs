//! From an experiment file to the settings of each cell.

use serde_json::{Map, Value};

use crate::recipe::Settings;

use super::error::{Faults, Mismatch};
use super::file::{ExperimentFile, OneOrMany, Rule, ScaleOverlay};
use super::ordered::Ordered;
use super::overlay::Overlay;
use super::shape::Shape;
use super::{Scale, validate};

/// A file that asks for more is a mistake.
pub const MOST_CELLS: usize = 10_000;

/// Axis and value ids of every combination of values that there is a cell of, the last axis running fastest.
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
    cells.retain(|cell| !file.without.iter().any(|when| matches(when, cell)));
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

/// Everything that is laid over one another for a cell, in order, with its place in the file.
fn layers<'a>(file: &'a ExperimentFile, cell: &[(String, String)], scale: Scale) -> Vec<(String, &'a Overlay)> {
    let mut layers = vec![("/recipe".to_owned(), &file.recipe)];
    for (axis, id) in cell {
        if let Some(value) = file.axes.get(axis).and_then(|values| values.get(id)) {
            layers.push((format!("/axes/{axis}/{id}/set"), &value.set));
        }
    }
    layers.extend(rules("/where", &file.rules, cell));
    if let Some(overlay) = overlay(file, scale) {
        layers.push((format!("/scales/{scale}/set"), &overlay.set));
        layers.extend(rules(&format!("/scales/{scale}/where"), &overlay.rules, cell));
    }
    layers
}

fn rules<'a>(at: &str, rules: &'a [Rule], cell: &[(String, String)]) -> Vec<(String, &'a Overlay)> {
    let holds = rules.iter().enumerate().filter(|(_, rule)| matches(&rule.when, cell));
    holds.map(|(index, rule)| (format!("{at}/{index}/set"), &rule.set)).collect()
}

/// The complete settings of a cell. `shape` is that of [`Settings`].
///
/// # Errors
/// Names each setting that is wrong, and the place in the file that it was last set at if there is one.
pub fn settings(
    file: &ExperimentFile,
    cell: &[(String, String)],
    scale: Scale,
    shape: &Shape,
) -> Result<Settings, Faults<Fault>> {
    let layers = layers(file, cell, scale);
    let mut resolved = Map::new();
    layers.iter().for_each(|(_, overlay)| overlay.apply(&mut resolved));
    let place = |mismatch: Mismatch| {
        let path: Vec<&str> = mismatch.pointer.split('/').skip(1).collect();
        let set_at = layers.iter().rev().find_map(|(at, overlay)| Some(format!("{at}{}", overlay.place(&path)?)));
        Fault { mismatch, set_at }
    };
    checked(Value::Object(resolved), shape).map_err(|mismatches| mismatches.map(place))
}

/// What is wrong with a cell's settings, and where that comes from.
#[derive(Debug, PartialEq)]
pub struct Fault {
    pub mismatch: Mismatch,
    /// JSON pointer into the file.
    pub set_at: Option<String>,
}

fn checked(resolved: Value, shape: &Shape) -> Result<Settings, Faults<Mismatch>> {
    Faults::none_in(shape.faults(&resolved))?;
    let settings =
        serde_json::from_value(resolved).map_err(|error| Mismatch::new("", error.to_string(), "complete settings"))?;
    Faults::none_in(validate::check(&settings))?;
    Ok(settings)
}
