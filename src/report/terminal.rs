//! The table as `run` and `report` print it.

use std::fmt::Write;

use super::tone::{Tone, paint};
use super::{Report, text};

/// Blanks between columns.
const GAP: usize = 3;

/// Title, scale and selection.
pub fn heading(report: &Report, colour: bool) -> String {
    let measured = &report.measured;
    let mut out = format!("{}\n{}\n", paint(&measured.title, Tone::Strong, colour), text::scale(measured.scale));
    if let Some(selection) = &measured.selection {
        let _ = writeln!(out, "Selected by {selection}");
    }
    out
}

/// The table with its legend and the claims in a line each.
pub fn table(report: &Report, colour: bool) -> String {
    let mut out = heading(report, colour);
    out.push_str("Test accuracy in percent, mean ± standard deviation over trials\n\n");
    body(report, colour, &mut out);
    let legend = report.legend();
    if !legend.is_empty() {
        out.push('\n');
    }
    for line in legend {
        let _ = writeln!(out, "{}", paint(&line, Tone::Faint, colour));
    }
    if !report.claims.is_empty() {
        let _ = writeln!(out, "\nClaims, at {} scale", report.measured.scale);
    }
    for outcome in &report.claims {
        let verdict = paint(outcome.verdict.id(), Tone::of_claim(outcome.verdict), colour);
        let _ = writeln!(out, "  {}: {verdict} ({})", outcome.claim.statement, outcome.tally());
    }
    trouble(report, colour, &mut out);
    out
}

/// Failed trials and results that were left out.
pub fn trouble(report: &Report, colour: bool, out: &mut String) {
    let (failures, warnings) = (report.failures(), &report.measured.warnings);
    if !failures.is_empty() || !warnings.is_empty() {
        out.push('\n');
    }
    for failed in failures {
        let _ = writeln!(out, "{} {failed}", paint("failed:", Tone::Bad, colour));
    }
    for warning in warnings {
        let _ = writeln!(out, "{} {warning}", paint("warning:", Tone::Doubtful, colour));
    }
}

struct Line {
    name: String,
    source: &'static str,
    texts: Vec<(String, Tone)>,
}

fn body(report: &Report, colour: bool, out: &mut String) {
    let grid = &report.grid;
    let lines: Vec<Line> = (0..grid.rows.len()).flat_map(|row| rows(report, row)).collect();
    let names = lines.iter().map(|line| width(&line.name)).max().unwrap_or(0);
    let sources = lines.iter().map(|line| width(line.source)).max().unwrap_or(0);
    let columns = 0..grid.columns.len();
    let texts = |column: usize| lines.iter().map(move |line| width(&line.texts[column].0));
    let mut widths: Vec<usize> = columns.map(|column| texts(column).max().unwrap_or(0)).collect();
    let levels = grid.levels();
    for spans in &levels {
        let mut first = 0;
        for (label, span) in spans {
            widths[first + span - 1] += width(label).saturating_sub(room(&widths[first..first + span]));
            first += span;
        }
    }
    let gap = " ".repeat(GAP);
    for spans in &levels {
        let mut written = " ".repeat(names + GAP + sources);
        let mut first = 0;
        for (label, span) in spans {
            written.push_str(&gap);
            written.push_str(&padded(label, Tone::Strong, room(&widths[first..first + span]), colour));
            first += span;
        }
        let _ = writeln!(out, "{}", written.trim_end());
    }
    for line in &lines {
        let mut written = padded(&line.name, Tone::Strong, names, colour);
        written.push_str(&gap);
        written.push_str(&padded(line.source, Tone::Faint, sources, colour));
        for (column, (text, tone)) in line.texts.iter().enumerate() {
            written.push_str(&gap);
            written.push_str(&padded(text, *tone, widths[column], colour));
        }
        let _ = writeln!(out, "{}", written.trim_end());
    }
}

/// Width of neighbouring columns together.
fn room(widths: &[usize]) -> usize {
    widths.iter().sum::<usize>() + GAP * widths.len().saturating_sub(1)
}

/// Ours and the paper's line of a row.
fn rows(report: &Report, row: usize) -> Vec<Line> {
    let cells = &report.grid.cells[row];
    let empty = || (String::new(), Tone::Plain);
    let ours = cells.iter().map(|cell| cell.map_or_else(empty, |index| ours(report, index))).collect();
    let paper = cells.iter().map(|cell| match cell {
        Some(index) => (text::published_marked(report.measured.cells[*index].published.as_ref()), Tone::Faint),
        None => empty(),
    });
    let mut lines = vec![
        Line { name: report.grid.rows[row].text(), source: text::ours(report.measured.scale), texts: ours },
        Line { name: String::new(), source: "paper", texts: paper.collect() },
    ];
    lines.truncate(if report.is_published(row) { 2 } else { 1 });
    lines
}

fn ours(report: &Report, index: usize) -> (String, Tone) {
    let number = report.ours(index);
    match (report.sign(index), report.summaries[index].n()) {
        (Some(sign), _) => (format!("{number} {sign}"), Tone::of(&report.summaries[index].verdict)),
        (None, 0) => (number, Tone::Faint),
        (None, _) => (number, Tone::Plain),
    }
}

/// Columns that `text` takes on a terminal. None of the characters in use is wide.
pub fn width(text: &str) -> usize {
    text.chars().count()
}

/// `text` in its colour, filled up with blanks to `room` columns.
pub fn padded(text: &str, tone: Tone, room: usize, colour: bool) -> String {
    format!("{}{}", paint(text, tone, colour), " ".repeat(room.saturating_sub(width(text))))
}
