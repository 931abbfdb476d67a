//! Which layer is mixed at.

use rand::RngExt;

use crate::random::Key;
use crate::recipe::Mix;

/// The layer that each of `replicas` shares is mixed at, 0 being the input: one of the recipe's, all alike likely, and
/// each share's by its own, as each process of the official code draws (`builder.py`). Share `r` draws from
/// `key.sample(r)`.
pub fn layers(mix: &Mix, replicas: usize, key: Key) -> Vec<usize> {
    let given = mix.layers.as_deref().unwrap_or_default();
    let draw = |replica| match given {
        [] => 0,
        _ => given[key.sample(replica).stream().random_range(0..given.len() as u32) as usize],
    };
    (0..replicas).map(draw).collect()
}
