//! Checks that the names inside an experiment file mean something in it.

use crate::paper;

use super::error::{Mismatch, join};
use super::expand::combinations;
use super::file::{ClaimFile, ExperimentFile, OneOrMany, Rule, ScaleOverlay};
use super::ordered::Ordered;

/// The cells by axis values, once every name is found to be good.
pub fn check(file: &ExperimentFile) -> Result<Vec<Vec<(String, String)>>, Mismatch> {
    name("/id", &file.id)?;
    if let Some(element) = &file.paper
        && !paper::elements().contains(&element.as_str())
    {
        return Err(Mismatch::unknown("/paper", "the element", element, paper::elements()));
    }
    if file.axes.is_empty() {
        return Err(Mismatch::new("/axes", "no axis", "at least one"));
    }
    for (axis, values) in file.axes.iter() {
        let at = join("/axes", axis);
        name(&at, axis)?;
        if values.is_empty() {
            return Err(Mismatch::new(at, "no value", "at least one"));
        }
        values.keys().try_for_each(|value| name(&join(&at, value), value))?;
    }
    rules(file, "/where", &file.rules)?;
    scale(file, "/scales/demo", &file.scales.demo)?;
    scale(file, "/scales/short", &file.scales.short)?;
    layout(file)?;
    for (index, stated) in file.claims.iter().enumerate() {
        claim(file, &format!("/claims/{index}"), stated)?;
    }
    let cells = combinations(file)?;
    cells.iter().try_for_each(|cell| one_number(file, cell))?;
    Ok(cells)
}

/// Names go on the command line, where `,` and `=` part them, and into the names of folders.
fn name(at: &str, name: &str) -> Result<(), Mismatch> {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let good =
        name.starts_with(plain) && name.len() <= 60 && name.chars().all(|c| plain(c) || matches!(c, '-' | '_' | '.'));
    if good {
        return Ok(());
    }
    let found = format!("the name `{}`", super::error::shortened(name));
    Err(Mismatch::new(at, found, "lower-case letters, digits, `-`, `_` and `.`, starting with a letter or digit"))
}

fn known_axis<'a>(
    file: &'a ExperimentFile,
    at: &str,
    axis: &str,
) -> Result<&'a Ordered<super::file::AxisValue>, Mismatch> {
    file.axes.get(axis).ok_or_else(|| Mismatch::unknown(at, "the axis", axis, file.axes.keys()))
}

fn known_value(file: &ExperimentFile, at: &str, axis: &str, value: &str) -> Result<(), Mismatch> {
    let values = known_axis(file, at, axis)?;
    if values.get(value).is_some() {
        return Ok(());
    }
    Err(Mismatch::unknown(at, "the value", value, values.keys()))
}

fn selection(file: &ExperimentFile, at: &str, when: &Ordered<OneOrMany>) -> Result<(), Mismatch> {
    for (axis, values) in when.iter() {
        let at = join(at, axis);
        known_axis(file, &at, axis)?;
        match values {
            OneOrMany::One(value) => known_value(file, &at, axis, value)?,
            OneOrMany::Many(values) if values.is_empty() => {
                return Err(Mismatch::new(at, "no value", "at least one"));
            }
            OneOrMany::Many(values) => {
                for (index, value) in values.iter().enumerate() {
                    known_value(file, &format!("{at}/{index}"), axis, value)?;
                }
            }
        }
    }
    Ok(())
}

fn rules(file: &ExperimentFile, at: &str, rules: &[Rule]) -> Result<(), Mismatch> {
    rules.iter().enumerate().try_for_each(|(index, rule)| selection(file, &format!("{at}/{index}/when"), &rule.when))
}

fn scale(file: &ExperimentFile, at: &str, overlay: &ScaleOverlay) -> Result<(), Mismatch> {
    selection(file, &format!("{at}/only"), &overlay.only)?;
    rules(file, &format!("{at}/where"), &overlay.rules)
}

fn layout(file: &ExperimentFile) -> Result<(), Mismatch> {
    known_axis(file, "/report/rows", &file.report.rows)?;
    let mut shown = vec![file.report.rows.as_str()];
    for (index, axis) in file.report.columns.iter().enumerate() {
        let at = format!("/report/columns/{index}");
        known_axis(file, &at, axis)?;
        once(&mut shown, &at, axis)?;
    }
    every_axis(file, "/report", &shown)
}

fn claim(file: &ExperimentFile, at: &str, claim: &ClaimFile) -> Result<(), Mismatch> {
    name(&format!("{at}/id"), &claim.id)?;
    let mut group = Vec::new();
    for (index, axis) in claim.each.iter().enumerate() {
        let at = format!("{at}/for/{index}");
        known_axis(file, &at, axis)?;
        once(&mut group, &at, axis)?;
    }
    for (side, values) in [("greater", &claim.greater), ("than", &claim.than)] {
        let mut named = group.clone();
        for (axis, value) in values.iter() {
            let at = join(&format!("{at}/{side}"), axis);
            known_value(file, &at, axis, value)?;
            once(&mut named, &at, axis)?;
        }
        every_axis(file, &format!("{at}/{side}"), &named)?;
    }
    if claim.greater.iter().all(|(axis, value)| claim.than.get(axis) == Some(value)) {
        return Err(Mismatch::new(format!("{at}/than"), "the same cell as in `greater`", "another cell"));
    }
    Ok(())
}

fn once<'a>(seen: &mut Vec<&'a str>, at: &str, axis: &'a str) -> Result<(), Mismatch> {
    if seen.contains(&axis) {
        return Err(Mismatch::new(at, format!("the axis `{axis}` again"), "each axis once"));
    }
    seen.push(axis);
    Ok(())
}

fn every_axis(file: &ExperimentFile, at: &str, named: &[&str]) -> Result<(), Mismatch> {
    match file.axes.keys().find(|axis| !named.contains(axis)) {
        Some(missing) => {
            Err(Mismatch::new(at, format!("nothing about the axis `{missing}`"), "every axis to be named"))
        }
        None => Ok(()),
    }
}

/// A cell stands beside one number of the paper, or beside none.
fn one_number(file: &ExperimentFile, cell: &[(String, String)]) -> Result<(), Mismatch> {
    let count = file.paper.as_ref().map_or(0, |element| paper::numbers(element, &facts(file, cell)).len());
    if count <= 1 {
        return Ok(());
    }
    let found = format!("{count} numbers of the paper for the cell {}", super::trial::name_of(cell));
    Err(Mismatch::new("/axes", found, "`paper` facts that leave at most one"))
}

/// What tells a cell apart in the paper's records.
pub fn facts(file: &ExperimentFile, cell: &[(String, String)]) -> paper::Facts {
    cell.iter()
        .filter_map(|(axis, value)| file.axes.get(axis)?.get(value))
        .fold(paper::Facts::default(), |facts, value| facts.and(&value.paper))
}
