//! Pickled dictionaries, as in the archives for Python: `data` is an array of a planar picture a row.

use rayon::prelude::*;

use crate::data::{Fault, Pictures};

use super::pickle::{Pickle, Value};
use super::{PICTURE, Variant, interleave};

/// Reads a batch of pictures, however many.
pub(super) fn parse(variant: &Variant, bytes: &[u8]) -> Result<Pictures, Fault> {
    let pickle = Pickle::read(bytes)?;
    let entry = |key: &str, what: &str| {
        let missing = || Fault::new("the dictionary", format!("an entry `{key}`, {what}"), "none");
        pickle.entry(key).ok_or_else(missing)
    };
    let list = match entry(variant.pickled_labels, "a list of labels")? {
        Value::List(list) => list,
        _ => return Err(Fault::new(format!("entry `{}`", variant.pickled_labels), "a list", "something else")),
    };
    let label = |(index, id): (usize, &usize)| match pickle.value(*id) {
        Value::Int(label) => variant.label(*label).ok_or_else(|| variant.label_fault(index, *label)),
        _ => Err(Fault::new(format!("record {}", index + 1), "a whole number as label", "something else")),
    };
    let labels = list.iter().enumerate().map(label).collect::<Result<Vec<u32>, Fault>>()?;

    let wrong = |found: String| {
        Fault::new("entry `data`", format!("an array of bytes of shape [{}, {PICTURE}]", labels.len()), found)
    };
    let array = match entry("data", "an array of pictures")? {
        Value::Array(Some(array)) => array,
        _ => return Err(wrong("something else".to_owned())),
    };
    if array.shape != [labels.len(), PICTURE] {
        return Err(wrong(format!("one of {:?}", array.shape)));
    }
    let Value::Text(data) = pickle.value(array.data) else { return Err(wrong("no bytes".to_owned())) };
    let mut pixels = vec![0; data.len()];
    let rows = labels.len();
    pixels.par_chunks_exact_mut(PICTURE).enumerate().for_each(|(row, pixels)| {
        if array.is_fortran {
            let planes: Vec<u8> = (0..PICTURE).map(|column| data[column * rows + row]).collect();
            interleave(&planes, pixels);
        } else {
            interleave(&data[row * PICTURE..][..PICTURE], pixels);
        }
    });
    Ok(Pictures { pixels, labels })
}
