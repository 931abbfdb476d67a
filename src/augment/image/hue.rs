//! The hue shift of torchvision's `adjust_hue` on a Pillow picture: to Pillow's 8-bit HSV, a turn of the wheel that
//! wraps around, and back.
//!
//! Both ways round to 8 bits, so a turn by 0 is not the identity either. Where precision decides, the arithmetic follows
//! Pillow's; each way gives its bytes for all 16,777,216 inputs.

use super::canvas::Canvas;

/// Turns the hue of every pixel by `steps` of 256.
pub(super) fn turn(canvas: &mut Canvas, steps: u8) {
    // One after the other: together they need more registers than there are.
    canvas.change_pixels(to_hsv);
    canvas.change_pixels(
        #[inline(always)]
        move |hue, saturation, value| to_rgb(hue.wrapping_add(steps), saturation, value),
    );
}

#[inline(always)]
fn to_hsv(red: u8, green: u8, blue: u8) -> (u8, u8, u8) {
    let value = red.max(green).max(blue);
    let range = f32::from(value - red.min(green).min(blue));
    // Of a grey pixel both quotients are 0 over 1.
    let range = if range == 0.0 { 1.0 } else { range };
    // Third of the wheel, and the channels whose distance from the largest leads forwards and back in it.
    let (third, forwards, back) = if red == value {
        (0.0, blue, green)
    } else if green == value {
        (2.0, red, blue)
    } else {
        (4.0, green, red)
    };
    let distance = |channel: u8| f64::from(f32::from(value - channel) / range);
    let sixths = (third + distance(forwards) - distance(back)) as f32;
    let turns = f64::from(sixths) / 6.0 + 1.0;
    let turns = (if turns >= 1.0 { turns - 1.0 } else { turns }) as f32;
    let grey = red == green && green == blue;
    let saturation = if grey { 0.0 } else { range / f32::from(value) };
    (truncated(f64::from(turns) * 255.0), truncated(f64::from(saturation) * 255.0), value)
}

#[inline(always)]
fn to_rgb(hue: u8, saturation: u8, value: u8) -> (u8, u8, u8) {
    let sixths = f64::from(hue) * 6.0 / 255.0;
    let sixth = sixths.floor();
    let sixths = sixth + f64::from((sixths - sixth) as f32);
    let saturation = f64::from((f64::from(saturation) / 255.0) as f32);
    // Over six sixths a channel falls for one, is low for two, rises for one and is high for two.
    let channel = |begin: f64| {
        let at = sixths + begin;
        let at = if at >= 6.0 { at - 6.0 } else { at };
        let lost = at.min(4.0 - at).clamp(0.0, 1.0);
        truncated(f64::from(value) * (1.0 - saturation * lost) + 0.5)
    };
    (channel(5.0), channel(3.0), channel(1.0))
}

/// The whole part of a number in [0, 256).
#[inline(always)]
fn truncated(number: f64) -> u8 {
    // From here on a unit is the lowest bit. The conversion of the language cuts off, which takes the vectors away.
    const UNITS: f64 = (1u64 << 52) as f64;
    (number.floor() + UNITS).to_bits() as u8
}
