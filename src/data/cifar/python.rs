//! Pickled dictionaries, as in the archives for Python: `data` is an array of a planar picture a row.

use rayon::prelude::*;

use crate::data::{Fault, Pictures};
use crate::pickle::{Id, Object, PickleError, Value};

use super::array::{self, Array};
use super::{PICTURE, Variant, interleave};

/// Reads a batch of pictures, however many. A name other than those that arrays need is a fault.
pub(super) fn parse(variant: &Variant, bytes: &[u8]) -> Result<Pictures, Fault> {
    let object = Object::read(bytes, array::is_known)
        .map_err(|PickleError { at, expected, found }| Fault::new(format!("byte {at}"), expected, found))?;
    let entry = |key: &str, what: &str| {
        let missing = || Fault::new("the dictionary", format!("an entry `{key}`, {what}"), "none");
        object.entry(key).ok_or_else(missing)
    };
    let list = match object.get(entry(variant.pickled_labels, "a list of labels")?) {
        Value::List(list) => list,
        _ => return Err(Fault::new(format!("entry `{}`", variant.pickled_labels), "a list", "something else")),
    };
    let label = |(index, id): (usize, &Id)| match object.get(*id) {
        Value::Int(label) => variant.label(*label).ok_or_else(|| variant.label_fault(index, *label)),
        _ => Err(Fault::new(format!("record {}", index + 1), "a whole number as label", "something else")),
    };
    let labels = list.iter().enumerate().map(label).collect::<Result<Vec<u32>, Fault>>()?;

    let Array { shape, is_fortran, data } = Array::of(&object, entry("data", "an array of pictures")?, "entry `data`")?;
    if shape != [labels.len(), PICTURE] {
        let expected = format!("an array of bytes of shape [{}, {PICTURE}]", labels.len());
        return Err(Fault::new("entry `data`", expected, format!("one of {shape:?}")));
    }
    let mut pixels = vec![0; data.len()];
    let rows = labels.len();
    pixels.par_chunks_exact_mut(PICTURE).enumerate().for_each(|(row, pixels)| {
        if is_fortran {
            let planes: Vec<u8> = (0..PICTURE).map(|column| data[column * rows + row]).collect();
            interleave(&planes, pixels);
        } else {
            interleave(&data[row * PICTURE..][..PICTURE], pixels);
        }
    });
    Ok(Pictures { pixels, labels })
}
