//! Records of fixed length: label bytes, then 1,024 bytes of each of red, green and blue.

use rayon::prelude::*;

use crate::data::{Fault, Pictures};

use super::{PICTURE, Variant, interleave};

/// Reads a file of whole records, however many.
pub(super) fn parse(variant: &Variant, bytes: &[u8]) -> Result<Pictures, Fault> {
    let length = variant.label_bytes + PICTURE;
    let records = bytes.chunks_exact(length);
    let rest = records.remainder().len();
    if rest > 0 {
        let place = format!("record {}", records.len() + 1);
        return Err(Fault::new(place, format!("{length} bytes"), format!("{rest} bytes: the file is cut short")));
    }
    let label = |record: &[u8]| i64::from(record[variant.label_bytes - 1]);
    let labels = records
        .enumerate()
        .map(|(index, record)| variant.label(label(record)).ok_or_else(|| variant.label_fault(index, label(record))))
        .collect::<Result<Vec<u32>, Fault>>()?;
    let mut pixels = vec![0; labels.len() * PICTURE];
    pixels
        .par_chunks_exact_mut(PICTURE)
        .zip(bytes.par_chunks_exact(length))
        .for_each(|(pixels, record)| interleave(&record[variant.label_bytes..], pixels));
    Ok(Pictures { pixels, labels })
}
