//! `table.md`: the table with all that belongs to it.

use std::fmt::Write;

use super::claim::Comparison;
use super::readings::Readings;
use super::{Report, text};

/// The whole document.
pub fn document(report: &Report) -> String {
    let measured = &report.measured;
    let mut out = format!("# {}\n\n**{}**\n\n", text::markdown(&measured.title), text::scale(measured.scale));
    if let Some(selection) = &measured.selection {
        let _ = write!(out, "Selected by `{selection}`\n\n");
    }
    out.push_str("Test accuracy in percent, mean ± standard deviation over trials.\n\n");
    table(report, &mut out);
    for line in report.legend() {
        let _ = write!(out, "\n{line}  ");
    }
    if !report.legend().is_empty() {
        out.push('\n');
    }
    readings(report, &mut out);
    claims(report, &mut out);
    deviations(report, &mut out);
    list("Failed trials", &report.failures(), &mut out);
    list("Warnings", &measured.warnings, &mut out);
    out
}

fn table(report: &Report, out: &mut String) {
    let columns = report.grid.columns.iter().map(|heading| heading.text());
    let header: Vec<String> = [String::new(), String::new()].into_iter().chain(columns).collect();
    line(out, &header);
    out.push_str("| --- | --- |");
    out.push_str(&" ---: |".repeat(report.grid.columns.len()));
    out.push('\n');
    for (row, cells) in report.grid.cells.iter().enumerate() {
        let ours = cells.iter().map(|cell| match cell {
            Some(index) => [Some(report.ours(*index).as_str()), report.sign(*index)]
                .into_iter()
                .flatten()
                .collect::<Vec<_>>()
                .join(" "),
            None => String::new(),
        });
        let name = report.grid.rows[row].text();
        line(out, &[name, text::ours(report.measured.scale).to_owned()].into_iter().chain(ours).collect::<Vec<_>>());
        if !report.is_published(row) {
            continue;
        }
        let paper = cells.iter().map(|cell| match cell {
            Some(index) => text::published_marked(report.measured.cells[*index].published.as_ref()),
            None => String::new(),
        });
        line(out, &[String::new(), "paper".to_owned()].into_iter().chain(paper).collect::<Vec<_>>());
    }
}

fn readings(report: &Report, out: &mut String) {
    let Some(readings) = Readings::of(report) else { return };
    out.push_str("\n## Every reading\n\n");
    line(out, &readings.header);
    out.push_str("| --- |");
    out.push_str(&" ---: |".repeat(readings.header.len() - 1));
    out.push('\n');
    readings.rows.iter().for_each(|row| line(out, row));
}

fn claims(report: &Report, out: &mut String) {
    if report.claims.is_empty() {
        return;
    }
    let _ = write!(out, "\n## Claims, at {} scale\n", report.measured.scale);
    for outcome in &report.claims {
        let _ = write!(
            out,
            "\n**{}**: {} ({})\n\n",
            text::markdown(&outcome.claim.statement),
            outcome.verdict.id(),
            outcome.tally()
        );
        out.push_str("| higher | lower | n | difference | one-sided 95% bounds | verdict |\n");
        out.push_str("| --- | --- | ---: | ---: | ---: | --- |\n");
        for comparison in &outcome.comparisons {
            let Comparison { higher, lower, n, .. } = comparison;
            let (difference, bounds) = comparison.numbers();
            let names = [report.grid.name(*higher), report.grid.name(*lower), n.to_string()];
            line(out, &names.into_iter().chain([difference, bounds, comparison.verdict_text()]).collect::<Vec<_>>());
        }
    }
}

fn deviations(report: &Report, out: &mut String) {
    let ledger = report.ledger();
    if ledger.is_empty() {
        return;
    }
    out.push_str("\n## Deviations from the published protocol\n\n");
    out.push_str("| what | published | ours | cells |\n| --- | --- | --- | --- |\n");
    for (deviation, cells) in ledger {
        let words = [&deviation.what, &deviation.published, &deviation.ours].map(String::clone);
        line(out, &words.into_iter().chain([report.cells_in_words(&cells)]).collect::<Vec<_>>());
    }
}

fn list(title: &str, items: &[String], out: &mut String) {
    if items.is_empty() {
        return;
    }
    let _ = write!(out, "\n## {title}\n\n");
    for item in items {
        let _ = writeln!(out, "- {}", text::markdown(item));
    }
}

fn line(out: &mut String, cells: &[String]) {
    for cell in cells {
        if cell.is_empty() {
            out.push_str("| ");
        } else {
            let _ = write!(out, "| {} ", text::markdown(cell));
        }
    }
    out.push_str("|\n");
}
