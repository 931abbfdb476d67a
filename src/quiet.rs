//! Calls of libraries that panic where an error would do.

use std::cell::Cell;
use std::panic::{self, UnwindSafe, catch_unwind};
use std::sync::Once;
use std::thread;

thread_local! {
    /// Whether this thread is inside such a call.
    static QUIET: Cell<bool> = const { Cell::new(false) };
}

/// What `call` gives, or the payload of its panic, of which nothing is printed: an error will be made of it, and the
/// library's own message would only confuse.
pub(crate) fn quietly<T>(call: impl FnOnce() -> T + UnwindSafe) -> thread::Result<T> {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let tell = panic::take_hook();
        panic::set_hook(Box::new(move |panic| {
            if !QUIET.get() {
                tell(panic);
            }
        }));
    });
    let outer = QUIET.replace(true);
    let called = catch_unwind(call);
    QUIET.set(outer);
    called
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_caught_and_quiet_lasts_as_long_as_the_outermost_call() {
        let caught = quietly(|| quietly(|| panic!("inner")).map_or_else(|_| QUIET.get(), |()| false));
        assert!(caught.unwrap());
        assert!(!QUIET.get());
    }
}
