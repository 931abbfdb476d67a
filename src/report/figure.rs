//! What a plot shows, before it is drawn: which numbers stand together, and which are of one series.

use std::ops::Range;

use super::{Report, text};
use crate::experiment::ReportKind;

/// A mean with one standard deviation, in percent.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Number {
    pub mean: f64,
    pub std: Option<f64>,
}

impl Number {
    /// The ends of the error bar, or the mean twice.
    pub fn ends(&self) -> [f64; 2] {
        let reach = self.std.unwrap_or(0.0);
        [self.mean - reach, self.mean + reach]
    }
}

/// One number of a series, and the paper's.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Pair {
    pub ours: Option<Number>,
    pub paper: Option<Number>,
}

/// A plot: a panel for each row of the table that has numbers, in it places from left to right, and at each place a pair
/// of numbers for each series.
#[derive(Clone, Debug, PartialEq)]
pub struct Figure {
    pub kind: ReportKind,
    pub series: Vec<String>,
    /// Labels of the places with how many each spans, outermost level first.
    pub levels: Vec<Vec<(String, usize)>>,
    pub panels: Vec<Panel>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Panel {
    pub title: String,
    /// `[place][series]`.
    pub places: Vec<Vec<Pair>>,
}

impl Figure {
    /// The plot of a report. Without any numbers of ours it has every row, for the paper's.
    pub fn of(report: &Report) -> Figure {
        let grid = &report.grid;
        let kind = report.measured.layout.kind;
        let mut levels = grid.levels();
        // What the innermost axis tells apart are series; of a table each column is a place of its own.
        let (series, places) = match kind {
            ReportKind::Table => (
                vec![text::ours(report.measured.scale).to_owned()],
                (0..grid.columns.len()).map(|at| at..at + 1).collect(),
            ),
            ReportKind::Bars | ReportKind::Curves => {
                levels.pop();
                (grid.innermost(), spans(&levels, grid.columns.len()))
            }
        };
        for level in &mut levels {
            let mut column = 0;
            for (_, span) in level {
                let columns = column..column + *span;
                *span = places.iter().filter(|place: &&Range<usize>| columns.contains(&place.start)).count();
                column = columns.end;
            }
        }
        let number = |row: usize, column: Option<usize>| {
            column.and_then(|column| grid.cells[row][column]).map_or(Pair::default(), |cell| pair(report, cell))
        };
        let panel = |row: usize| Panel {
            title: grid.rows[row].text(),
            places: places
                .iter()
                .map(|place: &Range<usize>| match kind {
                    ReportKind::Table => vec![number(row, Some(place.start))],
                    _ => {
                        let column = |label: &String| {
                            place.clone().find(|column| grid.columns[*column].labels.last() == Some(label))
                        };
                        series.iter().map(|label| number(row, column(label))).collect()
                    }
                })
                .collect(),
        };
        let all: Vec<Panel> = (0..grid.rows.len()).map(panel).collect();
        let measured: Vec<Panel> = all.iter().filter(|panel| panel.has(|pair| pair.ours)).cloned().collect();
        Figure { kind, series, levels, panels: if measured.is_empty() { all } else { measured } }
    }

    /// Whether a number of the paper is in it.
    pub fn has_paper(&self) -> bool {
        self.panels.iter().any(|panel| panel.has(|pair| pair.paper))
    }

    pub fn places(&self) -> usize {
        self.panels.first().map_or(0, |panel| panel.places.len())
    }
}

impl Panel {
    fn has(&self, number: impl Fn(&Pair) -> Option<Number>) -> bool {
        self.places.iter().flatten().any(|pair| number(pair).is_some())
    }

    /// Every number in it.
    pub fn numbers(&self) -> impl Iterator<Item = Number> {
        self.places.iter().flatten().flat_map(|pair| [pair.ours, pair.paper]).flatten()
    }
}

fn pair(report: &Report, cell: usize) -> Pair {
    let ours = report.summaries[cell].ours.map(|ours| Number { mean: ours.mean, std: ours.std });
    let paper = report.measured.cells[cell].published.as_ref().map(|it| Number { mean: it.mean, std: it.std });
    Pair { ours, paper }
}

/// The columns beneath each label of the innermost level; all of them where there is no level.
fn spans(levels: &[Vec<(String, usize)>], columns: usize) -> Vec<Range<usize>> {
    let Some(innermost) = levels.last() else { return std::iter::once(0..columns).collect() };
    let mut start = 0;
    let mut place = |span: usize| {
        let place = start..start + span;
        start = place.end;
        place
    };
    innermost.iter().map(|(_, span)| place(*span)).collect()
}
