//! Memory with what is known of it.

use std::cell::RefCell;

use super::arguments::Element;
use super::platform::Platform;

/// A flat buffer on a device: f32, or activations in the platform's [`Element`].
pub struct Buffer<P: Platform> {
    pub(super) memory: P::Memory,
    /// Values that it holds.
    pub(super) len: usize,
    pub(super) element: Element,
    pub(super) rounded: RefCell<Rounded<P::Memory>>,
}

/// A copy of f32 in bf16: made when it is first read after the buffer was written, because all products between two
/// steps of an optimiser read the same parameters.
pub(super) struct Rounded<M> {
    pub memory: Option<M>,
    pub is_current: bool,
}

impl<P: Platform> Buffer<P> {
    pub(super) fn new(memory: P::Memory, len: usize, element: Element) -> Buffer<P> {
        Buffer { memory, len, element, rounded: RefCell::new(Rounded { memory: None, is_current: false }) }
    }

    /// For whoever writes f32 that may be parameters.
    pub(super) fn changed(&mut self) -> &mut Buffer<P> {
        self.rounded.get_mut().is_current = false;
        self
    }
}
