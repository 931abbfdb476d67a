//! How the operations of views are distributed, against what torchvision's documentation and code say.

use std::collections::BTreeMap;

use super::augmentation::{Augmentation, Draw, Frame};
use super::jitter::Adjustment;
use crate::random::{Key, Purpose};
use crate::recipe::{LightViews, Views};

const DRAWS: usize = 20_000;

fn draws(augmentation: &Augmentation, height: usize, width: usize) -> Vec<Draw> {
    let mut stream = Key::new(5, Purpose::Views).stream();
    (0..DRAWS).map(|_| augmentation.draw(height, width, &mut stream)).collect()
}

fn pretext(crop_scale: f64, jitter: [f64; 4]) -> Augmentation {
    let views = Views::Image {
        crop_scale,
        jitter,
        jitter_probability: 0.8,
        greyscale_probability: 0.2,
        flip_probability: 0.5,
        blur_probability: 0.3,
    };
    Augmentation::pretext(&views).unwrap()
}

/// Whether `share` of [`DRAWS`] is `expected` but for 4.5 standard deviations.
fn assert_share(what: &str, share: f64, expected: f64) {
    let tolerance = 4.5 * (expected * (1.0 - expected) / DRAWS as f64).sqrt();
    assert!((share - expected).abs() < tolerance, "{what}: {share}, expected {expected} up to {tolerance}");
}

fn share(draws: &[Draw], of: impl Fn(&Draw) -> bool) -> f64 {
    draws.iter().filter(|draw| of(draw)).count() as f64 / draws.len() as f64
}

/// Largest distance between the distribution of `values` and the uniform one over `from..to`.
fn distance_from_uniform(mut values: Vec<f64>, from: f64, to: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    let count = values.len() as f64;
    let expected = |value: f64| (value - from) / (to - from);
    values
        .iter()
        .enumerate()
        .map(|(at, value)| (expected(*value) - (at as f64 + 0.5) / count).abs())
        .fold(0.0, f64::max)
}

fn assert_uniform(what: &str, values: Vec<f64>, from: f64, to: f64) {
    assert!(values.iter().all(|value| (from..=to).contains(value)), "{what} beyond {from} to {to}");
    // The distance exceeds 2.2 / sqrt(n) once in 10,000 times (Kolmogorov and Smirnov).
    let tolerance = 2.2 / (values.len() as f64).sqrt();
    let distance = distance_from_uniform(values, from, to);
    assert!(distance < tolerance, "{what}: {distance} from uniform, expected up to {tolerance}");
}

/// Large enough that whole pixels do not show.
const SIDE: usize = 2000;

#[test]
fn crops_are_uniform_in_area_in_the_logarithm_of_their_shape_and_in_place() {
    // At up to 3/4 of the area every shape fits, so that no draw is repeated.
    let (smallest, largest) = (0.2, 0.75);
    let draws = draws(&pretext(smallest, [0.0; 4]), SIDE, SIDE);
    let (mut areas, mut shapes, mut places) = (Vec::new(), Vec::new(), Vec::new());
    for draw in &draws {
        let Frame::Resized(region) = draw.frame else { panic!("{draw:?} is no resized crop") };
        assert!(region.top + region.height <= SIDE && region.left + region.width <= SIDE, "{region:?}");
        let area = (region.height * region.width) as f64 / (SIDE * SIDE) as f64;
        if area <= largest {
            areas.push(area);
            shapes.push((region.width as f64 / region.height as f64).ln());
            places.push((region.top as f64 + 0.5) / (SIDE - region.height + 1) as f64);
            places.push((region.left as f64 + 0.5) / (SIDE - region.width + 1) as f64);
        }
    }
    assert!(areas.len() > DRAWS / 2);
    let edge = 1e-3;
    assert_uniform("area", areas, smallest - edge, largest);
    assert_uniform("shape", shapes, 0.75f64.ln() - edge, (4.0 / 3.0f64).ln() + edge);
    assert_uniform("place", places, 0.0, 1.0);
}

#[test]
fn the_largest_crops_are_as_frequent_as_in_torchvision() {
    // Means of 150,000 crops by torchvision 0.29 with scale (0.2, 1) on 32x32 pixels.
    let (torchvision_area, torchvision_whole) = (0.5508, 0.0392);
    let draws = draws(&pretext(0.2, [0.0; 4]), 32, 32);
    let (mut area, mut whole_rows) = (0.0, 0);
    for draw in &draws {
        let Frame::Resized(region) = draw.frame else { panic!("{draw:?} is no resized crop") };
        area += (region.height * region.width) as f64 / (32.0 * 32.0) / DRAWS as f64;
        whole_rows += usize::from(region.width == 32);
    }
    assert!((area - torchvision_area).abs() < 0.007, "{area}");
    assert_share("crops of the whole width", whole_rows as f64 / DRAWS as f64, torchvision_whole);
}

#[test]
fn a_picture_too_narrow_for_any_shape_is_cropped_in_its_middle() {
    let centre = |height, width| match draws(&pretext(1.0, [0.0; 4]), height, width)[0].frame {
        Frame::Resized(region) => (region.top, region.left, region.height, region.width),
        _ => panic!("no resized crop"),
    };
    // As torchvision's get_params falls back: the allowed shape next to the picture's.
    assert_eq!(centre(100, 30), (30, 0, 40, 30));
    assert_eq!(centre(30, 101), (0, 30, 30, 40));
}

#[test]
fn factors_are_uniform_around_one_and_turns_around_none() {
    let jitter = [0.4, 0.3, 1.5, 0.1];
    let draws = draws(&pretext(0.2, jitter), 32, 32);
    assert_share("jitter", share(&draws, |draw| draw.adjustments[0].is_some()), 0.8);
    let mut values = [const { Vec::new() }; 4];
    for adjustment in draws.iter().flat_map(|draw| draw.adjustments.into_iter().flatten()) {
        match adjustment {
            Adjustment::Brightness(factor) => values[0].push(f64::from(factor)),
            Adjustment::Contrast(factor) => values[1].push(f64::from(factor)),
            Adjustment::Saturation(factor) => values[2].push(f64::from(factor)),
            Adjustment::Hue(steps) => values[3].push(f64::from(steps as i8)),
        }
    }
    let [brightness, contrast, saturation, hue] = values;
    let edge = 1e-6;
    assert_uniform("brightness", brightness, 0.6 - edge, 1.4 + edge);
    assert_uniform("contrast", contrast, 0.7 - edge, 1.3 + edge);
    assert_uniform("saturation", saturation, 0.0, 2.5 + edge);
    // 0.1 * 255 truncated towards 0: 25 steps either way, the last half as frequent, none twice.
    assert_eq!(hue.iter().copied().fold(0.0, f64::max), 25.0);
    assert_eq!(hue.iter().copied().fold(0.0, f64::min), -25.0);
    let frequency = |steps| hue.iter().filter(|found| **found == steps).count() as f64 / hue.len() as f64;
    for (steps, expected) in [(0.0, 2.0), (1.0, 1.0), (-13.0, 1.0), (25.0, 0.5), (-25.0, 0.5)] {
        assert_share(&format!("hue {steps}"), frequency(steps), expected / 51.0);
    }
}

#[test]
fn the_four_adjustments_come_in_every_order_alike() {
    let draws = draws(&pretext(0.2, [0.4, 0.4, 0.4, 0.1]), 32, 32);
    let mut orders = BTreeMap::new();
    let jittered: Vec<&Draw> = draws.iter().filter(|draw| draw.adjustments[0].is_some()).collect();
    for draw in &jittered {
        let order = draw.adjustments.map(|adjustment| match adjustment.unwrap() {
            Adjustment::Brightness(_) => 'b',
            Adjustment::Contrast(_) => 'c',
            Adjustment::Saturation(_) => 's',
            Adjustment::Hue(_) => 'h',
        });
        *orders.entry(order).or_insert(0) += 1;
    }
    assert_eq!(orders.len(), 24);
    for (order, count) in orders {
        assert_share(&format!("{order:?}"), f64::from(count) / jittered.len() as f64, 1.0 / 24.0);
    }
}

#[test]
fn an_adjustment_of_no_strength_is_left_out() {
    for draw in draws(&pretext(0.2, [0.0, 0.4, 0.0, 0.0]), 32, 32) {
        let some: Vec<Adjustment> = draw.adjustments.into_iter().flatten().collect();
        assert!(matches!(some[..], [] | [Adjustment::Contrast(_)]), "{some:?}");
    }
}

#[test]
fn the_other_operations_come_with_their_probabilities() {
    let draws = draws(&pretext(0.2, [0.4; 4]), 32, 32);
    assert_share("greyscale", share(&draws, |draw| draw.greyscale), 0.2);
    assert_share("flip", share(&draws, |draw| draw.flip), 0.5);
    assert_share("blur", share(&draws, |draw| draw.blur.is_some()), 0.3);
    assert_share("both", share(&draws, |draw| draw.greyscale && draw.flip), 0.1);
    let deviations = draws.iter().filter_map(|draw| draw.blur).map(f64::from).collect();
    assert_uniform("deviation of the blur", deviations, 0.1 - 1e-6, 2.0 + 1e-6);
}

#[test]
fn light_views_crop_and_flip_only() {
    let plain = |draw: &Draw| draw.adjustments == [None; 4] && !draw.greyscale && draw.blur.is_none();
    let light = |views| draws(&Augmentation::light(&views).unwrap(), 65, 64);
    let padded = light(LightViews::PaddedCrop { padding: 4 });
    for begin in 0..=8 {
        let of = |draw: &Draw| matches!(draw.frame, Frame::Padded(4, (top, _)) if top == begin);
        assert_share("top", share(&padded, of), 1.0 / 9.0);
        let of = |draw: &Draw| matches!(draw.frame, Frame::Padded(4, (_, left)) if left == begin);
        assert_share("left", share(&padded, of), 1.0 / 9.0);
    }
    assert_share("flip", share(&padded, |draw| draw.flip), 0.5);
    assert!(padded.iter().all(plain));
    let resized = light(LightViews::ResizedCrop { crop_scale: 0.08 });
    assert_share("flip", share(&resized, |draw| draw.flip), 0.5);
    assert!(resized.iter().all(|draw| plain(draw) && matches!(draw.frame, Frame::Resized(_))));
    // Shares down to 0.08: a tenth of them is below 0.172.
    let tiny = |draw: &Draw| matches!(draw.frame, Frame::Resized(region) if region.height * region.width < 65 * 64 / 6);
    assert!(share(&resized, tiny) > 0.05);
}
