//! A look at the headers of a parquet file's pages before the library reads them: the library makes room for as many values
//! as a page claims to have, and a few bytes can stand for any number of equal ones.

use std::collections::BTreeMap;

use crate::data::Fault;

use super::footer::Chunk;
use super::thrift::Shape::{self, Number, Struct};
use super::{PUBLISHED, thrift};

/// Most columns: CIFAR-100's files have four.
const COLUMNS: usize = 64;
/// Most uncompressed bytes of all pages: four times what the set takes.
const BYTES: i64 = 1 << 29;

const HEADER: &[(i16, Shape)] = &[
    (1, Number),
    (2, Number),
    (3, Number),
    (4, Number),
    (5, Struct(&[(1, Number), (2, Number), (3, Number), (4, Number)])),
    (7, Struct(&[(1, Number), (2, Number)])),
    (8, Struct(&[(1, Number), (2, Number), (3, Number), (4, Number), (5, Number), (6, Number)])),
];

/// Type of the page of a dictionary.
const DICTIONARY: i64 = 2;

/// The header of a page, as far as it says how much there is to make room for.
#[derive(Default)]
struct Page {
    /// Values that it adds to its column; none for a dictionary.
    values: i64,
    /// The largest number of values or rows that it claims.
    claimed: i64,
    compressed: i64,
    uncompressed: i64,
}

impl Page {
    /// Reads the header at the front of some bytes; also gives its length.
    fn read(bytes: &[u8]) -> Result<(Page, usize), usize> {
        let (mut page, mut kind, mut values) = (Page::default(), 0, 0);
        let length = thrift::read(bytes, HEADER, |path, number| match *path {
            [1] => kind = number,
            [2] => page.uncompressed = number,
            [3] => page.compressed = number,
            [5 | 8, 1] => (values, page.claimed) = (number, page.claimed.max(number)),
            [7, 1] | [8, 2 | 3] => page.claimed = page.claimed.max(number),
            _ => {}
        })?;
        page.values = if kind == DICTIONARY { 0 } else { values };
        Ok((page, length))
    }
}

/// Checks that no column has more values than the published set has records, no page more than its column, and all pages
/// together no more than 512 MiB. Chunks go by group of rows and column.
pub(super) fn check(file: &[u8], chunks: &BTreeMap<(usize, usize), Chunk>) -> Result<(), Fault> {
    let mut columns: BTreeMap<usize, i64> = BTreeMap::new();
    let mut room = BYTES;
    for ((_, column), chunk) in chunks {
        let most = PUBLISHED.0 as i64;
        let left = columns.entry(*column).or_insert(most);
        if !(0..=*left).contains(&chunk.values) {
            let place = format!("column {}", column + 1);
            return Err(Fault::new(place, format!("at most {most} values"), format!("{} more", chunk.values)));
        }
        *left -= chunk.values;
        if columns.len() > COLUMNS {
            return Err(Fault::new("the footer", format!("at most {COLUMNS} columns"), "more"));
        }
        pages(file, chunk, &mut room)?;
    }
    Ok(())
}

/// Goes through the pages of a chunk as the library does: until they have as many values as the chunk. `room` is for
/// uncompressed bytes.
fn pages(file: &[u8], chunk: &Chunk, room: &mut i64) -> Result<(), Fault> {
    let start = chunk.dictionary.unwrap_or(chunk.data);
    let range =
        usize::try_from(start).ok().zip(start.checked_add(chunk.bytes).and_then(|end| usize::try_from(end).ok()));
    let Some(mut rest) = range.and_then(|(start, end)| file.get(start..end)) else {
        return Err(Fault::new("the footer", "pages inside the file", format!("some at byte {start}")));
    };
    let end = start as usize + rest.len();
    let mut left = chunk.values;
    while left > 0 && !rest.is_empty() {
        let at = end - rest.len();
        let fault =
            |expected: String, found: String| Err(Fault::new(format!("the page at byte {at}"), expected, found));
        let Ok((page, length)) = Page::read(rest) else {
            return fault("a whole header".to_owned(), "an end in its middle, or a field of another kind".to_owned());
        };
        if page.values < 0 || page.values > left || page.claimed > PUBLISHED.0 as i64 {
            return fault(format!("at most {left} values"), format!("{}", page.claimed));
        }
        *room -= page.uncompressed;
        if page.uncompressed < 0 || *room < 0 {
            return fault(
                format!("at most {} MiB in all pages", BYTES >> 20),
                format!("{} more bytes", page.uncompressed),
            );
        }
        let Some(next) = usize::try_from(page.compressed).ok().and_then(|size| rest.get(length.checked_add(size)?..))
        else {
            return fault("a page inside its column".to_owned(), format!("one of {} bytes", page.compressed));
        };
        rest = next;
        left -= page.values;
    }
    Ok(())
}
