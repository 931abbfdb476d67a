//! Checks that the names inside an experiment file mean something in it.

use crate::paper;

use super::error::{Mismatch, join};
use super::expand::combinations;
use super::file::{ClaimFile, ExperimentFile, OneOrMany, ReportKind, Rule, ScaleOverlay};
use super::ordered::Ordered;

/// The cells by axis values, once every name is found to be good.
///
/// # Errors
/// Every name that is not, in the order of the file.
pub fn check(file: &ExperimentFile) -> Result<Vec<Vec<(String, String)>>, Vec<Mismatch>> {
    let mut faults = Vec::new();
    faults.extend(name("/id", &file.id).err());
    if let Some(element) = &file.paper {
        faults.extend(known_element("/paper", element).err());
    }
    axes(file, &mut faults);
    if !(file.margin > 0.0 && file.margin <= 100.0) {
        let expected = "percentage points, more than 0 and at most 100";
        faults.push(Mismatch::new("/margin", file.margin.to_string(), expected));
    }
    for (index, when) in file.without.iter().enumerate() {
        faults.extend(selection(file, &format!("/without/{index}"), when).err());
    }
    rules(file, "/where", &file.rules, &mut faults);
    scale(file, "/scales/demo", &file.scales.demo, &mut faults);
    scale(file, "/scales/short", &file.scales.short, &mut faults);
    faults.extend(layout(file).err());
    for (index, stated) in file.claims.iter().enumerate() {
        faults.extend(claim(file, &format!("/claims/{index}"), stated).err());
    }
    if !faults.is_empty() {
        return Err(faults);
    }
    let cells = combinations(file).map_err(|fault| vec![fault])?;
    cells.iter().try_for_each(|cell| one_number(file, cell)).map_err(|fault| vec![fault])?;
    Ok(cells)
}

fn axes(file: &ExperimentFile, faults: &mut Vec<Mismatch>) {
    if file.axes.is_empty() {
        faults.push(Mismatch::new("/axes", "no axis", "at least one"));
    }
    for (axis, values) in file.axes.iter() {
        let at = join("/axes", axis);
        faults.extend(name(&at, axis).err());
        if values.is_empty() {
            faults.push(Mismatch::new(&at, "no value", "at least one"));
        }
        for (value, of_value) in values.iter() {
            let at = join(&at, value);
            faults.extend(name(&at, value).err());
            if let Some(element) = &of_value.paper.element {
                faults.extend(known_element(&format!("{at}/paper/element"), element).err());
            }
        }
    }
}

fn known_element(at: &str, element: &str) -> Result<(), Mismatch> {
    if paper::elements().contains(&element) {
        return Ok(());
    }
    Err(Mismatch::unknown(at, "the element", element, paper::elements()))
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

fn rules(file: &ExperimentFile, at: &str, rules: &[Rule], faults: &mut Vec<Mismatch>) {
    for (index, rule) in rules.iter().enumerate() {
        faults.extend(selection(file, &format!("{at}/{index}/when"), &rule.when).err());
    }
}

fn scale(file: &ExperimentFile, at: &str, overlay: &ScaleOverlay, faults: &mut Vec<Mismatch>) {
    faults.extend(selection(file, &format!("{at}/only"), &overlay.only).err());
    rules(file, &format!("{at}/where"), &overlay.rules, faults);
}

fn layout(file: &ExperimentFile) -> Result<(), Mismatch> {
    let mut shown = Vec::new();
    let rows = file.report.rows.as_slice().iter().map(|axis| ("rows", axis));
    let columns = file.report.columns.iter().map(|axis| ("columns", axis));
    for (side, axis) in rows.chain(columns) {
        let at = format!("/report/{side}");
        known_axis(file, &at, axis)?;
        once(&mut shown, &at, axis)?;
    }
    if file.report.kind != ReportKind::Table && file.report.columns.len() < 2 {
        return Err(Mismatch {
            pointer: "/report/columns".to_owned(),
            found: format!("{} of them", file.report.columns.len()),
            expected: "at least two axes: that of the places and that of the bars or curves".to_owned(),
            nearest: None,
        });
    }
    if let Some(axis) = &file.report.transfer {
        known_axis(file, "/report/transfer", axis)?;
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
    let count = element(file, cell).map_or(0, |element| paper::numbers(&element, &facts(file, cell)).len());
    if count <= 1 {
        return Ok(());
    }
    let found = format!("{count} numbers of the paper for the cell {}", super::trial::name_of(cell));
    Err(Mismatch::new("/axes", found, "`paper` facts that leave at most one"))
}

/// The element of the paper's records that a cell is compared with.
pub fn element(file: &ExperimentFile, cell: &[(String, String)]) -> Option<String> {
    facts(file, cell).element.or_else(|| file.paper.clone())
}

/// What tells a cell apart in the paper's records.
pub fn facts(file: &ExperimentFile, cell: &[(String, String)]) -> paper::Facts {
    cell.iter()
        .filter_map(|(axis, value)| file.axes.get(axis)?.get(value))
        .fold(paper::Facts::default(), |facts, value| facts.and(&value.paper))
}
