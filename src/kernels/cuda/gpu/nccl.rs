//! Ranks that are GPUs of this machine: NCCL through cudarc, which looks for the library when it is first needed. Has
//! not run on GPUs yet.
//!
//! Communicators do not block the host, so that a rank which fails can abort those of the others: what they wait for on
//! the device then ends, and their next operation says who left.

use std::cell::Cell;
use std::collections::VecDeque;
use std::ffi::{CStr, c_void};
use std::ptr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};

use cudarc::driver::{DevicePtr, result as driver, sys as driver_sys};
use cudarc::nccl::{result as nccl, sys};

use super::{Gpu, refused};
use crate::kernels::collective::{Abandoned, Collective, Meeting, Rank, Ranks};
use crate::kernels::cuda::arguments::Element;
use crate::kernels::cuda::{Buffer, Cuda};
use crate::kernels::{Device, DeviceError, DeviceFailure, Precision};

/// The first NCCL with what is called here.
const NCCL: i32 = 21_800;
/// What marks the settings of a communicator, and the version that their layout here is of: see `nccl.h`.
const MAGIC: u32 = 0xcafe_beef;
const LAYOUT: u32 = 21_700;
/// Operations of the first steps, in which libraries load their kernels when they first need them. Loading may wait for all
/// work of a GPU, and an operation of NCCL for the GPU that loads: so nothing else is under way then.
const ALONE: usize = 64;
/// A setting that is left to NCCL.
const UNSET: i32 = i32::MIN;

struct Communicator(sys::ncclComm_t);

// SAFETY: the handle belongs to no thread; it lies in a mutex, which lends it to one at a time.
unsafe impl Send for Communicator {}

/// What the ranks share.
struct Group {
    meeting: Meeting,
    /// Of each rank, until it departs or is aborted.
    communicators: Vec<Mutex<Option<Communicator>>>,
}

/// A GPU among others.
struct Nccl {
    rank: usize,
    gpu: Gpu,
    group: Arc<Group>,
    /// Operations that are still done with nothing else under way.
    alone: Cell<usize>,
}

/// Opens the GPUs from number `first` to number `last` as ranks of one training.
///
/// # Errors
/// Those of [`Gpu::open`], a missing or old NCCL, and what it refuses.
pub fn open(first: u32, last: u32, precision: Precision) -> Result<Ranks<Cuda<Gpu>>, DeviceError> {
    probe()?;
    let gpus = (first..=last).map(|number| Gpu::open(number, precision)).collect::<Result<Vec<Gpu>, DeviceError>>()?;
    share_memory(&gpus).map_err(refused(Device::Cuda(first), "the GPUs do not open their memory to each other"))?;
    let communicators = connect(&gpus).map_err(refused(Device::Cuda(first), "NCCL does not connect the GPUs"))?;
    let meeting = Meeting::new(gpus.len());
    let communicators = communicators.into_iter().map(|one| Mutex::new(Some(one))).collect();
    let group = Arc::new(Group { meeting, communicators });
    let rank = |(rank, gpu): (usize, Gpu)| Rank {
        kernels: Cuda::new(gpu.clone()),
        collective: Box::new(Nccl { rank, gpu, group: group.clone(), alone: Cell::new(ALONE) }),
    };
    let mut ranks = gpus.into_iter().enumerate().map(rank);
    let none = DeviceError::NoDevice { number: first, count: 0 };
    Ok(Ranks { leader: ranks.next().ok_or(none)?, followers: ranks.collect() })
}

/// Whether NCCL is there and new enough.
///
/// # Errors
/// What is wrong with it.
pub fn probe() -> Result<(), DeviceError> {
    // SAFETY: looks for a library by name.
    if !unsafe { sys::is_culib_present() } {
        // SAFETY: as above; the name ends with a zero.
        let versioned = unsafe { libc::dlopen(c"libnccl.so.2".as_ptr(), libc::RTLD_LAZY) };
        return Err(if versioned.is_null() {
            DeviceError::NoLibrary { library: "NCCL" }
        } else {
            DeviceError::NcclName
        });
    }
    let found = nccl::get_nccl_version().map_err(|error| DeviceError::Loading { found: text(error.0) })?;
    if found < NCCL {
        let found = format!("{}.{}", found / 10_000, found % 10_000 / 100);
        return Err(DeviceError::OldLibrary { library: "NCCL", found, needed: "2.18" });
    }
    Ok(())
}

/// Opens the pools that memory comes from to all GPUs that can reach them: NCCL may copy straight between buffers.
fn share_memory(gpus: &[Gpu]) -> Result<(), String> {
    let told = |result: driver_sys::CUresult| result.result().map_err(|error| format!("{error:?}"));
    for owner in gpus.iter().filter(|gpu| gpu.0.context.has_async_alloc()) {
        for other in gpus {
            let (device, peer) = (owner.0.context.cu_device(), other.0.context.cu_device());
            let mut reaches = 0;
            // SAFETY: the driver writes one int.
            told(unsafe { driver_sys::cuDeviceCanAccessPeer(&raw mut reaches, peer, device) })?;
            if reaches == 0 {
                continue;
            }
            let location = driver_sys::CUmemLocation {
                type_: driver_sys::CUmemLocationType::CU_MEM_LOCATION_TYPE_DEVICE,
                id: peer,
            };
            let flags = driver_sys::CUmemAccess_flags::CU_MEM_ACCESS_FLAGS_PROT_READWRITE;
            let access = driver_sys::CUmemAccessDesc { location, flags };
            // SAFETY: the pool is the device's, and one description is given.
            unsafe {
                let pool = driver::device::get_mem_pool(device).map_err(|error| format!("{error:?}"))?;
                told(driver_sys::cuMemPoolSetAccess(pool, &raw const access, 1))?;
            }
        }
    }
    Ok(())
}

/// A communicator for each of the GPUs.
fn connect(gpus: &[Gpu]) -> Result<Vec<Communicator>, String> {
    let id = nccl::get_uniqueid().map_err(|error| text(error.0))?;
    let mut handles = vec![ptr::null_mut(); gpus.len()];
    told(nccl::group_start())?;
    for (rank, (gpu, handle)) in gpus.iter().zip(&mut handles).enumerate() {
        gpu.0.context.bind_to_thread().map_err(|error| format!("{error:?}"))?;
        let mut settings = sys::ncclConfig_t {
            size: size_of::<sys::ncclConfig_t>(),
            magic: MAGIC,
            version: LAYOUT,
            blocking: 0,
            cgaClusterSize: UNSET,
            minCTAs: UNSET,
            maxCTAs: UNSET,
            netName: ptr::null(),
            splitShare: UNSET,
        };
        // SAFETY: NCCL writes the handle, and reads the settings before the group ends.
        let begun =
            unsafe { nccl::comm_init_rank_config(handle, gpus.len() as i32, id, rank as i32, &raw mut settings) };
        told(begun)?;
    }
    told(nccl::group_end())?;
    for handle in &handles {
        while let sys::ncclResult_t::ncclInProgress = finished(state(*handle))? {
            std::thread::yield_now();
        }
    }
    Ok(handles.into_iter().map(Communicator).collect())
}

fn told<T>(done: Result<T, nccl::NcclError>) -> Result<(), String> {
    done.map(drop).map_err(|error| text(error.0))
}

/// An error, unless it ended well or goes on.
fn finished(state: sys::ncclResult_t) -> Result<sys::ncclResult_t, String> {
    match state {
        sys::ncclResult_t::ncclSuccess | sys::ncclResult_t::ncclInProgress => Ok(state),
        error => Err(text(error)),
    }
}

/// How the last operation of a communicator stands.
fn state(handle: sys::ncclComm_t) -> sys::ncclResult_t {
    let mut state = sys::ncclResult_t::ncclInProgress;
    // SAFETY: the handle is of a communicator that was not destroyed.
    let asked = unsafe { sys::ncclCommGetAsyncError(handle, &raw mut state) };
    if asked == sys::ncclResult_t::ncclSuccess { state } else { asked }
}

fn text(error: sys::ncclResult_t) -> String {
    // SAFETY: NCCL gives text that stays.
    let text = unsafe { CStr::from_ptr(sys::ncclGetErrorString(error)) };
    text.to_string_lossy().into_owned()
}

impl Group {
    fn communicator(&self, rank: usize) -> MutexGuard<'_, Option<Communicator>> {
        self.communicators[rank].lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Nccl {
    /// Puts an operation into the stream.
    fn enqueue(
        &self,
        what: &str,
        begin: impl FnOnce(sys::ncclComm_t, sys::cudaStream_t) -> sys::ncclResult_t,
    ) -> Result<(), Abandoned> {
        self.gpu.must("taking up its context", self.gpu.0.context.bind_to_thread());
        let is_alone = self.alone.get() > 0;
        if is_alone {
            self.alone.set(self.alone.get() - 1);
            self.finish()?;
            self.group.meeting.exchange(self.rank, Vec::new())?;
        }
        let mut begin = Some(begin);
        loop {
            let communicator = self.group.communicator(self.rank);
            let Some(Communicator(handle)) = *communicator else { return Err(self.abandoned()) };
            let state = match begin.take() {
                Some(begin) => begin(handle, self.gpu.0.stream.cu_stream().cast()),
                None => state(handle),
            };
            // Let go between two looks: a rank that leaves aborts what waits for it.
            drop(communicator);
            match finished(state) {
                Ok(sys::ncclResult_t::ncclInProgress) => std::thread::yield_now(),
                Ok(_) if is_alone => return self.finish(),
                Ok(_) => return Ok(()),
                Err(_) if self.group.meeting.check().is_err() => return Err(self.abandoned()),
                Err(error) => {
                    DeviceFailure::Other(format!("{} failed at {what} of NCCL: {error}", self.gpu.0.device)).throw()
                }
            }
        }
    }

    /// Waits for all work of the GPU.
    fn finish(&self) -> Result<(), Abandoned> {
        self.gpu.must("work before that of NCCL", self.gpu.0.stream.synchronize());
        self.group.meeting.check()
    }

    fn abandoned(&self) -> Abandoned {
        self.group.meeting.check().err().unwrap_or(Abandoned { by: self.rank })
    }

    /// Where a buffer lies that holds at least `len` f32.
    fn at(&self, buffer: &Buffer<Gpu>, len: usize) -> *mut c_void {
        assert!(len <= buffer.len, "{len} values of a memory of {}", buffer.len);
        assert_eq!(buffer.element, Element::F32, "ranks exchange embeddings, losses and gradients of parameters");
        buffer.memory.values.device_ptr(&self.gpu.0.stream).0 as *mut c_void
    }
}

impl Collective<Cuda<Gpu>> for Nccl {
    fn rank(&self) -> usize {
        self.rank
    }

    fn size(&self) -> usize {
        self.group.communicators.len()
    }

    fn mean(&self, len: usize, values: &mut Buffer<Gpu>) -> Result<(), Abandoned> {
        let at = self.at(values.changed(), len);
        let (float, mean) = (sys::ncclDataType_t::ncclFloat32, sys::ncclRedOp_t::ncclAvg);
        self.enqueue("a mean", |communicator, stream| {
            // SAFETY: the memory holds so many values, and outlives the work of its stream.
            unsafe { sys::ncclAllReduce(at, at, len, float, mean, communicator, stream) }
        })
    }

    fn gather(&self, len: usize, share: &Buffer<Gpu>, all: &mut Buffer<Gpu>) -> Result<(), Abandoned> {
        let (from, to) = (self.at(share, len), self.at(all.changed(), len * self.group.communicators.len()));
        self.enqueue("a gathering", |communicator, stream| {
            // SAFETY: as above.
            unsafe { sys::ncclAllGather(from, to, len, sys::ncclDataType_t::ncclFloat32, communicator, stream) }
        })
    }

    fn check(&self) -> Result<(), Abandoned> {
        // Who leaves says so before aborting what others wait for.
        self.group.meeting.check()?;
        match *self.group.communicator(self.rank) {
            Some(Communicator(handle)) if finished(state(handle)).is_ok() => Ok(()),
            _ => Err(self.abandoned()),
        }
    }

    fn depart(self: Box<Self>) -> Result<(), Abandoned> {
        self.gpu.must("the work before its end", self.gpu.0.stream.synchronize());
        // A communicator may go once no rank has work left that reads from it.
        self.group.meeting.exchange(self.rank, Vec::new())?;
        if let Some(Communicator(handle)) = self.group.communicator(self.rank).take() {
            // SAFETY: it was taken, so nobody else uses it. Nothing is lost with it that could be told of.
            unsafe {
                sys::ncclCommFinalize(handle);
                while state(handle) == sys::ncclResult_t::ncclInProgress {
                    std::thread::yield_now();
                }
                sys::ncclCommDestroy(handle);
            }
        }
        Ok(())
    }
}

impl Drop for Nccl {
    fn drop(&mut self) {
        // After a departure of all, each destroys its own.
        if self.group.communicator(self.rank).is_none() {
            return;
        }
        self.group.meeting.leave(self.rank);
        // Its own first: another's may be held by a thread that waits for what this rank will never do.
        let (before, own_and_after) = self.group.communicators.split_at(self.rank);
        let mut left: VecDeque<_> = own_and_after.iter().chain(before).collect();
        while let Some(communicator) = left.pop_front() {
            match communicator.try_lock() {
                Ok(mut communicator) => {
                    if let Some(Communicator(handle)) = communicator.take() {
                        // SAFETY: it was taken, so nobody else uses it.
                        unsafe { sys::ncclCommAbort(handle) };
                    }
                }
                Err(TryLockError::WouldBlock) => {
                    left.push_back(communicator);
                    std::thread::yield_now();
                }
                // A thread that broke off inside NCCL: what it held cannot be trusted.
                Err(TryLockError::Poisoned(_)) => {}
            }
        }
    }
}
