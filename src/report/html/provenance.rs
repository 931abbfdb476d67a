//! Where every number of a page is from.

use std::fmt::Write;

use crate::report::measured::Run;
use crate::report::{Report, text};

/// Digits of a commit or a checksum that are shown; the files have all of them.
const DIGITS: usize = 12;
const DIRTY: &str = "-dirty";

/// What the runs of a cell are linked by.
pub fn anchor(cell: usize) -> String {
    format!("runs-{cell}")
}

/// Every run, cell by cell.
pub fn section(report: &Report, out: &mut String) {
    let cells = report.measured.cells.iter().enumerate().filter(|(_, cell)| !cell.trials.is_empty());
    let count: usize = cells.clone().flat_map(|(_, cell)| &cell.trials).map(|trial| trial.runs().count()).sum();
    if count == 0 {
        return;
    }
    out.push_str("<h2>Provenance</h2>\n");
    out.push_str(
        "<p class=\"note\">Commit of the program and checksum of the data for every run; in full, with command line and \
         versions of crates, in <a href=\"runs.csv\">runs.csv</a>. An address is the name of a folder in the results.</p>\n",
    );
    let _ = write!(out, "<details>\n<summary>The {} runs behind the numbers</summary>\n", text::grouped(count as u64));
    out.push_str("<div class=\"wide\">\n<table>\n<thead><tr>");
    let header = ["trial", "run", "address", "commit", "data", "device", "threads", "precision", "seconds"];
    for title in header {
        let _ = write!(out, "<th scope=\"col\">{title}</th>");
    }
    out.push_str("</tr></thead>\n");
    for (index, cell) in cells {
        let of_trial = |seed: u64, value: f64| format!("trial {seed}: {}", text::percent(value));
        let readings = cell
            .trials
            .iter()
            .filter_map(|trial| trial.readings.get(&cell.reading).map(|value| of_trial(trial.seed, *value)));
        let heading = format!("{}: {}", report.grid.name(index), readings.collect::<Vec<_>>().join(", "));
        let _ = writeln!(
            out,
            "<tbody id=\"{}\">\n<tr><th scope=\"rowgroup\" colspan=\"{}\">{}</th></tr>",
            anchor(index),
            header.len(),
            text::html(&heading)
        );
        for trial in &cell.trials {
            for (kind, run) in trial.runs() {
                row(trial.seed, kind, run, out);
            }
        }
        out.push_str("</tbody>\n");
    }
    out.push_str("</table>\n</div>\n</details>\n");
}

fn row(seed: u64, kind: &str, run: &Run, out: &mut String) {
    let _ = write!(out, "<tr><td>{seed}</td><td>{}</td><td><code>{}</code></td>", text::html(kind), run.address);
    match &run.provenance {
        Some(from) => {
            let _ = writeln!(
                out,
                "<td><code>{}</code></td><td><code>{}</code></td><td>{}</td><td>{}</td><td>{}</td><td>{:.0}</td></tr>",
                text::html(&commit(&from.commit)),
                text::html(&shortened(&from.data_digest)),
                text::html(&from.device),
                from.threads,
                text::html(&from.precision),
                from.wall_seconds
            );
        }
        None => out.push_str("<td colspan=\"6\">not known: its provenance.json is gone or damaged</td></tr>\n"),
    }
}

/// The first digits, and whether the tree had changes.
fn commit(commit: &str) -> String {
    match commit.strip_suffix(DIRTY) {
        Some(clean) => shortened(clean) + DIRTY,
        None => shortened(commit),
    }
}

fn shortened(digits: &str) -> String {
    digits.chars().take(DIGITS).collect()
}
