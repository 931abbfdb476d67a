//! The plot: ours beside the paper's, a panel for each row of the table. SVG and PNG come from the same strokes.

use plotters::backend::DrawingBackend;
use plotters::style::text_anchor::HPos;
use plotters::style::{BLACK, Color, RGBColor, ShapeStyle, WHITE};

use crate::drawing::{self, Canvas, DrawingError, INK, Point};

use super::axis::Axis;
use super::{Report, text};

// Okabe and Ito's blue and orange: told apart with any colour vision, and by lightness and hatching in grey.
const OURS: RGBColor = RGBColor(0, 114, 178);
const PAPER: RGBColor = RGBColor(250, 221, 170);
const PAPER_EDGE: RGBColor = RGBColor(166, 94, 0);
const GRID: RGBColor = RGBColor(222, 222, 222);

const LEFT: i32 = 76;
const RIGHT: i32 = 24;
const HEADER: i32 = 96;
const PANEL: i32 = 290;
const PANEL_TITLE: i32 = 40;
const LABEL_LINE: i32 = 24;
const BAR: i32 = 40;
const FOOTER: i32 = 26;

/// Pixels of the PNG for each of the SVG.
const ZOOM: i32 = 2;

/// The plot as SVG.
pub fn svg(report: &Report) -> Result<String, DrawingError> {
    let picture = Picture::new(report);
    drawing::svg((picture.width, picture.height), |canvas| picture.draw(canvas))
}

/// The plot as PNG.
pub fn png(report: &Report) -> Result<Vec<u8>, DrawingError> {
    let picture = Picture::new(report);
    drawing::png((picture.width, picture.height), ZOOM, |canvas| picture.draw(canvas))
}

/// A number with the reach of its error bar.
type Bar = (f64, Option<f64>);

struct Picture<'a> {
    report: &'a Report,
    /// Rows of the table that are drawn.
    rows: Vec<usize>,
    /// Width of the room for a pair of bars.
    group: i32,
    width: i32,
    height: i32,
}

impl<'a> Picture<'a> {
    fn new(report: &'a Report) -> Picture<'a> {
        let all = 0..report.grid.rows.len();
        let has_ours =
            |row: &usize| report.grid.cells[*row].iter().flatten().any(|cell| report.summaries[*cell].n() > 0);
        let measured: Vec<usize> = all.clone().filter(has_ours).collect();
        let rows = if measured.is_empty() { all.collect() } else { measured };
        let levels = report.grid.levels();
        let widest = levels.iter().flatten().map(|(label, span)| text_width(label) / *span as i32).max().unwrap_or(0);
        let group = (widest + 18).max(2 * BAR + 40);
        let columns = report.grid.columns.len() as i32;
        let width = (LEFT + group * columns + RIGHT).max(720);
        let panel = PANEL_TITLE + PANEL + LABEL_LINE * levels.len() as i32 + 14;
        let height = HEADER + panel * rows.len() as i32 + FOOTER;
        Picture { report, rows, group: (width - LEFT - RIGHT) / columns.max(1), width, height }
    }

    fn draw<B: DrawingBackend>(&self, canvas: &Canvas<B>) -> Result<(), DrawingError> {
        let measured = &self.report.measured;
        canvas.write(&measured.title, (LEFT, 16), 22, INK, HPos::Left)?;
        canvas.write(text::scale(measured.scale), (LEFT, 44), 16, PAPER_EDGE, HPos::Left)?;
        self.legend(canvas)?;
        let panel = PANEL_TITLE + PANEL + LABEL_LINE * self.report.grid.levels().len() as i32 + 14;
        for (index, row) in self.rows.iter().enumerate() {
            self.panel(canvas, *row, HEADER + panel * index as i32)?;
        }
        let footer = (LEFT, self.height - FOOTER);
        canvas.write("Error bars: one standard deviation over trials", footer, 14, INK, HPos::Left)
    }

    fn legend<B: DrawingBackend>(&self, canvas: &Canvas<B>) -> Result<(), DrawingError> {
        let (y, size) = (70, 14);
        ours_bar(canvas, (LEFT, y), (LEFT + 22, y + size))?;
        canvas.write(text::ours(self.report.measured.scale), (LEFT + 30, y - 1), 16, INK, HPos::Left)?;
        let x = LEFT + 150;
        paper_bar(canvas, (x, y), (x + 22, y + size))?;
        canvas.write("paper", (x + 30, y - 1), 16, INK, HPos::Left)
    }

    /// One row of the table, with its title at `top`.
    fn panel<B: DrawingBackend>(&self, canvas: &Canvas<B>, row: usize, top: i32) -> Result<(), DrawingError> {
        let report = self.report;
        let bars: Vec<(Option<Bar>, Option<Bar>)> =
            report.grid.cells[row].iter().map(|cell| self.bars(*cell)).collect();
        let ends = bars.iter().flat_map(|(ours, paper)| [ours, paper]).flatten();
        let axis = Axis::of(ends.flat_map(|(mean, std)| [mean - std.unwrap_or(0.0), mean + std.unwrap_or(0.0)]));
        let frame = Frame { top: top + PANEL_TITLE, bottom: top + PANEL_TITLE + PANEL, axis };
        canvas.write(&report.grid.rows[row].text(), (LEFT, top + 12), 18, INK, HPos::Left)?;
        let right = self.width - RIGHT;
        if frame.axis.low > 0.0 {
            let remark = format!("axis starts at {}", frame.axis.label(frame.axis.low));
            canvas.write(&remark, (right, top + 15), 14, INK, HPos::Right)?;
        }
        for tick in frame.axis.ticks() {
            let y = frame.y(tick);
            canvas.stroke(&[(LEFT, y), (right, y)], GRID, 1)?;
            canvas.write_beside(&frame.axis.label(tick), (LEFT - 8, y))?;
        }
        canvas.write_upwards("test accuracy (%)", (22, (frame.top + frame.bottom) / 2))?;
        for (column, (ours, paper)) in bars.into_iter().enumerate() {
            let centre = LEFT + self.group * column as i32 + self.group / 2;
            if let Some(bar) = ours {
                frame.bar(canvas, bar, (centre - BAR - 2, centre - 2), ours_bar)?;
            }
            if let Some(bar) = paper {
                frame.bar(canvas, bar, (centre + 2, centre + BAR + 2), paper_bar)?;
            }
        }
        canvas.stroke(&[(LEFT, frame.bottom), (right, frame.bottom)], INK, 1)?;
        self.headings(canvas, frame.bottom + 8)
    }

    fn bars(&self, cell: Option<usize>) -> (Option<Bar>, Option<Bar>) {
        let Some(index) = cell else { return (None, None) };
        let ours = self.report.summaries[index].ours.map(|ours| (ours.mean, ours.std));
        let paper = self.report.measured.cells[index].published.as_ref().map(|it| (it.mean, it.std));
        (ours, paper)
    }

    /// Column headings, innermost level on top.
    fn headings<B: DrawingBackend>(&self, canvas: &Canvas<B>, top: i32) -> Result<(), DrawingError> {
        for (line, spans) in self.report.grid.levels().iter().rev().enumerate() {
            let y = top + LABEL_LINE * line as i32;
            let mut first = 0;
            for (label, span) in spans {
                let width = self.group * *span as i32;
                let left = LEFT + self.group * first;
                if *span > 1 {
                    canvas.stroke(&[(left + 14, y - 4), (left + width - 14, y - 4)], GRID, 1)?;
                }
                canvas.write(label, (left + width / 2, y), 16, INK, HPos::Center)?;
                first += *span as i32;
            }
        }
        Ok(())
    }
}

/// Where a panel's axis lies on the picture.
struct Frame {
    top: i32,
    bottom: i32,
    axis: Axis,
}

/// Room above the axis for the number of the highest bar.
const HEADROOM: i32 = 22;

impl Frame {
    fn y(&self, value: f64) -> i32 {
        let height = f64::from(self.bottom - self.top - HEADROOM);
        self.bottom - (height * self.axis.share(value)).round() as i32
    }

    fn bar<B: DrawingBackend>(
        &self,
        canvas: &Canvas<B>,
        (mean, std): Bar,
        (left, right): (i32, i32),
        fill: impl Fn(&Canvas<B>, Point, Point) -> Result<(), DrawingError>,
    ) -> Result<(), DrawingError> {
        fill(canvas, (left, self.y(mean)), (right, self.bottom))?;
        let centre = (left + right) / 2;
        let mut highest = self.y(mean);
        if let Some(std) = std {
            let (low, high) = (self.y((mean - std).max(self.axis.low)), self.y(mean + std));
            canvas.stroke(&[(centre, low), (centre, high)], BLACK, 2)?;
            canvas.stroke(&[(centre - 5, low), (centre + 5, low)], BLACK, 2)?;
            canvas.stroke(&[(centre - 5, high), (centre + 5, high)], BLACK, 2)?;
            highest = high;
        }
        // Keeps the lines of the grid out of the number.
        canvas.rectangle((centre - 15, highest - 18), (centre + 15, highest - 3), WHITE.filled())?;
        canvas.write(&text::percent(mean), (centre, highest - 17), 14, INK, HPos::Center)
    }
}

fn ours_bar<B: DrawingBackend>(canvas: &Canvas<B>, from: Point, to: Point) -> Result<(), DrawingError> {
    canvas.rectangle(from, to, OURS.filled())
}

/// Hatched, so that it stands apart without colour too.
fn paper_bar<B: DrawingBackend>(canvas: &Canvas<B>, from: Point, to: Point) -> Result<(), DrawingError> {
    canvas.rectangle(from, to, PAPER.filled())?;
    let ((left, top), (right, bottom)) = (from, to);
    // Lines of constant x + y, cut off at the edges of the bar.
    for sum in ((left + top + 7)..(right + bottom)).step_by(8) {
        let start = (left.max(sum - bottom), bottom.min(sum - left));
        let end = (right.min(sum - top), top.max(sum - right));
        canvas.stroke(&[start, end], PAPER_EDGE, 1)?;
    }
    canvas.rectangle(from, to, ShapeStyle::from(&PAPER_EDGE).stroke_width(canvas.zoom() as u32))
}

/// Room for a label, generous enough for the fonts of SVG viewers.
fn text_width(label: &str) -> i32 {
    9 * label.chars().count() as i32
}
