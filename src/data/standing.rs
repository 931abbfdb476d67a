//! What a copy that can be read is worth.

/// What a sound copy of a set is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// What was published, by its checksum.
    Official,
    /// As many items as were published; there is no published checksum for this layout.
    Complete,
    /// Fewer training and test items than were published.
    Part { have: (usize, usize), of: (usize, usize) },
}
