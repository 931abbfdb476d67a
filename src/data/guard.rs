//! Calls of libraries that panic on some kinds of damage.

use std::cell::Cell;
use std::panic::{self, UnwindSafe, catch_unwind};
use std::sync::Once;

use super::Fault;

thread_local! {
    /// Whether this thread is inside a guarded call.
    static GUARDED: Cell<bool> = const { Cell::new(false) };
}

/// What `read` gives, or a fault where it panics: the file is damaged in a way that the library does not expect.
pub(super) fn guarded<T>(
    place: &str,
    expected: &str,
    read: impl FnOnce() -> Result<T, Fault> + UnwindSafe,
) -> Result<T, Fault> {
    static QUIET: Once = Once::new();
    QUIET.call_once(|| {
        let tell = panic::take_hook();
        panic::set_hook(Box::new(move |panic| {
            // What comes of it is the fault: the library's own message would only confuse.
            if !GUARDED.get() {
                tell(panic);
            }
        }));
    });
    let outer = GUARDED.replace(true);
    let read = catch_unwind(read);
    GUARDED.set(outer);
    read.unwrap_or_else(|_| Err(Fault::new(place, expected, "damage")))
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
        assert!(!GUARDED.get());
    }
}
