//! Where each cell stands in the table.

use super::measured::{Coordinate, Layout, MeasuredCell};

/// Rows and columns of a table, in order of first appearance.
#[derive(Clone, Debug, PartialEq)]
pub struct Grid {
    pub rows: Vec<Heading>,
    pub columns: Vec<Heading>,
    /// Index of the cell at `[row][column]`.
    pub cells: Vec<Vec<Option<usize>>>,
}

/// A row or a column: one label for each axis that runs that way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heading {
    values: Vec<String>,
    pub labels: Vec<String>,
}

impl Heading {
    fn of(coordinates: &[&Coordinate]) -> Heading {
        Heading {
            values: coordinates.iter().map(|coordinate| coordinate.value.clone()).collect(),
            labels: coordinates.iter().map(|coordinate| coordinate.label.clone()).collect(),
        }
    }

    /// The labels in one line, without empty ones.
    pub fn text(&self) -> String {
        let labels: Vec<&str> = self.labels.iter().map(String::as_str).filter(|label| !label.is_empty()).collect();
        labels.join(" ")
    }
}

impl Grid {
    pub fn new(layout: &Layout, cells: &[MeasuredCell]) -> Grid {
        let mut grid = Grid { rows: Vec::new(), columns: Vec::new(), cells: Vec::new() };
        for (index, cell) in cells.iter().enumerate() {
            let across = |coordinate: &Coordinate| layout.columns.contains(&coordinate.axis);
            let mut down: Vec<&Coordinate> = in_order(&layout.rows, &cell.coordinates);
            down.extend(cell.coordinates.iter().filter(|it| !across(it) && !layout.rows.contains(&it.axis)));
            let row = place(&mut grid.rows, Heading::of(&down));
            let column = place(&mut grid.columns, Heading::of(&in_order(&layout.columns, &cell.coordinates)));
            grid.cells.resize_with(grid.rows.len(), Vec::new);
            for cells in &mut grid.cells {
                cells.resize(grid.columns.len(), None);
            }
            grid.cells[row][column] = Some(index);
        }
        grid
    }

    /// The name of a cell in running text, for instance `CovType, MoCo v2 + i-Mix`.
    pub fn name(&self, index: usize) -> String {
        let found = self.cells.iter().enumerate().find_map(|(row, cells)| {
            let column = cells.iter().position(|cell| *cell == Some(index))?;
            Some((row, column))
        });
        let Some((row, column)) = found else { return String::new() };
        let parts = [self.rows[row].text(), self.columns[column].text()];
        let parts: Vec<String> = parts.into_iter().filter(|part| !part.is_empty()).collect();
        parts.join(", ")
    }

    /// Labels of the innermost column axis, in order of first appearance.
    pub fn innermost(&self) -> Vec<String> {
        let mut labels: Vec<String> = Vec::new();
        for label in self.columns.iter().filter_map(|column| column.labels.last()) {
            if !labels.contains(label) {
                labels.push(label.clone());
            }
        }
        labels
    }

    /// Column headings by level: for each level, labels with the number of columns they span. A label never spans
    /// columns that differ at a level above it.
    pub fn levels(&self) -> Vec<Vec<(String, usize)>> {
        let depth = self.columns.first().map_or(0, |heading| heading.labels.len());
        (0..depth)
            .map(|level| {
                let mut spans: Vec<(String, usize)> = Vec::new();
                let mut last: Option<&[String]> = None;
                for heading in &self.columns {
                    let path = &heading.values[..=level];
                    match spans.last_mut() {
                        Some((_, span)) if last == Some(path) => *span += 1,
                        _ => spans.push((heading.labels[level].clone(), 1)),
                    }
                    last = Some(path);
                }
                spans
            })
            .collect()
    }
}

fn in_order<'a>(axes: &[String], coordinates: &'a [Coordinate]) -> Vec<&'a Coordinate> {
    axes.iter().filter_map(|axis| coordinates.iter().find(|coordinate| coordinate.axis == *axis)).collect()
}

fn place(headings: &mut Vec<Heading>, heading: Heading) -> usize {
    headings.iter().position(|known| *known == heading).unwrap_or_else(|| {
        headings.push(heading);
        headings.len() - 1
    })
}
