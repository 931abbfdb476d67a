//! Checks that the names inside an experiment file mean something in it.

use crate::paper;

use super::error::{Faults, Mismatch, join, shortened};
use super::expand::combinations;
use super::file::{AxisValue, ClaimFile, ExperimentFile, OneOrMany, ReportKind, Rule, ScaleOverlay};
use super::ordered::Ordered;

/// Characters of a label or title: they stand in tables and figures.
const LONGEST_LABEL: usize = 200;
/// Characters of a text of some sentences.
const LONGEST_TEXT: usize = 2000;

/// The cells by axis values, at least one, once every name and text is found to be good.
///
/// # Errors
/// Everything that is not, in the order of the file.
pub fn check(file: &ExperimentFile) -> Result<Vec<Vec<(String, String)>>, Faults<Mismatch>> {
    let mut faults = Vec::new();
    faults.extend(name("/id", &file.id).err());
    faults.extend(text("/title", &file.title, LONGEST_LABEL).err());
    faults.extend(text("/expected", &file.expected, LONGEST_TEXT).err());
    faults.extend(text("/cost", &file.cost, LONGEST_TEXT).err());
    if let Some(element) = &file.paper {
        faults.extend(known_element("/paper", element).err());
    }
    axes(file, &mut faults);
    if !(file.margin > 0.0 && file.margin <= 100.0) {
        let expected = "percentage points, more than 0 and at most 100";
        faults.push(Mismatch::new("/margin", file.margin.to_string(), expected));
    }
    for (index, when) in file.without.iter().enumerate() {
        selection(file, &format!("/without/{index}"), when, &mut faults);
    }
    rules(file, "/where", &file.rules, &mut faults);
    scale(file, "/scales/demo", &file.scales.demo, &mut faults);
    scale(file, "/scales/short", &file.scales.short, &mut faults);
    layout(file, &mut faults);
    for (index, stated) in file.claims.iter().enumerate() {
        claim(file, &format!("/claims/{index}"), stated, &mut faults);
    }
    Faults::none_in(faults)?;
    let cells = combinations(file)?;
    if cells.is_empty() {
        return Err(Mismatch::new("/without", "every combination of values", "at least one that is left").into());
    }
    // Facts that are missing in one cell are missing in many.
    cells.iter().try_for_each(|cell| one_number(file, cell))?;
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
            faults.extend(text(&format!("{at}/label"), &of_value.label, LONGEST_LABEL).err());
            for (scale, label) in &of_value.labels {
                faults.extend(text(&format!("{at}/labels/{scale}"), label, LONGEST_LABEL).err());
            }
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
    let found = format!("the name `{}`", shortened(name));
    Err(Mismatch::new(at, found, "lower-case letters, digits, `-`, `_` and `.`, starting with a letter or digit"))
}

/// Texts go to the terminal and into figures, where control characters are commands or not allowed.
fn text(at: &str, text: &str, longest: usize) -> Result<(), Mismatch> {
    let length = text.chars().count();
    if length > longest {
        return Err(Mismatch::new(at, format!("{length} characters"), format!("at most {longest}")));
    }
    if let Some(found) = text.chars().find(|c| c.is_control()) {
        let found = format!("the control character U+{:04X}", u32::from(found));
        return Err(Mismatch::new(at, found, "text on one line without control characters"));
    }
    Ok(())
}

fn known_axis<'a>(file: &'a ExperimentFile, at: &str, axis: &str) -> Result<&'a Ordered<AxisValue>, Mismatch> {
    file.axes.get(axis).ok_or_else(|| Mismatch::unknown(at, "the axis", axis, file.axes.keys()))
}

fn known_value(file: &ExperimentFile, at: &str, axis: &str, value: &str) -> Result<(), Mismatch> {
    let values = known_axis(file, at, axis)?;
    if values.get(value).is_some() {
        return Ok(());
    }
    Err(Mismatch::unknown(at, "the value", value, values.keys()))
}

fn selection(file: &ExperimentFile, at: &str, when: &Ordered<OneOrMany>, faults: &mut Vec<Mismatch>) {
    for (axis, values) in when.iter() {
        let at = join(at, axis);
        if let Err(fault) = known_axis(file, &at, axis) {
            faults.push(fault);
            continue;
        }
        match values {
            OneOrMany::One(value) => faults.extend(known_value(file, &at, axis, value).err()),
            OneOrMany::Many(values) if values.is_empty() => {
                faults.push(Mismatch::new(at, "no value", "at least one"));
            }
            OneOrMany::Many(values) => {
                let values = values.iter().enumerate();
                let known = |(index, value): (_, &String)| known_value(file, &format!("{at}/{index}"), axis, value);
                faults.extend(values.filter_map(|it| known(it).err()));
            }
        }
    }
}

fn rules(file: &ExperimentFile, at: &str, rules: &[Rule], faults: &mut Vec<Mismatch>) {
    for (index, rule) in rules.iter().enumerate() {
        selection(file, &format!("{at}/{index}/when"), &rule.when, faults);
    }
}

fn scale(file: &ExperimentFile, at: &str, overlay: &ScaleOverlay, faults: &mut Vec<Mismatch>) {
    selection(file, &format!("{at}/only"), &overlay.only, faults);
    rules(file, &format!("{at}/where"), &overlay.rules, faults);
}

fn layout(file: &ExperimentFile, faults: &mut Vec<Mismatch>) {
    let mut shown = Named::default();
    for axis in file.report.rows.as_slice() {
        shown.add(file, "/report/rows", axis, faults);
    }
    for axis in &file.report.columns {
        shown.add(file, "/report/columns", axis, faults);
    }
    if file.report.kind != ReportKind::Table && file.report.columns.len() < 2 {
        let expected = "at least two axes: that of the places and that of the bars or curves";
        faults.push(Mismatch::new("/report/columns", format!("{} of them", file.report.columns.len()), expected));
    }
    if let Some(axis) = &file.report.transfer {
        faults.extend(known_axis(file, "/report/transfer", axis).err());
    }
    shown.are_all(file, "/report", faults);
}

fn claim(file: &ExperimentFile, at: &str, claim: &ClaimFile, faults: &mut Vec<Mismatch>) {
    faults.extend(name(&format!("{at}/id"), &claim.id).err());
    faults.extend(text(&format!("{at}/text"), &claim.text, LONGEST_TEXT).err());
    faults.extend(text(&format!("{at}/source"), &claim.source, LONGEST_TEXT).err());
    let mut group = Named::default();
    for (index, axis) in claim.each.iter().enumerate() {
        group.add(file, &format!("{at}/for/{index}"), axis, faults);
    }
    for (side, values) in [("greater", &claim.greater), ("than", &claim.than)] {
        let mut named = group.clone();
        for (axis, value) in values.iter() {
            let at = join(&format!("{at}/{side}"), axis);
            if named.add(file, &at, axis, faults) {
                faults.extend(known_value(file, &at, axis, value).err());
            }
        }
        named.are_all(file, &format!("{at}/{side}"), faults);
    }
    if claim.greater.iter().all(|(axis, value)| claim.than.get(axis) == Some(value)) {
        faults.push(Mismatch::new(format!("{at}/than"), "the same cell as in `greater`", "another cell"));
    }
}

/// Axes named in a part of the file that has to name each of them once.
#[derive(Clone, Default)]
struct Named<'a> {
    axes: Vec<&'a str>,
    /// Whether there was one that the file does not have: probably one that seems to be missing.
    unknown: bool,
}

impl<'a> Named<'a> {
    /// Says whether the axis is there and was not named before.
    fn add(&mut self, file: &ExperimentFile, at: &str, axis: &'a str, faults: &mut Vec<Mismatch>) -> bool {
        if let Err(fault) = known_axis(file, at, axis) {
            faults.push(fault);
            self.unknown = true;
        } else if self.axes.contains(&axis) {
            faults.push(Mismatch::new(at, format!("the axis `{}` again", shortened(axis)), "each axis once"));
        } else {
            self.axes.push(axis);
            return true;
        }
        false
    }

    fn are_all(&self, file: &ExperimentFile, at: &str, faults: &mut Vec<Mismatch>) {
        if self.unknown {
            return;
        }
        for missing in file.axes.keys().filter(|axis| !self.axes.contains(axis)) {
            faults.push(Mismatch::new(
                at,
                format!("nothing about the axis `{}`", shortened(missing)),
                "every axis to be named",
            ));
        }
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
