//! Drawing: text, lines and pictures, into SVG or PNG by the same strokes.

use std::sync::LazyLock;

use plotters::backend::{BitMapBackend, DrawingBackend, RGBPixel, SVGBackend};
use plotters::coord::Shift;
use plotters::drawing::{DrawingArea, IntoDrawingArea};
use plotters::element::{BitMapElement, PathElement, Polygon, Rectangle, Text};
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{
    Color, FontStyle, FontTransform, IntoFont, RGBColor, ShapeStyle, TextStyle, WHITE, register_font,
};

/// Of text and axes.
pub const INK: RGBColor = RGBColor(40, 40, 40);

/// Bytes of a pixel.
const CHANNELS: usize = 3;

/// The family that texts name in the SVG, where a viewer takes its own; in the PNG it is the font built in.
const FAMILY: &str = "sans-serif";

static FONT: LazyLock<bool> =
    LazyLock::new(|| register_font(FAMILY, FontStyle::Normal, epaint_default_fonts::UBUNTU_LIGHT).is_ok());

/// Why nothing could be drawn.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct DrawingError(String);

fn failed(error: impl std::fmt::Display) -> DrawingError {
    DrawingError(error.to_string())
}

/// A drawing area with coordinates of its own, `zoom` pixels each.
pub struct Canvas<B: DrawingBackend> {
    area: DrawingArea<B, Shift>,
    zoom: i32,
}

pub type Point = (i32, i32);

/// What `draw` draws on white, as SVG.
pub fn svg(
    (width, height): (i32, i32),
    draw: impl FnOnce(&Canvas<SVGBackend>) -> Result<(), DrawingError>,
) -> Result<String, DrawingError> {
    let mut svg = String::new();
    let area = SVGBackend::with_string(&mut svg, (width as u32, height as u32)).into_drawing_area();
    on_white(Canvas { area, zoom: 1 }, draw)?;
    Ok(svg)
}

/// What `draw` draws on white, as PNG of `zoom` pixels for each of the canvas.
pub fn png(
    (width, height): (i32, i32),
    zoom: i32,
    draw: impl FnOnce(&Canvas<BitMapBackend>) -> Result<(), DrawingError>,
) -> Result<Vec<u8>, DrawingError> {
    use image::codecs::png::{CompressionType, FilterType, PngEncoder};
    use image::{ColorType, ImageEncoder};

    let (width, height) = ((width * zoom) as u32, (height * zoom) as u32);
    let mut pixels = vec![0; width as usize * height as usize * CHANNELS];
    let area = BitMapBackend::with_buffer(&mut pixels, (width, height)).into_drawing_area();
    on_white(Canvas { area, zoom }, draw)?;
    let mut bytes = Vec::new();
    // Lines on white repeat as they are: a filter only hides that from the compression.
    let encoder = PngEncoder::new_with_quality(&mut bytes, CompressionType::Default, FilterType::NoFilter);
    encoder.write_image(&pixels, width, height, ColorType::Rgb8).map_err(failed)?;
    Ok(bytes)
}

fn on_white<B: DrawingBackend>(
    canvas: Canvas<B>,
    draw: impl FnOnce(&Canvas<B>) -> Result<(), DrawingError>,
) -> Result<(), DrawingError> {
    if !*FONT {
        return Err(DrawingError("the built-in font cannot be read".to_owned()));
    }
    canvas.area.fill(&WHITE).map_err(failed)?;
    draw(&canvas)?;
    canvas.area.present().map_err(failed)
}

impl<B: DrawingBackend> Canvas<B> {
    pub fn zoom(&self) -> i32 {
        self.zoom
    }

    fn pixel(&self, (x, y): Point) -> Point {
        (x * self.zoom, y * self.zoom)
    }

    pub fn rectangle(&self, from: Point, to: Point, style: ShapeStyle) -> Result<(), DrawingError> {
        self.area.draw(&Rectangle::new([self.pixel(from), self.pixel(to)], style)).map_err(failed)
    }

    pub fn polygon(&self, corners: &[Point], fill: RGBColor) -> Result<(), DrawingError> {
        let corners: Vec<Point> = corners.iter().map(|corner| self.pixel(*corner)).collect();
        self.area.draw(&Polygon::new(corners, fill.filled())).map_err(failed)
    }

    pub fn stroke(&self, points: &[Point], colour: RGBColor, width: i32) -> Result<(), DrawingError> {
        let style = ShapeStyle::from(&colour).stroke_width((width * self.zoom) as u32);
        let points: Vec<Point> = points.iter().map(|point| self.pixel(*point)).collect();
        self.area.draw(&PathElement::new(points, style)).map_err(failed)
    }

    /// Paints `pixels`, `[height, width, channels]`, each as a square of `side` pixels of the canvas, whatever its zoom.
    pub fn paint(&self, pixels: &[u8], width: usize, side: usize, at: Point) -> Result<(), DrawingError> {
        let spread = |pixel: &[u8]| pixel.repeat(side);
        let line = |line: &[u8]| line.chunks_exact(CHANNELS).flat_map(spread).collect::<Vec<u8>>().repeat(side);
        let painted: Vec<u8> = pixels.chunks_exact(width * CHANNELS).flat_map(line).collect();
        let size = (width * side, pixels.len() / (width * CHANNELS) * side);
        let size = (size.0 as u32, size.1 as u32);
        match BitMapElement::<_, RGBPixel>::with_owned_buffer(self.pixel(at), size, painted) {
            Some(element) => self.area.draw(&element).map_err(failed),
            None => Err(DrawingError("a picture that is not whole".to_owned())),
        }
    }

    /// Writes below `at`.
    pub fn write(&self, text: &str, at: Point, size: i32, colour: RGBColor, across: HPos) -> Result<(), DrawingError> {
        let style = self.style(size, colour, Pos::new(across, VPos::Top), FontTransform::None);
        self.text(text, at, style)
    }

    /// Writes to the left of `at`, half above and half below it.
    pub fn write_beside(&self, text: &str, at: Point) -> Result<(), DrawingError> {
        self.text(text, at, self.style(14, INK, Pos::new(HPos::Right, VPos::Center), FontTransform::None))
    }

    /// Writes from bottom to top, around `at`.
    pub fn write_upwards(&self, text: &str, at: Point) -> Result<(), DrawingError> {
        self.text(text, at, self.style(16, INK, Pos::new(HPos::Center, VPos::Center), FontTransform::Rotate270))
    }

    fn text(&self, text: &str, at: Point, style: TextStyle<'static>) -> Result<(), DrawingError> {
        self.area.draw(&Text::new(text.to_owned(), self.pixel(at), style)).map_err(failed)
    }

    fn style(&self, size: i32, colour: RGBColor, pos: Pos, turned: FontTransform) -> TextStyle<'static> {
        let font = (FAMILY, size * self.zoom).into_font().transform(turned);
        TextStyle { color: colour.to_backend_color(), ..TextStyle::from(font).pos(pos) }
    }
}
