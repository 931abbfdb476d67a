//! Structs in Thrift's compact protocol, of which parquet's metadata is made. Only kinds and lengths are checked, and
//! numbers handed on; nothing is kept.

/// Most structs and lists inside one another. Parquet's own metadata takes 7.
const DEPTH: usize = 24;

/// What a field is.
pub(super) enum Shape {
    Truth,
    Byte,
    Number,
    Text,
    List(&'static Shape),
    /// By the fields' numbers. Others may be of any kind.
    Struct(&'static [(i16, Shape)]),
}

use Shape::{Byte, List, Number, Struct, Text, Truth};

/// Reads a struct from the front of `bytes`, gives each number in it to `take` and returns how many bytes it takes. A
/// number comes with the way to it: numbers of fields and, in a list, places of items.
///
/// # Errors
/// The byte up to which every field is of its kind and every list and text as long as it says.
pub(super) fn read(bytes: &[u8], fields: &[(i16, Shape)], take: impl FnMut(&[usize], i64)) -> Result<usize, usize> {
    let mut reader = Reader { rest: bytes, path: Vec::new(), take };
    let read = reader.structure(fields, DEPTH);
    let taken = bytes.len() - reader.rest.len();
    read.map(|()| taken).ok_or(taken)
}

struct Reader<'a, F> {
    rest: &'a [u8],
    path: Vec<usize>,
    take: F,
}

/// None where the bytes do not suffice or are not what they should be.
impl<F: FnMut(&[usize], i64)> Reader<'_, F> {
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

    /// Negative numbers take turns with those above 0.
    fn signed(&mut self) -> Option<i64> {
        self.number().map(|number| (number >> 1) as i64 ^ -((number & 1) as i64))
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
                0 => i16::try_from(self.signed()?).ok()?,
                further => field.checked_add(i16::from(further))?,
            };
            let shape = fields.iter().find(|(number, _)| *number == field).map(|(_, shape)| shape);
            match header & 0xf {
                // A truth value is its own kind.
                1 | 2 => fits(1, shape)?,
                kind => {
                    self.path.push(usize::from(field as u16));
                    self.value(kind, shape, depth.checked_sub(1)?)?;
                    self.path.pop();
                }
            }
        }
    }

    fn value(&mut self, kind: u8, shape: Option<&Shape>, depth: usize) -> Option<()> {
        fits(kind, shape)?;
        match kind {
            1..=3 => self.skip(1),
            4..=6 => {
                let number = self.signed()?;
                (self.take)(&self.path, number);
                Some(())
            }
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
                (0..count).try_for_each(|place| {
                    self.path.push(place);
                    self.value(header & 0xf, item, depth.checked_sub(1)?)?;
                    self.path.pop();
                    Some(())
                })
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
