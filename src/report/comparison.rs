//! The text of `repro compare`.

use std::fmt::Write;

use super::terminal::{self, padded, width};
use super::tone::{Tone, paint};
use super::{Report, text};

type Row = Vec<(String, Tone)>;

/// Cells, then claims, then deviations.
pub fn text(report: &Report, colour: bool) -> String {
    let mut out = terminal::heading(report, colour);
    out.push('\n');
    let ours = text::ours(report.measured.scale);
    let header = ["cell", "paper", "", ours, "n", "difference", "95% interval", "verdict"];
    let cells = (0..report.summaries.len()).map(|index| cell(report, index));
    aligned(&header, cells.collect(), colour, &mut out);
    for line in report.legend() {
        let _ = writeln!(out, "{}", paint(&line, Tone::Faint, colour));
    }
    claims(report, colour, &mut out);
    deviations(report, colour, &mut out);
    terminal::trouble(report, colour, &mut out);
    out
}

fn cell(report: &Report, index: usize) -> Row {
    let (cell, summary) = (&report.measured.cells[index], &report.summaries[index]);
    let published = cell.published.as_ref();
    vec![
        (report.grid.name(index), Tone::Plain),
        (text::published_marked(published), Tone::Plain),
        (published.map_or(String::new(), |published| published.confidence.id().to_owned()), Tone::Faint),
        (summary.ours.as_ref().map_or("-".to_owned(), text::spread), Tone::Strong),
        (format!("{} of {}", summary.n(), cell.asked), Tone::Plain),
        (summary.difference.map_or("-".to_owned(), text::signed), Tone::Plain),
        (summary.difference_interval.as_ref().map_or("-".to_owned(), text::interval), Tone::Plain),
        (summary.verdict.to_string(), Tone::of(&summary.verdict)),
    ]
}

fn claims(report: &Report, colour: bool, out: &mut String) {
    if report.claims.is_empty() {
        return;
    }
    let _ = writeln!(
        out,
        "\nClaims, at {} scale (trials paired by seed, one-sided t tests at 5%, Holm-corrected over the table)",
        report.measured.scale
    );
    for outcome in &report.claims {
        let verdict = paint(outcome.verdict.id(), Tone::of_claim(outcome.verdict), colour);
        let confidence = outcome.claim.confidence.id();
        let _ = writeln!(out, "\n{} ({confidence}): {verdict} ({})", outcome.claim.statement, outcome.tally());
        let rows = outcome.comparisons.iter().map(|comparison| {
            let (difference, bounds) = comparison.numbers();
            vec![
                (report.grid.name(comparison.higher), Tone::Plain),
                (report.grid.name(comparison.lower), Tone::Plain),
                (comparison.n.to_string(), Tone::Plain),
                (difference, Tone::Plain),
                (bounds, Tone::Plain),
                (comparison.verdict_text(), Tone::of_claim(comparison.verdict)),
            ]
        });
        let header = ["  higher", "lower", "n", "difference", "bounds", "verdict"];
        let indented = rows.map(|mut row: Row| {
            row[0].0.insert_str(0, "  ");
            row
        });
        aligned(&header, indented.collect(), colour, out);
    }
}

fn deviations(report: &Report, colour: bool, out: &mut String) {
    let ledger = report.ledger();
    if ledger.is_empty() {
        return;
    }
    out.push_str("\nDeviations from the published protocol\n\n");
    let rows = ledger.into_iter().map(|(deviation, cells)| {
        let words = [deviation.what.clone(), deviation.published.clone(), deviation.ours.clone()];
        words.into_iter().chain([report.cells_in_words(&cells)]).map(|word| (word, Tone::Plain)).collect()
    });
    aligned(&["what", "published", "ours", "cells"], rows.collect(), colour, out);
}

/// Writes columns as wide as their widest text.
fn aligned(header: &[&str], rows: Vec<Row>, colour: bool, out: &mut String) {
    let header: Row = header.iter().map(|title| ((*title).to_owned(), Tone::Faint)).collect();
    let lines: Vec<Row> = std::iter::once(header).chain(rows).collect();
    let widths: Vec<usize> =
        (0..lines[0].len()).map(|column| lines.iter().map(|line| width(&line[column].0)).max().unwrap_or(0)).collect();
    for line in &lines {
        let texts = line.iter().zip(&widths).enumerate().map(|(column, ((text, tone), room))| {
            let last = column + 1 == line.len();
            padded(text, *tone, if last { 0 } else { *room }, colour)
        });
        let _ = writeln!(out, "{}", texts.collect::<Vec<_>>().join("  ").trim_end());
    }
}
