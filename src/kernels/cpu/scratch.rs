//! Memory that a kernel needs for the length of a call, kept by each thread from call to call.

use std::cell::RefCell;
use std::thread::LocalKey;

thread_local! {
    /// What the pieces of a call read: prepared weights, partial sums.
    static SHARED: RefCell<Vec<f32>> = const { RefCell::new(Vec::new()) };
    /// What a piece of work has for itself.
    static OWN: RefCell<Vec<f32>> = const { RefCell::new(Vec::new()) };
}

/// A cache line: vectors that begin at one never cross two.
const LINE: usize = 16;

/// Lends the calling thread's memory for a whole call: `len` values of whatever was left there.
#[inline(always)]
pub(super) fn shared<R>(len: usize, work: impl FnOnce(&mut [f32]) -> R) -> R {
    lent(&SHARED, len, work)
}

/// Lends the running thread's memory for a piece of work: `len` values of whatever was left there.
#[inline(always)]
pub(super) fn own<R>(len: usize, work: impl FnOnce(&mut [f32]) -> R) -> R {
    lent(&OWN, len, work)
}

#[inline(always)]
fn lent<R>(kept: &'static LocalKey<RefCell<Vec<f32>>>, len: usize, work: impl FnOnce(&mut [f32]) -> R) -> R {
    let mut memory = kept.take();
    if memory.len() < len + LINE {
        // A new allocation rather than a longer one: nothing in it is worth copying.
        memory = vec![0.0; len + LINE];
    }
    let start = memory.as_ptr().align_offset(LINE * size_of::<f32>()).min(LINE);
    let result = work(&mut memory[start..start + len]);
    kept.set(memory);
    result
}
