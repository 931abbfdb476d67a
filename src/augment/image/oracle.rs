//! Every operation against torchvision on Pillow pictures (`tests/fixtures/views.py`).

use std::collections::BTreeMap;

use safetensors::SafeTensors;
use sha2::{Digest, Sha256};

use super::Workspace;
use super::augmentation::{Draw, Frame};
use super::blur::Blur;
use super::canvas::Canvas;
use super::crop::{self, Region};
use super::jitter::{self, Adjustment};
use super::normaliser::Normaliser;
use super::resize::Resizer;
use super::tests::set;

/// A picture of the fixture, or one made by its formula.
struct Picture {
    pixels: Vec<u8>,
    height: usize,
    width: usize,
}

impl Picture {
    fn as_stored(&self) -> crate::data::Picture<'_> {
        crate::data::Picture { pixels: (&self.pixels).into(), height: self.height, width: self.width }
    }
}

/// The noise of the fixture.
fn noise(height: usize, width: usize) -> Picture {
    let value = |at: u64| {
        let mixed = (at + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        ((mixed ^ (mixed >> 31)).wrapping_mul(0xBF58_476D_1CE4_E5B9) >> 56) as u8
    };
    Picture { pixels: (0..(height * width * 3) as u64).map(value).collect(), height, width }
}

/// Every third level of red, green and blue.
fn colours() -> Picture {
    let levels = || (0..=255u8).step_by(3);
    let pixels =
        levels().flat_map(|red| levels().flat_map(move |green| levels().flat_map(move |blue| [red, green, blue])));
    let count = levels().count();
    Picture { pixels: pixels.collect(), height: count * count, width: count }
}

/// What `operation` makes of `picture`.
fn result(picture: &Picture, operation: &str, parameters: &str) -> Vec<u8> {
    let Picture { pixels, height, width } = picture;
    let numbers: Vec<f64> = parameters.split(',').filter_map(|number| number.parse().ok()).collect();
    let count = |at: usize| numbers[at] as usize;
    let mut canvas = Canvas::new();
    canvas.load(pixels, *height, *width);
    match operation {
        "brightness" => Adjustment::Brightness(numbers[0] as f32).paint(&mut canvas),
        "contrast" => Adjustment::Contrast(numbers[0] as f32).paint(&mut canvas),
        "saturation" => Adjustment::Saturation(numbers[0] as f32).paint(&mut canvas),
        "hue" => Adjustment::hue(numbers[0]).paint(&mut canvas),
        "greyscale" => jitter::greyscale(&mut canvas),
        "flip" => canvas.flip(),
        "blur" => Blur::new().paint(&mut canvas, numbers[0] as f32),
        "padded" => crop::padded(&mut canvas, pixels, (*height, *width), 4, (count(0), count(1))),
        "crop" => {
            let region = Region { top: count(0), left: count(1), height: count(2), width: count(3) };
            Resizer::new().paint(&mut canvas, pixels, *width, region, (count(4), count(5)));
        }
        "centre" => {
            let mut workspace = Workspace::new();
            workspace.centre(&picture.as_stored(), count(0), (count(1), count(1)));
            return workspace.canvas.picture();
        }
        "sequence" => return sequence(picture, parameters == "grey"),
        other => panic!("the fixture has an operation {other} that no test knows"),
    }
    canvas.picture()
}

/// A view with every operation.
fn sequence(picture: &Picture, greyscale: bool) -> Vec<u8> {
    let adjustments =
        [Adjustment::hue(0.05), Adjustment::Contrast(1.3), Adjustment::Brightness(0.7), Adjustment::Saturation(1.4)];
    let draw = Draw {
        frame: Frame::Resized(Region { top: 3, left: 5, height: 20, width: 14 }),
        adjustments: adjustments.map(Some),
        greyscale,
        blur: Some(1.3),
        flip: true,
    };
    let mut workspace = Workspace::new();
    workspace.paint(&picture.as_stored(), None, (picture.height, picture.width), &draw);
    workspace.canvas.picture()
}

fn fixture() -> SafeTensors<'static> {
    SafeTensors::deserialize(include_bytes!("../../../tests/fixtures/views.safetensors")).unwrap()
}

#[test]
fn every_operation_gives_the_bytes_of_pillow() {
    let fixture = fixture();
    let mut compared = BTreeMap::new();
    let mut wrong = Vec::new();
    for name in fixture.names() {
        let [of, operation, parameters] = name.split('/').collect::<Vec<&str>>()[..] else { continue };
        let expected = fixture.tensor(name).unwrap().data();
        let found = match of {
            "colours" => Sha256::digest(result(&colours(), operation, parameters)).to_vec(),
            "large" => result(&noise(400, 300), operation, parameters),
            "wide" => Sha256::digest(result(&noise(375, 500), operation, parameters)).to_vec(),
            "tall" => Sha256::digest(result(&noise(501, 334), operation, parameters)).to_vec(),
            "tiny" => Sha256::digest(result(&noise(24, 57), operation, parameters)).to_vec(),
            _ => {
                let picture = fixture.tensor(of).unwrap();
                let [height, width, _] = picture.shape()[..] else { panic!("{of} is no picture") };
                result(&Picture { pixels: picture.data().to_vec(), height, width }, operation, parameters)
            }
        };
        *compared.entry(operation).or_insert(0) += 1;
        if found != expected {
            let differing = found.iter().zip(expected).filter(|(found, expected)| found != expected).count();
            let farthest = found.iter().zip(expected).map(|(found, expected)| found.abs_diff(*expected)).max();
            wrong.push(format!("{name}: {differing} of {} bytes differ, by up to {farthest:?}", expected.len()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let cases = [
        ("blur", 54),
        ("brightness", 49),
        ("centre", 12),
        ("contrast", 49),
        ("crop", 37),
        ("flip", 6),
        ("greyscale", 6),
        ("hue", 53),
        ("padded", 36),
        ("saturation", 49),
        ("sequence", 2),
    ];
    assert_eq!(compared, BTreeMap::from(cases));
}

#[test]
fn normalised_values_are_those_of_torchvision() {
    let fixture = fixture();
    let bytes = fixture.tensor("normalised").unwrap().data().chunks_exact(4);
    let expected: Vec<f32> = bytes.map(|bytes| f32::from_le_bytes(bytes.try_into().unwrap())).collect();
    let mut set = set(16, 16, 0);
    (set.mean, set.deviation) = ([0.4914, 0.4822, 0.4465], [0.2023, 0.1994, 0.2010]);
    let normaliser = Normaliser::new(&set);
    let picture = noise(16, 16).pixels;
    let mut found = vec![f32::NAN; picture.len()];
    normaliser.apply(&picture, &mut found);
    assert_eq!(found, expected);
    assert_eq!(normaliser.pixels(&found), picture, "and back");
}
