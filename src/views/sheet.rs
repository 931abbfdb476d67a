//! The contact sheet: a line of pictures for each item.

use plotters::style::RGBColor;
use plotters::style::text_anchor::HPos;

use super::{Item, Stages};
use crate::drawing::{self, Canvas, DrawingError, INK};

/// Pixels of the sheet for each unit of the layout.
const ZOOM: i32 = 2;
/// Height that pictures are enlarged to, in pixels, as far as whole factors go.
const ENLARGED: usize = 192;

const MARGIN: i32 = 20;
const GAP: i32 = 10;
const HEAD: i32 = 104;
/// Room for what stands before the pictures of an item.
const BEFORE: i32 = 130;
/// Room for a stage's name.
const STAGE: i32 = 108;
const SMALL: i32 = 14;
const LINE: i32 = 20;
const QUIET: RGBColor = RGBColor(110, 110, 110);

/// What stands above the pictures.
pub struct Caption {
    pub title: String,
    pub remark: String,
}

/// The sheet as PNG.
///
/// # Errors
/// A font that cannot be read, pictures that are not whole.
pub fn draw(stages: &Stages, caption: &Caption) -> Result<Vec<u8>, DrawingError> {
    let factor = (ENLARGED / stages.height.max(1)).max(1);
    let in_units = |side: usize| (side * factor) as i32 / ZOOM;
    let column = in_units(stages.width).max(STAGE) + GAP;
    let line = in_units(stages.height).max(3 * LINE) + GAP;
    let mixed = if stages.items.iter().any(|item| item.mixed.is_some()) { BEFORE + STAGE } else { 0 };
    let pictures = column * stages.names.len() as i32;
    let width = (2 * MARGIN + BEFORE + pictures + mixed).max(MARGIN + 8 * caption.title.chars().count() as i32);
    let height = HEAD + line * stages.items.len() as i32 + MARGIN;

    drawing::png((width, height), ZOOM, |canvas| {
        canvas.write(&caption.title, (MARGIN, 14), 20, INK, HPos::Left)?;
        canvas.write(&caption.remark, (MARGIN, 44), SMALL, QUIET, HPos::Left)?;
        for (stage, name) in stages.names.iter().enumerate() {
            let left = MARGIN + BEFORE + column * stage as i32;
            canvas.write(name, (left, HEAD - LINE - 4), SMALL, INK, HPos::Left)?;
        }
        for (place, item) in stages.items.iter().enumerate() {
            let top = HEAD + line * place as i32;
            before(canvas, place, item, top)?;
            for (stage, picture) in item.pictures.iter().enumerate() {
                let left = MARGIN + BEFORE + column * stage as i32;
                canvas.paint(picture, stages.width, factor, (left, top))?;
            }
            after(canvas, item, (MARGIN + BEFORE + pictures, top))?;
        }
        Ok(())
    })
}

fn before<B: plotters::backend::DrawingBackend>(
    canvas: &Canvas<B>,
    place: usize,
    item: &Item,
    top: i32,
) -> Result<(), DrawingError> {
    canvas.write(&format!("item {place}"), (MARGIN, top), 16, INK, HPos::Left)?;
    canvas.write(&item.class, (MARGIN, top + LINE), SMALL, INK, HPos::Left)?;
    canvas.write(&format!("training row {}", item.row), (MARGIN, top + 2 * LINE), SMALL, QUIET, HPos::Left)
}

fn after<B: plotters::backend::DrawingBackend>(
    canvas: &Canvas<B>,
    item: &Item,
    (left, top): (i32, i32),
) -> Result<(), DrawingError> {
    let Some(mixed) = &item.mixed else { return Ok(()) };
    canvas.write(&format!("lambda {:.3}", mixed.lambda), (left, top), 16, INK, HPos::Left)?;
    let partner = format!("partner: item {} ({})", mixed.partner, mixed.partner_class);
    canvas.write(&partner, (left, top + LINE), SMALL, INK, HPos::Left)?;
    let share = format!("with a share of {:.3}", 1.0 - mixed.lambda);
    canvas.write(&share, (left, top + 2 * LINE), SMALL, QUIET, HPos::Left)
}
