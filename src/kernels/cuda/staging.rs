//! Values on their way to a GPU: through page-locked memory, on a stream of their own, while kernels work on what came
//! before. Has not run on a GPU yet.
//!
//! A lane is used again once the work that read it is done, which events tell. Who asks for steps never waits for that;
//! who sends off the inputs of a later step does, so that there are never more lanes than are in somebody's hands.

use std::ffi::c_void;
use std::sync::{Arc, Mutex, PoisonError};

use cudarc::driver::result::{self as driver, DriverError};
use cudarc::driver::{CudaSlice, CudaStream, DevicePtr, sys};

use super::platform::staged_capacity;

/// The lanes that wait for values, and the stream that copies them.
pub(super) struct Staging {
    copies: sys::CUstream,
    waiting: Mutex<Vec<Lane>>,
}

// SAFETY: a stream may be used from any thread where its context is current.
unsafe impl Send for Staging {}
// SAFETY: as above; the list is behind a lock.
unsafe impl Sync for Staging {}

/// Page-locked memory, the memory of the GPU that it is copied to where it has one, and what is known of both.
pub(super) struct Lane {
    host: *mut f32,
    /// Values.
    capacity: usize,
    device: Option<CudaSlice<f32>>,
    /// The copy is done.
    arrived: sys::CUevent,
    /// All that read it is done.
    read: sys::CUevent,
}

// SAFETY: the memory belongs to no thread, and a lane to one owner at a time.
unsafe impl Send for Lane {}

impl Lane {
    fn new(capacity: usize, device: Option<CudaSlice<f32>>) -> Result<Lane, DriverError> {
        let arrived = driver::event::create(sys::CUevent_flags::CU_EVENT_DISABLE_TIMING)?;
        // Whoever waits for it sleeps.
        let read = driver::event::create(sys::CUevent_flags::CU_EVENT_BLOCKING_SYNC)?;
        // SAFETY: it is written before it is read.
        let host = unsafe { driver::malloc_host(capacity * size_of::<f32>(), 0) }?.cast::<f32>();
        Ok(Lane { host, capacity, device, arrived, read })
    }

    fn fits(&self, len: usize, on_device: bool) -> bool {
        self.capacity >= len && self.device.is_some() == on_device
    }

    fn is_read(&self) -> bool {
        // SAFETY: the event lives as long as the lane. One that was never recorded counts as done.
        unsafe { driver::event::query(self.read) }.is_ok()
    }

    fn await_read(&self) -> Result<(), DriverError> {
        // SAFETY: as above.
        unsafe { driver::event::synchronize(self.read) }
    }

    /// Writes values to the host's side.
    fn fill(&mut self, values: &[f32]) -> &[f32] {
        assert!(values.len() <= self.capacity, "{} values in a lane of {}", values.len(), self.capacity);
        // SAFETY: the memory holds so many values, and nothing reads it: its last copy is done.
        unsafe {
            self.host.copy_from_nonoverlapping(values.as_ptr(), values.len());
            std::slice::from_raw_parts(self.host, values.len())
        }
    }

    /// Where its values lie on the GPU, 0 where it has no memory there.
    pub fn address(&self, stream: &Arc<CudaStream>) -> u64 {
        self.device.as_ref().map_or(0, |device| device.device_ptr(stream).0)
    }

    fn free(self) {
        // SAFETY: whoever frees a lane has waited for the GPU. What cannot be freed goes with the process.
        unsafe {
            let _ = driver::free_host(self.host.cast::<c_void>());
            let _ = driver::event::destroy(self.arrived);
            let _ = driver::event::destroy(self.read);
        }
    }
}

/// Every method wants the context to be current.
impl Staging {
    pub fn new() -> Result<Staging, DriverError> {
        // The default stream waits for no stream of this kind, and none of this kind for it.
        let copies = driver::stream::create(driver::stream::StreamKind::NonBlocking)?;
        Ok(Staging { copies, waiting: Mutex::default() })
    }

    /// A lane that was given back, the oldest first.
    fn take(&self, fits: impl Fn(&Lane) -> bool) -> Option<Lane> {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let at = waiting.iter().position(fits)?;
        Some(waiting.remove(at))
    }

    fn give_back(&self, lane: Lane) {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).push(lane);
    }

    /// Copies values to an address in the order of `stream`'s work, without waiting for it.
    pub fn upload(&self, values: &[f32], to: u64, stream: &Arc<CudaStream>) -> Result<(), DriverError> {
        let mut lane = match self.take(|lane| lane.fits(values.len(), false) && lane.is_read()) {
            Some(lane) => lane,
            None => Lane::new(staged_capacity(values.len()), None)?,
        };
        let read = lane.read;
        let values = lane.fill(values);
        // SAFETY: the lane is not used again before the event, which comes after the copy; `to` holds so many values.
        let copied = unsafe {
            driver::memcpy_htod_async(to, values, stream.cu_stream())
                .and_then(|()| driver::event::record(read, stream.cu_stream()))
        };
        self.give_back(lane);
        copied
    }

    /// Sends values to memory of their own, which `allocate` gives where none was given back. Waits for what still
    /// reads that.
    pub fn stage(
        &self,
        values: &[f32],
        stream: &Arc<CudaStream>,
        allocate: impl FnOnce(usize) -> CudaSlice<f32>,
    ) -> Result<Lane, DriverError> {
        let mut lane = match self.take(|lane| lane.fits(values.len(), true)) {
            Some(lane) => {
                lane.await_read()?;
                lane
            }
            None => {
                let capacity = staged_capacity(values.len());
                let device = allocate(capacity);
                // Memory is there for other streams once the work before it is done.
                stream.synchronize()?;
                Lane::new(capacity, Some(device))?
            }
        };
        let (arrived, to) = (lane.arrived, lane.address(stream));
        let values = lane.fill(values);
        // SAFETY: all that read the lane is done, and it has room for so many values on either side.
        unsafe {
            driver::memcpy_htod_async(to, values, self.copies)?;
            driver::event::record(arrived, self.copies)?;
        }
        Ok(lane)
    }

    /// Has `stream` wait until the values of a lane are there.
    pub fn await_arrival(&self, lane: &Lane, stream: &Arc<CudaStream>) -> Result<(), DriverError> {
        let flags = sys::CUevent_wait_flags::CU_EVENT_WAIT_DEFAULT;
        // SAFETY: both live.
        unsafe { driver::stream::wait_event(stream.cu_stream(), lane.arrived, flags) }
    }

    /// Takes a lane back; it is used again once the work that `stream` was asked for up to now is done.
    pub fn release(&self, lane: Lane, stream: &Arc<CudaStream>) -> Result<(), DriverError> {
        // Values that nobody waited for are still on their way.
        let waited = self.await_arrival(&lane, stream);
        // SAFETY: both live.
        let recorded = waited.and_then(|()| unsafe { driver::event::record(lane.read, stream.cu_stream()) });
        if recorded.is_ok() {
            self.give_back(lane);
        }
        recorded
    }

    /// Frees what is left, once the GPU is done.
    pub fn close(&mut self) {
        // SAFETY: the stream is alive.
        if unsafe { driver::stream::synchronize(self.copies) }.is_err() {
            return;
        }
        let waiting = std::mem::take(self.waiting.get_mut().unwrap_or_else(PoisonError::into_inner));
        waiting.into_iter().for_each(Lane::free);
        // SAFETY: nothing uses it any more.
        let _ = unsafe { driver::stream::destroy(self.copies) };
    }
}
