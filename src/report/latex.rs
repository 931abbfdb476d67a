//! `table.tex`: a booktabs table for a paper.

use std::fmt::Write;

use super::{Report, text};

/// The table, in a `table` environment.
pub fn table(report: &Report) -> String {
    let measured = &report.measured;
    let columns = report.grid.columns.len();
    let mut out = String::from("% Needs \\usepackage{booktabs,amssymb,graphicx}.\n\\begin{table}\n  \\centering\n");
    let _ = writeln!(
        out,
        "  \\caption{{{}. {}. Test accuracy in percent, mean and standard deviation over trials.}}",
        text::latex(&measured.title),
        text::latex(text::scale(measured.scale))
    );
    // No wider than the text, and never drawn up to its width.
    out.push_str("  \\resizebox{\\ifdim\\width>\\linewidth\\linewidth\\else\\width\\fi}{!}{%\n");
    let _ = writeln!(out, "  \\begin{{tabular}}{{ll{}}}\n    \\toprule", "c".repeat(columns));
    let levels = report.grid.levels();
    for (depth, spans) in levels.iter().enumerate() {
        let labels: Vec<String> = spans
            .iter()
            .map(|(label, span)| match span {
                1 => text::latex(label),
                _ => format!("\\multicolumn{{{span}}}{{c}}{{{}}}", text::latex(label)),
            })
            .collect();
        let _ = writeln!(out, "    & & {} \\\\", labels.join(" & "));
        if depth + 1 < levels.len() {
            rules_under(spans, &mut out);
        }
    }
    out.push_str("    \\midrule\n");
    for row in 0..report.grid.rows.len() {
        rows(report, row, &mut out);
    }
    out.push_str("    \\bottomrule\n  \\end{tabular}}\n");
    for line in report.legend() {
        let _ = writeln!(out, "  \\par\\footnotesize {}", signs(&text::latex(&line)));
    }
    out.push_str("\\end{table}\n");
    out
}

fn rules_under(spans: &[(String, usize)], out: &mut String) {
    let mut column = 3;
    for (_, span) in spans {
        if *span > 1 {
            let _ = writeln!(out, "    \\cmidrule(lr){{{column}-{}}}", column + span - 1);
        }
        column += span;
    }
}

fn rows(report: &Report, row: usize, out: &mut String) {
    let cells = &report.grid.cells[row];
    let name = text::latex(&report.grid.rows[row].text());
    let source = text::ours(report.measured.scale);
    let ours = cells.iter().map(|cell| cell.map_or(String::new(), |index| ours(report, index)));
    let _ = writeln!(out, "    {name} & {source} & {} \\\\", ours.collect::<Vec<_>>().join(" & "));
    if !report.is_published(row) {
        return;
    }
    let paper = cells.iter().map(|cell| {
        let number = cell.map(|index| text::published_marked(report.measured.cells[index].published.as_ref()));
        number.map_or(String::new(), |number| text::latex(&number))
    });
    let _ = writeln!(out, "    & paper & {} \\\\", paper.collect::<Vec<_>>().join(" & "));
}

fn ours(report: &Report, index: usize) -> String {
    let number = text::latex(&report.ours(index));
    match report.sign(index) {
        Some(sign) => format!("{number} {}", signs(sign)),
        None => number,
    }
}

/// Signs of verdicts, in what plain LaTeX has.
fn signs(text: &str) -> String {
    text.replace('✓', "$\\checkmark$").replace('▲', "$\\blacktriangle$").replace('▼', "$\\blacktriangledown$")
}
