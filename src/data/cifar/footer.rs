//! A look at a parquet file's footer before the library reads it: the library makes room for as many items as a list
//! claims to have, however few bytes follow, and a footer that lies would take all memory.
//!
//! The footer is a struct in Thrift's compact protocol. Nothing is kept of it; only lengths are checked. The library goes by
//! a field's number alone, so a footer made to have a list's number on a field of another kind still misleads it.

use crate::data::Fault;

/// Most structs and lists inside one another. Parquet's own metadata takes 7.
const DEPTH: usize = 24;
/// The length of the metadata and the four letters of the format.
const TAIL: usize = 8;

/// Checks that every list and text of the footer is as long as it says. A file without a footer passes: the library
/// says what is wrong with it.
pub(super) fn check(file: &[u8]) -> Result<(), Fault> {
    let Some((rest, tail)) = file.split_at_checked(file.len().saturating_sub(TAIL)) else { return Ok(()) };
    let Some(length) = tail.first_chunk().map(|length| u32::from_le_bytes(*length) as usize) else { return Ok(()) };
    let Some(start) = rest.len().checked_sub(length) else { return Ok(()) };
    let mut reader = Reader { rest: &rest[start..] };
    let place = |left: usize| format!("byte {}", rest.len() - left);
    reader
        .structure(DEPTH)
        .ok_or_else(|| Fault::new(place(reader.rest.len()), "a whole footer", "a length beyond its end, or damage"))
}

struct Reader<'a> {
    rest: &'a [u8],
}

/// None where the bytes do not suffice.
impl Reader<'_> {
    fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(*first)
    }

    fn skip(&mut self, bytes: usize) -> Option<()> {
        self.rest = self.rest.get(bytes..)?;
        Some(())
    }

    /// Seven bits a byte, the lowest first.
    fn number(&mut self) -> Option<u64> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            number |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Some(number);
            }
        }
        None
    }

    /// A count of items that take at least a byte each.
    fn count(&mut self) -> Option<usize> {
        let count = usize::try_from(self.number()?).ok()?;
        (count <= self.rest.len()).then_some(count)
    }

    fn structure(&mut self, depth: usize) -> Option<()> {
        loop {
            let header = self.byte()?;
            if header == 0 {
                return Some(());
            }
            if header >> 4 == 0 {
                // The field's number, where it is not the last one's and a few.
                self.number()?;
            }
            match header & 0xf {
                // A truth value is its own kind.
                1 | 2 => {}
                kind => self.value(kind, depth.checked_sub(1)?)?,
            }
        }
    }

    fn value(&mut self, kind: u8, depth: usize) -> Option<()> {
        match kind {
            1..=3 => self.skip(1),
            4..=6 => self.number().map(drop),
            7 => self.skip(8),
            8 => {
                let length = self.count()?;
                self.skip(length)
            }
            9 | 10 => {
                let header = self.byte()?;
                let count = match header >> 4 {
                    15 => self.count()?,
                    count => usize::from(count),
                };
                (0..count).try_for_each(|_| self.value(header & 0xf, depth.checked_sub(1)?))
            }
            12 => self.structure(depth),
            // Parquet has no maps.
            _ => None,
        }
    }
}
