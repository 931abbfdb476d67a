//! What can be told of a GPU, and what stands in the way of using it.

use cudarc::cublas::sys as cublas_sys;
use cudarc::driver::{CudaContext, result as driver, sys as driver_sys};

use crate::kernels::device::{Description, Room};
use crate::kernels::{Device, DeviceError};

/// CUDA version of the toolkit that compiled them, as the driver spells it: 1000 x major + 10 x minor.
const TOOLKIT: &str = env!("REPRO_CUDA");
/// The first cuDNN with what is called here.
const CUDNN: usize = 90_000;

/// What turns a failed call into an error.
pub(super) fn refused(device: Device, what: &'static str) -> impl Fn(String) -> DeviceError {
    move |found| DeviceError::Refused { device, what, found }
}

/// What can be told of a GPU without starting work on it.
///
/// # Errors
/// No driver or one that is too old, no such GPU, no cuBLAS or cuDNN.
pub fn probe(number: u32) -> Result<Description, DeviceError> {
    let device = Device::Cuda(number);
    // SAFETY: looks for a library by name.
    if !unsafe { driver_sys::is_culib_present() } {
        return Err(DeviceError::NoDriver);
    }
    let none = driver_sys::CUresult::CUDA_ERROR_NO_DEVICE;
    match driver::init() {
        Ok(()) => {}
        Err(error) if error.0 == none => return Err(DeviceError::NoDevice { number, count: 0 }),
        Err(error) => return Err(refused(device, "the driver does not start")(format!("{error:?}"))),
    }
    let count = driver::device::get_count().map_err(|error| format!("{error:?}"));
    let count = count.map_err(refused(device, "the driver does not count its GPUs"))?.max(0) as u32;
    if number >= count {
        return Err(DeviceError::NoDevice { number, count });
    }
    let supported = driver_version().map_err(refused(device, "the driver does not tell its version"))?;
    let toolkit: i32 = TOOLKIT.parse().unwrap_or_default();
    // Within a major version, drivers run what newer toolkits compiled.
    if supported / 1000 < toolkit / 1000 {
        return Err(DeviceError::OldDriver { found: version(supported), needed: version(toolkit / 1000 * 1000) });
    }
    // SAFETY: look for libraries by name.
    let present = unsafe { [cublas_sys::is_culib_present(), cudarc::cudnn::sys::is_culib_present()] };
    for (library, present) in ["cuBLAS", "cuDNN"].into_iter().zip(present) {
        if !present {
            return Err(DeviceError::NoLibrary { library });
        }
    }
    let cudnn = cudarc::cudnn::result::get_version();
    if cudnn < CUDNN {
        return Err(DeviceError::OldLibrary {
            library: "cuDNN",
            found: format!("{}.{}", cudnn / 1000, cudnn % 1000 / 100),
            needed: "9.0",
        });
    }
    let handle = driver::device::get(number as i32).map_err(|error| format!("{error:?}"));
    let name = handle.and_then(|handle| driver::device::get_name(handle).map_err(|error| format!("{error:?}")));
    let name = name.map_err(refused(device, "the driver does not name it"))?;
    Ok(Description { name, driver: version(supported) })
}

/// 1000 x major + 10 x minor.
pub(super) fn driver_version() -> Result<i32, String> {
    let mut version = 0;
    // SAFETY: the driver writes one int.
    let told = unsafe { driver_sys::cuDriverGetVersion(&raw mut version) };
    told.result().map(|()| version).map_err(|error| format!("{error:?}"))
}

fn version(number: i32) -> String {
    format!("{}.{}", number / 1000, number % 1000 / 10)
}

/// The memory of a GPU; the context that it takes to ask counts as used.
///
/// # Errors
/// Those of [`probe`], and whatever the driver refuses.
pub fn room(number: u32) -> Result<Room, DeviceError> {
    probe(number)?;
    let asked = CudaContext::new(number as usize).and_then(|context| context.mem_get_info());
    let asked = asked.map_err(|error| format!("{error:?}"));
    let (free, total) = asked.map_err(refused(Device::Cuda(number), "it does not tell its free memory"))?;
    Ok(Room { free: free as u64, total: total as u64 })
}
