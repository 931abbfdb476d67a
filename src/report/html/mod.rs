//! `index.html`: the report on one page that needs no other file.

use std::fmt::Write;

use super::learning::Chart;
use super::measured::Measured;
use super::readings::Readings;
use super::tone::Tone;
use super::{ClaimVerdict, Report, plot, text};
use crate::drawing::DrawingError;
use crate::experiment::ReportKind;

mod provenance;

use provenance::anchor;

/// The files beside the page.
const FILES: &str = "The same as files: the plot's data <a href=\"cells.csv\">cells.csv</a>, every trial \
<a href=\"trials.csv\">trials.csv</a>, <a href=\"verdicts.json\">verdicts.json</a>, the table as \
<a href=\"table.md\">Markdown</a> and <a href=\"table.tex\">LaTeX</a>, the plot as <a href=\"plot.svg\">SVG</a> and \
<a href=\"plot.png\">PNG</a>";
const LEARNING_FILES: &str = "A line for each trial. All of them as files: <a href=\"learning.csv\">learning.csv</a>, \
<a href=\"learning.svg\">SVG</a> and <a href=\"learning.png\">PNG</a>";

const STYLE: &str = include_str!("page.css");

/// A page that needs no other file.
pub(super) fn document(title: &str, body: &str) -> String {
    let title = text::html(title);
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n<title>{title}</title>\n\
         <style>\n{STYLE}</style>\n</head>\n<body>\n{body}</body>\n</html>\n"
    )
}

/// The page, with `plot` (SVG) and the learning curves drawn in it.
///
/// # Errors
/// A learning curve cannot be drawn.
pub fn page(report: &Report, plot: &str, charts: &[Chart]) -> Result<String, DrawingError> {
    let measured = &report.measured;
    let scale = text::html(text::scale(measured.scale));
    let mut out = format!("<h1>{}</h1>\n<p class=\"scale\">{scale}</p>\n", text::html(&measured.title));
    if let Some(selection) = &measured.selection {
        let _ = writeln!(out, "<p>Selected by <code>{}</code></p>", text::html(selection));
    }
    out.push_str("<p>Test accuracy in percent, mean ± standard deviation over trials. Each number of ours leads to its runs.</p>\n");
    numbers(report, &mut out);
    for line in report.legend() {
        let _ = writeln!(out, "<p class=\"note\">{}</p>", text::html(&line));
    }
    let _ = writeln!(out, "<figure class=\"wide\">\n{}\n</figure>", named(plot, &plot_label(measured)));
    let _ = writeln!(out, "<p class=\"note\">{FILES}</p>");
    verdicts(report, &mut out);
    readings(report, &mut out);
    claims(report, &mut out);
    deviations(report, &mut out);
    list("Failed trials", &report.failures(), &mut out);
    list("Warnings", &measured.warnings, &mut out);
    learning(charts, &mut out)?;
    provenance::section(report, &mut out);
    Ok(document(&format!("{}, {} scale", measured.title, measured.scale), &out))
}

fn numbers(report: &Report, out: &mut String) {
    out.push_str("<div class=\"wide\">\n<table>\n<thead>\n");
    for spans in report.grid.levels() {
        out.push_str("<tr><td></td><td></td>");
        for (label, span) in spans {
            let _ = write!(out, "<th scope=\"col\" colspan=\"{span}\">{}</th>", text::html(&label));
        }
        out.push_str("</tr>\n");
    }
    out.push_str("</thead>\n<tbody>\n");
    for (row, cells) in report.grid.cells.iter().enumerate() {
        let name = text::html(&report.grid.rows[row].text());
        let lines = if report.is_published(row) { 2 } else { 1 };
        let _ = write!(
            out,
            "<tr class=\"ours\"><th scope=\"row\" rowspan=\"{lines}\">{name}</th><td class=\"whose\">{}</td>",
            text::ours(report.measured.scale)
        );
        for cell in cells {
            out.push_str(&cell.map_or("<td></td>".to_owned(), |index| ours(report, index)));
        }
        out.push_str("</tr>\n");
        if !report.is_published(row) {
            continue;
        }
        out.push_str("<tr class=\"paper\"><td class=\"whose\">paper</td>");
        for cell in cells {
            let number = cell.map(|index| text::published_marked(report.measured.cells[index].published.as_ref()));
            let _ = write!(out, "<td>{}</td>", text::html(&number.unwrap_or_default()));
        }
        out.push_str("</tr>\n");
    }
    out.push_str("</tbody>\n</table>\n</div>\n");
}

/// Our number, in the colour of its verdict at paper scale, with a link to the runs it is from.
fn ours(report: &Report, index: usize) -> String {
    let sign = report.sign(index);
    let class = match sign {
        Some(_) => format!(" class=\"{}\"", Tone::of(&report.summaries[index].verdict).class()),
        None => String::new(),
    };
    let number = text::html(&report.ours(index));
    let sign = sign.map_or(String::new(), |sign| format!(" {sign}"));
    match report.measured.cells[index].trials.is_empty() {
        true => format!("<td{class}>{number}{sign}</td>"),
        false => format!("<td{class}><a href=\"#{}\">{number}</a>{sign}</td>", anchor(index)),
    }
}

/// An SVG with a name for those who cannot see it.
fn named(svg: &str, label: &str) -> String {
    svg.trim_end().replacen("<svg ", &format!("<svg role=\"img\" aria-label=\"{}\" ", text::html(label)), 1)
}

fn plot_label(measured: &Measured) -> String {
    let form = match measured.layout.kind {
        ReportKind::Table | ReportKind::Bars => "bars",
        ReportKind::Curves => "curves",
    };
    format!("Plot of {}: the numbers of the table above as {form}, ours beside the paper's", measured.title)
}

fn learning(charts: &[Chart], out: &mut String) -> Result<(), DrawingError> {
    if charts.is_empty() {
        return Ok(());
    }
    let _ = writeln!(out, "<h2>Learning curves: loss by epoch</h2>\n<p class=\"note\">{LEARNING_FILES}</p>");
    out.push_str("<div class=\"charts\">\n");
    for chart in charts {
        let cells = chart.cells.join("; ");
        let svg = named(&plot::learning::chart_svg(chart)?, &curve_label(chart, &cells));
        let _ = writeln!(out, "<figure>\n{svg}\n<figcaption>{}</figcaption>\n</figure>", text::html(&cells));
    }
    out.push_str("</div>\n");
    Ok(())
}

fn curve_label(chart: &Chart, cells: &str) -> String {
    let ends: Vec<String> = chart
        .lines
        .iter()
        .filter_map(|line| {
            let ((_, first), (_, last)) = (line.points.first()?, line.points.last()?);
            Some(format!("trial {}, from {first:.3} to {last:.3}", line.seed))
        })
        .collect();
    format!("Loss over {} epochs, {cells}: {}", chart.epochs(), ends.join("; "))
}

fn verdicts(report: &Report, out: &mut String) {
    out.push_str("<h2>Verdicts</h2>\n");
    let rows = report.summaries.iter().enumerate().map(|(index, summary)| {
        let cells = vec![
            report.grid.name(index),
            summary.difference.map_or("-".to_owned(), text::signed),
            summary.difference_interval.as_ref().map_or("-".to_owned(), text::interval),
            summary.verdict.to_string(),
        ];
        (cells, Tone::of(&summary.verdict))
    });
    plain_table(&["cell", "difference", "95% interval", "verdict"], rows, out);
}

fn readings(report: &Report, out: &mut String) {
    let Some(readings) = Readings::of(report) else { return };
    out.push_str("<h2>Every reading</h2>\n");
    let header: Vec<&str> = readings.header.iter().map(String::as_str).collect();
    plain_table(&header, readings.rows.into_iter().map(|row| (row, Tone::Plain)), out);
}

fn claims(report: &Report, out: &mut String) {
    if report.claims.is_empty() {
        return;
    }
    let _ = writeln!(out, "<h2>Claims, at {} scale</h2>", report.measured.scale);
    for outcome in &report.claims {
        let statement = text::html(&outcome.claim.statement);
        let _ =
            writeln!(out, "<p>{statement}: {} ({})</p>", claim_verdict(outcome.verdict), text::html(&outcome.tally()));
        let rows = outcome.comparisons.iter().map(|comparison| {
            let (difference, bounds) = comparison.numbers();
            let names = [report.grid.name(comparison.higher), report.grid.name(comparison.lower)];
            let rest = [comparison.n.to_string(), difference, bounds, comparison.verdict_text()];
            (names.into_iter().chain(rest).collect(), Tone::of_claim(comparison.verdict))
        });
        plain_table(&["higher", "lower", "n", "difference", "one-sided 95% bounds", "verdict"], rows, out);
    }
}

fn deviations(report: &Report, out: &mut String) {
    let ledger = report.ledger();
    if ledger.is_empty() {
        return;
    }
    out.push_str("<h2>Deviations from the published protocol</h2>\n");
    let rows = ledger.into_iter().map(|(deviation, cells)| {
        let what = [&deviation.what, &deviation.published, &deviation.ours].map(String::clone);
        (what.into_iter().chain([report.cells_in_words(&cells)]).collect(), Tone::Plain)
    });
    plain_table(&["what", "published", "ours", "cells"], rows, out);
}

/// The verdict on a claim, in words and in its colour.
pub(super) fn claim_verdict(verdict: ClaimVerdict) -> String {
    format!("<strong class=\"{}\">{}</strong>", Tone::of_claim(verdict).class(), verdict.id())
}

/// A table of words, whose lines may break. The last column has the colour of its row's tone.
fn plain_table(header: &[&str], rows: impl Iterator<Item = (Vec<String>, Tone)>, out: &mut String) {
    out.push_str("<div class=\"wide\">\n<table class=\"words\">\n<thead><tr>");
    for title in header {
        let _ = write!(out, "<th scope=\"col\">{}</th>", text::html(title));
    }
    out.push_str("</tr></thead>\n<tbody>\n");
    for (row, tone) in rows {
        out.push_str("<tr>");
        for (column, cell) in row.iter().enumerate() {
            let class =
                if column + 1 == row.len() { format!(" class=\"text {}\"", tone.class()) } else { String::new() };
            let _ = write!(out, "<td{class}>{}</td>", text::html(cell));
        }
        out.push_str("</tr>\n");
    }
    out.push_str("</tbody>\n</table>\n</div>\n");
}

fn list(title: &str, items: &[String], out: &mut String) {
    if items.is_empty() {
        return;
    }
    let _ = writeln!(out, "<h2>{title}</h2>\n<ul>");
    for item in items {
        let _ = writeln!(out, "<li>{}</li>", text::html(item));
    }
    out.push_str("</ul>\n");
}
