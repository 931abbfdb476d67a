//! Calls of libraries that panic on some kinds of damage.

use std::panic::UnwindSafe;

use super::Fault;
use crate::quiet::quietly;

/// What `read` gives, or a fault where it panics: the file is damaged in a way that the library does not expect.
pub(super) fn guarded<T>(
    place: &str,
    expected: &str,
    read: impl FnOnce() -> Result<T, Fault> + UnwindSafe,
) -> Result<T, Fault> {
    quietly(read).unwrap_or_else(|_| Err(Fault::new(place, expected, "damage")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_becomes_a_fault_and_the_rest_passes() {
        let fault = Fault::new("record 1", "a picture", "damage");
        assert_eq!(
            guarded("record 1", "a picture", || -> Result<(), Fault> { panic!("a library's") }),
            Err(fault.clone())
        );
        assert_eq!(guarded("", "", || Ok(3)), Ok(3));
        assert_eq!(guarded("", "", || Err::<(), _>(fault.clone())), Err(fault));
    }
}
