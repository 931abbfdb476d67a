//! The plot: ours beside the paper's, a panel for each row of the table. SVG and PNG come from the same strokes.

pub mod learning;
mod panel;

use plotters::backend::DrawingBackend;
use plotters::style::text_anchor::HPos;
use plotters::style::{Color, RGBColor};

use crate::drawing::{self, Canvas, DrawingError, INK};
use crate::experiment::ReportKind;

use super::axis::Axis;
use super::figure::{Figure, Pair, Panel};
use super::measured::Measured;
use super::{Report, text};
use panel::{Frame, Mark, PAPER_EDGE, colour, paper_bar};

const GRID: RGBColor = RGBColor(222, 222, 222);

const LEFT: i32 = 76;
const RIGHT: i32 = 24;
const HEADER: i32 = 96;
const PANEL: i32 = 290;
const PANEL_TITLE: i32 = 40;
const LABEL_LINE: i32 = 24;
const FOOTER: i32 = 26;
const NARROWEST: i32 = 720;

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

struct Picture<'a> {
    measured: &'a Measured,
    figure: Figure,
    has_paper: bool,
    /// Width of a bar.
    bar: i32,
    /// Width of the room for a place.
    place: i32,
    /// Height of a panel with its title and the labels beneath it.
    panel: i32,
    width: i32,
    height: i32,
}

impl<'a> Picture<'a> {
    fn new(report: &'a Report) -> Picture<'a> {
        let figure = Figure::of(report);
        let has_paper = figure.has_paper();
        let levels = &figure.levels;
        let widest = levels.iter().flatten().map(|(label, span)| text_width(label) / (*span).max(1) as i32).max();
        let (bar, marks) = match figure.kind {
            ReportKind::Table => (40, 2 * 40 + 40),
            ReportKind::Bars => (30, 34 * figure.series.len() as i32 * if has_paper { 2 } else { 1 } + 18),
            ReportKind::Curves => (0, 64),
        };
        let place = (widest.unwrap_or(0) + 18).max(marks);
        let places = figure.places() as i32;
        let width = (LEFT + place * places + RIGHT).max(NARROWEST);
        let panel = PANEL_TITLE + PANEL + LABEL_LINE * levels.len() as i32 + 14;
        let height = HEADER + panel * figure.panels.len() as i32 + FOOTER;
        let place = (width - LEFT - RIGHT) / places.max(1);
        Picture { measured: &report.measured, figure, has_paper, bar, place, panel, width, height }
    }

    fn draw<B: DrawingBackend>(&self, canvas: &Canvas<B>) -> Result<(), DrawingError> {
        canvas.write(&self.measured.title, (LEFT, 16), 22, INK, HPos::Left)?;
        canvas.write(text::scale(self.measured.scale), (LEFT, 44), 16, PAPER_EDGE, HPos::Left)?;
        self.legend(canvas)?;
        for (index, panel) in self.figure.panels.iter().enumerate() {
            self.panel(canvas, panel, HEADER + self.panel * index as i32)?;
        }
        let has_spread = |panel: &Panel| panel.numbers().any(|number| number.std.is_some());
        if !self.figure.panels.iter().any(has_spread) {
            return Ok(());
        }
        let footer = (LEFT, self.height - FOOTER);
        canvas.write("Error bars: one standard deviation over trials", footer, 14, INK, HPos::Left)
    }

    fn legend<B: DrawingBackend>(&self, canvas: &Canvas<B>) -> Result<(), DrawingError> {
        let (y, size, sample) = (70, 14, 22);
        let is_curves = self.figure.kind == ReportKind::Curves;
        let of = self.figure.series.len();
        let mark = |series, hollow| Mark { series, of, hollow };
        let sampled = |mark: Mark, x| {
            mark.line(canvas, (x, y + size / 2), (x + sample, y + size / 2))?;
            mark.point(canvas, (x + sample / 2, y + size / 2))
        };
        let mut x = LEFT;
        for (series, label) in self.figure.series.iter().enumerate() {
            match is_curves {
                true => sampled(mark(series, false), x)?,
                false => canvas.rectangle((x, y), (x + sample, y + size), colour(series, of).filled())?,
            }
            canvas.write(label, (x + sample + 8, y - 1), 16, INK, HPos::Left)?;
            x += sample + 8 + text_width(label).max(90) + 20;
        }
        if !self.has_paper {
            return Ok(());
        }
        match is_curves {
            true => sampled(mark(0, true), x)?,
            false => paper_bar(canvas, (x, y), (x + sample, y + size))?,
        }
        canvas.write("paper", (x + sample + 8, y - 1), 16, INK, HPos::Left)
    }

    /// One row of the table, with its title at `top`.
    fn panel<B: DrawingBackend>(&self, canvas: &Canvas<B>, panel: &Panel, top: i32) -> Result<(), DrawingError> {
        let axis = Axis::of(panel.numbers().flat_map(|number| number.ends()));
        let frame = Frame { top: top + PANEL_TITLE, bottom: top + PANEL_TITLE + PANEL, axis };
        canvas.write(&panel.title, (LEFT, top + 12), 18, INK, HPos::Left)?;
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
        match self.figure.kind {
            ReportKind::Table | ReportKind::Bars => {
                for (place, pairs) in panel.places.iter().enumerate() {
                    frame.bars(canvas, pairs, (self.centre(place), self.bar), self.has_paper)?;
                }
            }
            ReportKind::Curves => self.curves(canvas, panel, &frame)?,
        }
        canvas.stroke(&[(LEFT, frame.bottom), (right, frame.bottom)], INK, 1)?;
        self.headings(canvas, frame.bottom + 8)
    }

    fn curves<B: DrawingBackend>(&self, canvas: &Canvas<B>, panel: &Panel, frame: &Frame) -> Result<(), DrawingError> {
        let of = self.figure.series.len();
        for series in 0..of {
            // Error bars at the same place would hide each other.
            let aside = 3 * (2 * series as i32 + 1 - of as i32);
            let points = |hollow: bool| -> Vec<_> {
                let number = |pairs: &[Pair]| if hollow { pairs[series].paper } else { pairs[series].ours };
                let places = panel.places.iter().enumerate();
                places.map(|(place, pairs)| (self.centre(place) + aside, number(pairs))).collect()
            };
            for hollow in [true, false] {
                frame.curve(canvas, &points(hollow), Mark { series, of, hollow })?;
            }
        }
        Ok(())
    }

    fn centre(&self, place: usize) -> i32 {
        LEFT + self.place * place as i32 + self.place / 2
    }

    /// Labels of the places, innermost level on top.
    fn headings<B: DrawingBackend>(&self, canvas: &Canvas<B>, top: i32) -> Result<(), DrawingError> {
        for (line, spans) in self.figure.levels.iter().rev().enumerate() {
            let y = top + LABEL_LINE * line as i32;
            let mut first = 0;
            for (label, span) in spans {
                let width = self.place * *span as i32;
                let left = LEFT + self.place * first;
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

/// Room for a label, generous enough for the fonts of SVG viewers.
fn text_width(label: &str) -> i32 {
    9 * label.chars().count() as i32
}
