//! `index.html` of the folder of reports: every experiment at a glance, with links to the pages.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use crate::store::write_atomic;

use super::{Report, ReportError, Verdict, html, text};

/// Writes the overview of some reports into the folder that theirs are in, and returns its path.
///
/// # Errors
/// The file cannot be written.
pub fn write_overview(reports: &[Report], folder: &Path) -> Result<PathBuf, ReportError> {
    let path = folder.join("index.html");
    let failed = |source| ReportError::Write { path: path.clone(), source };
    write_atomic(&path, page(reports).as_bytes()).map_err(failed)?;
    Ok(path)
}

fn page(reports: &[Report]) -> String {
    let mut body = String::from("<h1>i-Mix, re-run</h1>\n");
    if let Some(report) = reports.first() {
        let _ = writeln!(body, "<p class=\"scale\">{}</p>", text::html(text::scale(report.measured.scale)));
    }
    for report in reports {
        let measured = &report.measured;
        let run = report.summaries.iter().filter(|summary| summary.n() > 0).count();
        let _ = writeln!(
            body,
            "<h2><a href=\"{}/{}/index.html\">{}</a></h2>\n<p>{run} of {} cells run. Numbers of the paper: {}.</p>",
            text::html(&measured.experiment),
            measured.scale,
            text::html(&measured.title),
            report.summaries.len(),
            verdicts(report)
        );
        claims(report, &mut body);
    }
    html::document("i-Mix, re-run", &body)
}

fn claims(report: &Report, body: &mut String) {
    if report.claims.is_empty() {
        return;
    }
    body.push_str("<ul>\n");
    for outcome in &report.claims {
        let statement = text::html(&outcome.claim.statement);
        let (verdict, tally) = (html::claim_verdict(outcome.verdict), text::html(&outcome.tally()));
        let _ = writeln!(body, "<li>{statement}: {verdict} ({tally})</li>");
    }
    body.push_str("</ul>\n");
}

/// How the cells with a published number came out: `2 reproduced, 1 above`.
fn verdicts(report: &Report) -> String {
    let mut counts: Vec<(&str, usize)> = Vec::new();
    for summary in &report.summaries {
        let kind = match &summary.verdict {
            Verdict::NoPublishedNumber => continue,
            Verdict::NotComparable(_) => "not comparable",
            Verdict::NoTrials => "no trials",
            Verdict::Reproduced => "reproduced",
            Verdict::Above => "above",
            Verdict::Below => "below",
            Verdict::Inconclusive(_) => "inconclusive",
        };
        match counts.iter_mut().find(|(known, _)| *known == kind) {
            Some((_, count)) => *count += 1,
            None => counts.push((kind, 1)),
        }
    }
    let words: Vec<String> = counts.iter().map(|(kind, count)| format!("{count} {kind}")).collect();
    if words.is_empty() { "none known".to_owned() } else { words.join(", ") }
}
