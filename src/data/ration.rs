//! A reader that gives no more than it is allowed at a time.

use std::cell::Cell;
use std::io::{self, Read};
use std::rc::Rc;

/// How much may be read until it is set again. It keeps a parser that reads on its own account from filling the memory.
#[derive(Clone)]
pub(super) struct Ration {
    left: Rc<Cell<u64>>,
}

pub(super) struct Rationed<R> {
    inner: R,
    ration: Ration,
}

impl Ration {
    pub fn new(bytes: u64) -> Ration {
        Ration { left: Rc::new(Cell::new(bytes)) }
    }

    /// Allows so many bytes from now on.
    pub fn set(&self, bytes: u64) {
        self.left.set(bytes);
    }

    pub fn of<R: Read>(&self, inner: R) -> Rationed<R> {
        Rationed { inner, ration: self.clone() }
    }
}

impl<R> Rationed<R> {
    pub fn into_inner(self) -> R {
        self.inner
    }
}

impl<R: Read> Read for Rationed<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = self.ration.left.get();
        let most = usize::try_from(left).unwrap_or(usize::MAX).min(buffer.len());
        if most == 0 && !buffer.is_empty() {
            return Err(io::Error::other("too much in one place"));
        }
        let length = self.inner.read(&mut buffer[..most])?;
        self.ration.left.set(left - length as u64);
        Ok(length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_is_read_than_is_allowed() {
        let ration = Ration::new(3);
        let mut reader = ration.of(&b"abcdefgh"[..]);
        let mut all = Vec::new();
        assert!(reader.read_to_end(&mut all).is_err());
        assert_eq!(all, b"abc");
        ration.set(9);
        assert_eq!(reader.read_to_end(&mut all).ok(), Some(5));
    }
}
