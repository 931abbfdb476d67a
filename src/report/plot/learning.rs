//! Learning curves: one small chart for the trials of a cell, and all of them on one picture.

use plotters::backend::DrawingBackend;
use plotters::style::RGBColor;
use plotters::style::text_anchor::HPos;

use crate::drawing::{self, Canvas, DrawingError, INK, Point};
use crate::report::axis::Axis;
use crate::report::learning::Chart;
use crate::report::measured::Measured;
use crate::report::text;

use super::panel::{PAPER_EDGE, colour};
use super::{GRID, ZOOM};

const FAINT: RGBColor = RGBColor(96, 96, 96);

/// Width and height of a chart with its labels.
const CHART: Point = (320, 190);
const LEFT: i32 = 48;
const RIGHT: i32 = 12;
const TOP: i32 = 10;
const BOTTOM: i32 = 24;

/// Of the picture of all charts.
const ACROSS: usize = 3;
const MARGIN: i32 = 20;
const HEADER: i32 = 80;
const NAME: i32 = 24;
/// Letters of a name that fit above a chart.
const LETTERS: usize = 48;

/// One chart as SVG.
pub fn chart_svg(chart: &Chart) -> Result<String, DrawingError> {
    drawing::svg(CHART, |canvas| draw(canvas, chart, (0, 0)))
}

/// All charts on one picture, as SVG.
pub fn svg(measured: &Measured, charts: &[Chart]) -> Result<String, DrawingError> {
    drawing::svg(size(charts), |canvas| sheet(canvas, measured, charts))
}

/// The same as PNG.
pub fn png(measured: &Measured, charts: &[Chart]) -> Result<Vec<u8>, DrawingError> {
    drawing::png(size(charts), ZOOM, |canvas| sheet(canvas, measured, charts))
}

fn size(charts: &[Chart]) -> Point {
    let lines = charts.len().div_ceil(ACROSS).max(1) as i32;
    (2 * MARGIN + CHART.0 * ACROSS as i32, HEADER + (NAME + CHART.1) * lines + MARGIN)
}

fn sheet<B: DrawingBackend>(canvas: &Canvas<B>, measured: &Measured, charts: &[Chart]) -> Result<(), DrawingError> {
    let title = format!("{}: loss by epoch", measured.title);
    canvas.write(&title, (MARGIN, 14), 20, INK, HPos::Left)?;
    canvas.write(text::scale(measured.scale), (MARGIN, 42), 16, PAPER_EDGE, HPos::Left)?;
    if charts.is_empty() {
        return canvas.write("No pretext run is finished.", (MARGIN, HEADER), 16, INK, HPos::Left);
    }
    for (index, chart) in charts.iter().enumerate() {
        let (line, column) = ((index / ACROSS) as i32, (index % ACROSS) as i32);
        let (x, y) = (MARGIN + CHART.0 * column, HEADER + (NAME + CHART.1) * line);
        canvas.write(&name(chart), (x, y + 4), 13, INK, HPos::Left)?;
        draw(canvas, chart, (x, y + NAME))?;
    }
    Ok(())
}

/// The first cell's name, as much of it as there is room for, and how many more share its encoders.
fn name(chart: &Chart) -> String {
    let more = match chart.cells.len() {
        0 | 1 => String::new(),
        all => format!(" and {} more", all - 1),
    };
    let first = chart.cells.first().map_or("", String::as_str);
    let room = LETTERS - more.len();
    match first.chars().count() > room {
        true => format!("{}…{more}", first.chars().take(room - 1).collect::<String>().trim_end()),
        false => format!("{first}{more}"),
    }
}

fn draw<B: DrawingBackend>(canvas: &Canvas<B>, chart: &Chart, (x, y): Point) -> Result<(), DrawingError> {
    let axis = Axis::close_around(chart.losses());
    let (left, right) = (x + LEFT, x + CHART.0 - RIGHT);
    let (top, bottom) = (y + TOP, y + CHART.1 - BOTTOM);
    let height = |loss: f64| bottom - (f64::from(bottom - top) * axis.share(loss)).round() as i32;
    for tick in axis.ticks() {
        let at = height(tick);
        canvas.stroke(&[(left, at), (right, at)], GRID, 1)?;
        canvas.write(&axis.label(tick), (left - 6, at - 8), 13, FAINT, HPos::Right)?;
    }
    let epochs = chart.epochs();
    let last = f64::from(epochs.max(2));
    let across = |epoch: f64| left + (f64::from(right - left) * (epoch - 1.0) / (last - 1.0)).round() as i32;
    for (trial, line) in chart.lines.iter().enumerate() {
        let points: Vec<Point> = line.points.iter().map(|(epoch, loss)| (across(*epoch), height(*loss))).collect();
        let colour = colour(trial, chart.lines.len());
        match points[..] {
            // A line of one point has no length.
            [(x, y)] => canvas.stroke(&[(x - 2, y), (x + 2, y)], colour, 4)?,
            _ => canvas.stroke(&points, colour, 2)?,
        }
    }
    canvas.stroke(&[(left, bottom), (right, bottom)], INK, 1)?;
    canvas.write("epoch 1", (left, bottom + 5), 13, FAINT, HPos::Left)?;
    match epochs {
        1 => Ok(()),
        _ => canvas.write(&text::grouped(u64::from(epochs)), (right, bottom + 5), 13, FAINT, HPos::Right),
    }
}
