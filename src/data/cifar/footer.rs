//! A look at a parquet file's footer before the library reads it: the library makes room for as many items as a list
//! claims to have, however few bytes follow, and goes by a field's number alone, whatever it is of. A footer that lies
//! would take all memory.
//!
//! The footer is a struct in Thrift's compact protocol, by the definitions of Parquet's format. Nothing is kept of it; only
//! kinds and lengths are checked.

use crate::data::Fault;

/// Most structs and lists inside one another. Parquet's own metadata takes 7.
const DEPTH: usize = 24;
/// The length of the metadata and the four letters of the format.
const TAIL: usize = 8;

/// What a field is.
enum Shape {
    Truth,
    Byte,
    Number,
    Text,
    List(&'static Shape),
    /// By the fields' numbers. Others may be of any kind.
    Struct(&'static [(i16, Shape)]),
}

use Shape::{Byte, List, Number, Struct, Text, Truth};

const FILE: &[(i16, Shape)] = &[
    (1, Number),
    (2, List(&Struct(SCHEMA_ELEMENT))),
    (3, Number),
    (4, List(&Struct(ROW_GROUP))),
    (5, List(&Struct(&[(1, Text), (2, Text)]))),
    (6, Text),
    (7, List(&Struct(&[(1, Struct(&[])), (2, Struct(&[]))]))),
];

const SCHEMA_ELEMENT: &[(i16, Shape)] = &[
    (1, Number),
    (2, Number),
    (3, Number),
    (4, Text),
    (5, Number),
    (6, Number),
    (7, Number),
    (8, Number),
    (9, Number),
    (10, Struct(LOGICAL_TYPE)),
];

/// Only decimals (5), times (7, 8) and whole numbers (10) have fields.
const LOGICAL_TYPE: &[(i16, Shape)] = &[
    (1, Struct(&[])),
    (2, Struct(&[])),
    (3, Struct(&[])),
    (4, Struct(&[])),
    (5, Struct(&[(1, Number), (2, Number)])),
    (6, Struct(&[])),
    (7, Struct(TIME)),
    (8, Struct(TIME)),
    (10, Struct(&[(1, Byte), (2, Truth)])),
    (11, Struct(&[])),
    (12, Struct(&[])),
    (13, Struct(&[])),
    (14, Struct(&[])),
    (15, Struct(&[])),
];

const TIME: &[(i16, Shape)] = &[(1, Truth), (2, Struct(&[(1, Struct(&[])), (2, Struct(&[])), (3, Struct(&[]))]))];

const ROW_GROUP: &[(i16, Shape)] = &[
    (1, List(&Struct(COLUMN_CHUNK))),
    (2, Number),
    (3, Number),
    (4, List(&Struct(&[(1, Number), (2, Truth), (3, Truth)]))),
    (5, Number),
    (6, Number),
    (7, Number),
];

const COLUMN_CHUNK: &[(i16, Shape)] =
    &[(1, Text), (2, Number), (3, Struct(COLUMN)), (4, Number), (5, Number), (6, Number), (7, Number)];

const COLUMN: &[(i16, Shape)] = &[
    (1, Number),
    (2, List(&Number)),
    (3, List(&Text)),
    (4, Number),
    (5, Number),
    (6, Number),
    (7, Number),
    (9, Number),
    (10, Number),
    (11, Number),
    (12, Struct(STATISTICS)),
    (14, Number),
    (15, Number),
];

const STATISTICS: &[(i16, Shape)] =
    &[(1, Text), (2, Text), (3, Number), (4, Number), (5, Text), (6, Text), (7, Truth), (8, Truth)];

/// Checks that every field of the footer is of its kind and every list and text as long as it says. A file without a
/// footer passes: the library says what is wrong with it.
pub(super) fn check(file: &[u8]) -> Result<(), Fault> {
    let Some((rest, tail)) = file.split_at_checked(file.len().saturating_sub(TAIL)) else { return Ok(()) };
    let Some(length) = tail.first_chunk().map(|length| u32::from_le_bytes(*length) as usize) else { return Ok(()) };
    let Some(start) = rest.len().checked_sub(length) else { return Ok(()) };
    let mut reader = Reader { rest: &rest[start..] };
    let place = |left: usize| format!("byte {}", rest.len() - left);
    let found = "a length beyond its end, or a field of another kind";
    reader.structure(FILE, DEPTH).ok_or_else(|| Fault::new(place(reader.rest.len()), "a whole parquet footer", found))
}

struct Reader<'a> {
    rest: &'a [u8],
}

/// None where the bytes do not suffice or are not what they should be.
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

    fn structure(&mut self, fields: &[(i16, Shape)], depth: usize) -> Option<()> {
        let mut field = 0i16;
        loop {
            let header = self.byte()?;
            if header == 0 {
                return Some(());
            }
            field = match header >> 4 {
                0 => {
                    let number = self.number()?;
                    i16::try_from((number >> 1) as i64 ^ -((number & 1) as i64)).ok()?
                }
                further => field.checked_add(i16::from(further))?,
            };
            let shape = fields.iter().find(|(number, _)| *number == field).map(|(_, shape)| shape);
            match header & 0xf {
                // A truth value is its own kind.
                1 | 2 => fits(1, shape)?,
                kind => self.value(kind, shape, depth.checked_sub(1)?)?,
            }
        }
    }

    fn value(&mut self, kind: u8, shape: Option<&Shape>, depth: usize) -> Option<()> {
        fits(kind, shape)?;
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
                let item = shape.and_then(|shape| if let List(item) = shape { Some(*item) } else { None });
                (0..count).try_for_each(|_| self.value(header & 0xf, item, depth.checked_sub(1)?))
            }
            12 => match shape {
                Some(Struct(fields)) => self.structure(fields, depth),
                _ => self.structure(&[], depth),
            },
            // Parquet has no maps.
            _ => None,
        }
    }
}

/// Whether a value of this kind may stand where the shape does.
fn fits(kind: u8, shape: Option<&Shape>) -> Option<()> {
    let fitting = match shape {
        None => true,
        Some(Truth) => matches!(kind, 1 | 2),
        Some(Byte) => kind == 3,
        Some(Number) => matches!(kind, 4..=6),
        Some(Text) => kind == 8,
        Some(List(_)) => kind == 9,
        Some(Struct(_)) => kind == 12,
    };
    fitting.then_some(())
}
