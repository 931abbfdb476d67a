//! The order and the name of a set of pictures, whatever files they came in.

use rayon::prelude::*;
use sha2::{Digest, Sha256};

use super::Pictures;
use super::content::hex;

/// SHA-256 of a picture's label and pixels.
pub(super) type Fingerprint = [u8; 32];

/// The fingerprint of each picture, `length` bytes each.
pub(super) fn fingerprints(pictures: &Pictures, length: usize) -> Vec<Fingerprint> {
    (&pictures.labels, pictures.pixels.par_chunks_exact(length))
        .into_par_iter()
        .map(|(label, pixels)| Sha256::new().chain_update(label.to_le_bytes()).chain_update(pixels).finalize().into())
        .collect()
}

/// Names the content of a set: the same pictures give the same name in whichever order they were read.
pub(super) fn digest(mut train: Vec<Fingerprint>, mut test: Vec<Fingerprint>) -> String {
    train.par_sort_unstable();
    test.par_sort_unstable();
    let mut hasher = Sha256::new();
    for side in [train, test] {
        hasher.update((side.len() as u64).to_le_bytes());
        side.iter().for_each(|fingerprint| hasher.update(fingerprint));
    }
    hex(&hasher.finalize())
}

/// Brings pictures into the order of their fingerprints.
///
/// The files of one set come in different orders (Hugging Face's CIFAR-10 begins with the fourth batch), and what a run
/// draws depends on the order. This one is the same for all of them, and so much like a shuffled one that any range of it
/// is a fair sample of the classes.
pub(super) fn in_order(pictures: &Pictures, fingerprints: &[Fingerprint], length: usize) -> Pictures {
    let mut order: Vec<usize> = (0..fingerprints.len()).collect();
    order.par_sort_unstable_by_key(|index| fingerprints[*index]);
    gather(pictures, &order, length)
}

/// The pictures at these places, in this order.
pub(super) fn gather(pictures: &Pictures, places: &[usize], length: usize) -> Pictures {
    let mut pixels = vec![0; places.len() * length];
    pixels
        .par_chunks_exact_mut(length)
        .zip(places)
        .for_each(|(target, place)| target.copy_from_slice(&pictures.pixels[place * length..][..length]));
    Pictures { pixels, labels: places.iter().map(|place| pictures.labels[*place]).collect() }
}
