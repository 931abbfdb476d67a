//! What may happen to a picture on its way to the network, and what does in one view.

use rand::seq::SliceRandom;
use rand::{Rng, RngExt};

use super::crop::Region;
use super::jitter::Adjustment;
use crate::augment::ViewsError;
use crate::recipe::{Domain, LightViews, Views};

/// Standard deviations of MoCo v2's blur, in pixels (official `main_pretext.py`, `GaussianBlur`).
const BLUR: (f32, f32) = (0.1, 2.0);

/// Most that hue turns: half the wheel either way.
const WIDEST_HUE: f64 = 0.5;

/// How much of a picture views show.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Framing {
    /// All of it.
    Whole,
    /// A random part of at least this share of the area, resized.
    ResizedCrop(f64),
    /// A part of the original size out of the picture with a black border of so many pixels.
    PaddedCrop(usize),
}

/// The random operations of a training picture, in the official order: crop, jitter, greyscale, blur, flip.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Augmentation {
    framing: Framing,
    /// Strengths of brightness, contrast, saturation and hue.
    jitter: [f64; 4],
    jitter_probability: f64,
    greyscale_probability: f64,
    blur_probability: f64,
    flip_probability: f64,
}

/// What a view shows of its picture.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Frame {
    Whole,
    Resized(Region),
    /// Border, and top and left of the part in the padded picture.
    Padded(usize, (usize, usize)),
}

/// The operations of one view.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Draw {
    pub frame: Frame,
    /// In the order of their application; absent where the strength is 0 or jitter does not apply.
    pub adjustments: [Option<Adjustment>; 4],
    pub greyscale: bool,
    /// Standard deviation in pixels.
    pub blur: Option<f32>,
    pub flip: bool,
}

impl Augmentation {
    /// Nothing happens.
    pub const NONE: Augmentation = Augmentation {
        framing: Framing::Whole,
        jitter: [0.0; 4],
        jitter_probability: 0.0,
        greyscale_probability: 0.0,
        blur_probability: 0.0,
        flip_probability: 0.0,
    };

    /// The augmentation of self-supervised training.
    ///
    /// # Errors
    /// Views of another domain, settings out of their range.
    pub fn pretext(views: &Views) -> Result<Augmentation, ViewsError> {
        let other = |views| Err(ViewsError::Domain { views, set: Domain::Images });
        match *views {
            Views::Identity => Ok(Augmentation::NONE),
            Views::Tabular { .. } => other(Domain::Tabular),
            Views::Speech { .. } => other(Domain::Speech),
            Views::Image {
                crop_scale,
                jitter,
                jitter_probability,
                greyscale_probability,
                flip_probability,
                blur_probability,
            } => Augmentation {
                framing: Framing::ResizedCrop(crop_scale),
                jitter,
                jitter_probability,
                greyscale_probability,
                blur_probability,
                flip_probability,
            }
            .checked(),
        }
    }

    /// The augmentation of training with labels (official `main_lincls.py`): a crop and a flip.
    ///
    /// # Errors
    /// Settings out of their range.
    pub fn light(views: &LightViews) -> Result<Augmentation, ViewsError> {
        let framing = match *views {
            LightViews::PaddedCrop { padding } => Framing::PaddedCrop(padding),
            LightViews::ResizedCrop { crop_scale } => Framing::ResizedCrop(crop_scale),
        };
        Augmentation { framing, flip_probability: 0.5, ..Augmentation::NONE }.checked()
    }

    fn checked(self) -> Result<Augmentation, ViewsError> {
        let expect = |fits: bool, setting, found, expected| {
            if fits { Ok(()) } else { Err(ViewsError::Setting { setting, found, expected }) }
        };
        if let Framing::ResizedCrop(share) = self.framing {
            expect(share > 0.0 && share <= 1.0, "crop_scale", share, "a number above 0 and up to 1")?;
        }
        let [colours @ .., hue] = self.jitter;
        for strength in colours {
            expect(strength >= 0.0 && strength.is_finite(), "jitter", strength, "a number of at least 0")?;
        }
        expect((0.0..=WIDEST_HUE).contains(&hue), "jitter, hue", hue, "a number in [0, 0.5]")?;
        for (setting, found) in [
            ("jitter_probability", self.jitter_probability),
            ("greyscale_probability", self.greyscale_probability),
            ("blur_probability", self.blur_probability),
            ("flip_probability", self.flip_probability),
        ] {
            expect((0.0..=1.0).contains(&found), setting, found, "a number in [0, 1]")?;
        }
        Ok(self)
    }

    /// Draws the operations of one view of a picture.
    pub fn draw(&self, height: usize, width: usize, stream: &mut impl Rng) -> Draw {
        let frame = match self.framing {
            Framing::Whole => Frame::Whole,
            Framing::ResizedCrop(smallest) => Frame::Resized(Region::draw(height, width, smallest, stream)),
            Framing::PaddedCrop(padding) => {
                let mut begin = || stream.random_range(0..=2 * padding as u64) as usize;
                Frame::Padded(padding, (begin(), begin()))
            }
        };
        let jittered = stream.random_bool(self.jitter_probability);
        Draw {
            frame,
            adjustments: if jittered { adjustments(self.jitter, stream) } else { [None; 4] },
            greyscale: stream.random_bool(self.greyscale_probability),
            blur: stream.random_bool(self.blur_probability).then(|| stream.random_range(BLUR.0..=BLUR.1)),
            flip: stream.random_bool(self.flip_probability),
        }
    }
}

/// Colour jitter as torchvision's `ColorJitter.get_params` draws it: factors uniform around 1, a turn uniform around
/// 0, in an order that is uniform too.
fn adjustments(strengths: [f64; 4], stream: &mut impl Rng) -> [Option<Adjustment>; 4] {
    let [brightness, contrast, saturation, hue] = strengths;
    let mut factor = |strength: f64| {
        let smallest = (1.0 - strength).max(0.0);
        (strength > 0.0).then(|| stream.random_range(smallest..=1.0 + strength) as f32)
    };
    let mut adjustments = [
        factor(brightness).map(Adjustment::Brightness),
        factor(contrast).map(Adjustment::Contrast),
        factor(saturation).map(Adjustment::Saturation),
        (hue > 0.0).then(|| Adjustment::hue(stream.random_range(-hue..=hue))),
    ];
    adjustments.shuffle(stream);
    adjustments
}
