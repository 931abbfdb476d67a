//! One panel: its axis, and the marks at their places.

use plotters::backend::DrawingBackend;
use plotters::style::text_anchor::HPos;
use plotters::style::{BLACK, Color, RGBColor, ShapeStyle, WHITE};

use crate::drawing::{Canvas, DrawingError, INK, Point};
use crate::report::axis::Axis;
use crate::report::figure::{Number, Pair};
use crate::report::text;

// Okabe and Ito's colours: told apart with any colour vision, the first two by lightness in grey as well.
const SERIES: [RGBColor; 4] =
    [RGBColor(86, 180, 233), RGBColor(0, 114, 178), RGBColor(213, 94, 0), RGBColor(0, 158, 115)];
pub const PAPER_EDGE: RGBColor = RGBColor(166, 94, 0);
const PAPER: RGBColor = RGBColor(250, 221, 170);

/// Room above the axis for the number of the highest bar.
const HEADROOM: i32 = 22;
/// Between two bars of a place.
const GAP: i32 = 4;
/// Half the width of a point.
const POINT: i32 = 5;

/// The colour of a series among `of`: one alone has the darker blue.
pub fn colour(series: usize, of: usize) -> RGBColor {
    SERIES[(series + usize::from(of == 1)) % SERIES.len()]
}

/// Where a panel's axis lies on the picture.
pub struct Frame {
    pub top: i32,
    pub bottom: i32,
    pub axis: Axis,
}

impl Frame {
    pub fn y(&self, value: f64) -> i32 {
        let height = f64::from(self.bottom - self.top - HEADROOM);
        self.bottom - (height * self.axis.share(value)).round() as i32
    }

    /// The bars of one place, side by side around `centre`, each `width` wide; the paper's beside ours where
    /// `has_paper`.
    pub fn bars<B: DrawingBackend>(
        &self,
        canvas: &Canvas<B>,
        pairs: &[Pair],
        (centre, width): Point,
        has_paper: bool,
    ) -> Result<(), DrawingError> {
        let slots = pairs.len() as i32 * if has_paper { 2 } else { 1 };
        let mut left = centre - (slots * (width + GAP) - GAP) / 2;
        for (series, pair) in pairs.iter().enumerate() {
            if let Some(number) = pair.ours {
                let fill = colour(series, pairs.len());
                canvas.rectangle((left, self.y(number.mean)), (left + width, self.bottom), fill.filled())?;
                self.tip(canvas, number, left + width / 2)?;
            }
            left += width + GAP;
            if has_paper {
                if let Some(number) = pair.paper {
                    paper_bar(canvas, (left, self.y(number.mean)), (left + width, self.bottom))?;
                    self.tip(canvas, number, left + width / 2)?;
                }
                left += width + GAP;
            }
        }
        Ok(())
    }

    /// The error bar of a bar, and its number.
    fn tip<B: DrawingBackend>(&self, canvas: &Canvas<B>, number: Number, x: i32) -> Result<(), DrawingError> {
        self.whisker(canvas, number, x)?;
        let highest = self.y(number.ends()[1]);
        // Keeps the lines of the grid out of the number.
        canvas.rectangle((x - 15, highest - 18), (x + 15, highest - 3), WHITE.filled())?;
        canvas.write(&text::percent(number.mean), (x, highest - 17), 14, INK, HPos::Center)
    }

    fn whisker<B: DrawingBackend>(&self, canvas: &Canvas<B>, number: Number, x: i32) -> Result<(), DrawingError> {
        if number.std.is_none() {
            return Ok(());
        }
        let [low, high] = number.ends().map(|end| self.y(end.max(self.axis.low)));
        canvas.stroke(&[(x, low), (x, high)], BLACK, 2)?;
        canvas.stroke(&[(x - 5, low), (x + 5, low)], BLACK, 2)?;
        canvas.stroke(&[(x - 5, high), (x + 5, high)], BLACK, 2)
    }

    /// One series as a line through its points. It breaks where a number is missing.
    pub fn curve<B: DrawingBackend>(
        &self,
        canvas: &Canvas<B>,
        points: &[(i32, Option<Number>)],
        mark: Mark,
    ) -> Result<(), DrawingError> {
        let line: Vec<Option<Point>> =
            points.iter().map(|(x, number)| number.map(|number| (*x, self.y(number.mean)))).collect();
        for ends in line.windows(2) {
            if let [Some(from), Some(to)] = ends {
                mark.line(canvas, *from, *to)?;
            }
        }
        for ((x, number), at) in points.iter().zip(line) {
            if let Some((number, at)) = number.zip(at) {
                self.whisker(canvas, number, *x)?;
                mark.point(canvas, at)?;
            }
        }
        Ok(())
    }
}

/// How a curve is drawn: filled points and a whole line for ours, hollow points and a broken line for the paper's.
#[derive(Clone, Copy)]
pub struct Mark {
    pub series: usize,
    pub of: usize,
    pub hollow: bool,
}

impl Mark {
    pub fn line<B: DrawingBackend>(self, canvas: &Canvas<B>, from: Point, to: Point) -> Result<(), DrawingError> {
        let colour = colour(self.series, self.of);
        if !self.hollow {
            return canvas.stroke(&[from, to], colour, 2);
        }
        let (across, up) = (f64::from(to.0 - from.0), f64::from(to.1 - from.1));
        let dashes = (across.hypot(up) / 12.0).ceil();
        let at = |share: f64| (from.0 + (across * share).round() as i32, from.1 + (up * share).round() as i32);
        for dash in 0..dashes as i32 {
            let start = f64::from(dash);
            canvas.stroke(&[at(start / dashes), at((start + 0.5) / dashes)], colour, 2)?;
        }
        Ok(())
    }

    /// A square for the first series, a diamond, a triangle, then these again.
    pub fn point<B: DrawingBackend>(self, canvas: &Canvas<B>, (x, y): Point) -> Result<(), DrawingError> {
        let shape: &[Point] = match self.series % 3 {
            0 => &[(-1, -1), (1, -1), (1, 1), (-1, 1)],
            1 => &[(0, -1), (1, 0), (0, 1), (-1, 0)],
            _ => &[(0, -1), (1, 1), (-1, 1)],
        };
        let size = if self.series % 3 == 1 { POINT + 2 } else { POINT };
        let corners: Vec<Point> = shape.iter().map(|(dx, dy)| (x + dx * size, y + dy * size)).collect();
        let colour = colour(self.series, self.of);
        canvas.polygon(&corners, if self.hollow { WHITE } else { colour })?;
        let outline: Vec<Point> = corners.iter().chain(&corners[..1]).copied().collect();
        canvas.stroke(&outline, colour, 2)
    }
}

/// Hatched, so that it stands apart without colour too.
pub fn paper_bar<B: DrawingBackend>(canvas: &Canvas<B>, from: Point, to: Point) -> Result<(), DrawingError> {
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
