//! The hue shift of torchvision's `adjust_hue` on a Pillow picture: to Pillow's 8-bit HSV, a turn of the wheel that
//! wraps around, and back.
//!
//! Both ways round to 8 bits, so the arithmetic follows Pillow's precision step by step; a turn by 0 is not the
//! identity either.

use super::canvas::Canvas;

/// Turns the hue of every pixel by `steps` of 256.
pub(super) fn turn(canvas: &mut Canvas, steps: u8) {
    canvas.arch.dispatch(
        #[inline(always)]
        || {
            let ([red, green, blue], _) = canvas.planes_and_spare();
            for ((red, green), blue) in red.iter_mut().zip(green).zip(blue) {
                let (hue, saturation, value) = to_hsv(*red, *green, *blue);
                (*red, *green, *blue) = to_rgb(hue.wrapping_add(steps), saturation, value);
            }
        },
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
    let sixth = sixths as i32;
    let rest = (sixths - f64::from(sixth)) as f32;
    let saturation = (f64::from(saturation) / 255.0) as f32;
    let share = |lost: f64| truncated(f64::from(value) * (1.0 - lost) + 0.5);
    let low = share(f64::from(saturation));
    let falling = share(f64::from(saturation * rest));
    let rising = share(f64::from(saturation) * (1.0 - f64::from(rest)));
    match sixth {
        1 => (falling, value, low),
        2 => (low, value, rising),
        3 => (low, falling, value),
        4 => (rising, low, value),
        5 => (value, low, falling),
        // The wheel closes: 255 is 0.
        _ => (value, rising, low),
    }
}

/// Of a number in [0, 256).
#[inline(always)]
fn truncated(number: f64) -> u8 {
    number as i32 as u8
}
