//! Devices: which there are, what is wrong with one, and the one place that chooses kernels.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::collective::Ranks;
use super::{Cpu, Kernels, Precision};

/// What computes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub enum Device {
    Cpu,
    /// The GPU with this number, as the driver counts them.
    Cuda(u32),
    /// The GPUs from number `first` to number `last`, which is larger: they train together.
    CudaRanks {
        first: u32,
        last: u32,
    },
}

impl Device {
    /// Ranks that train together.
    pub fn ranks(self) -> usize {
        match self {
            Device::Cpu | Device::Cuda(_) => 1,
            Device::CudaRanks { first, last } => (last - first) as usize + 1,
        }
    }
}

impl fmt::Display for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Device::Cpu => f.write_str("cpu"),
            Device::Cuda(number) => write!(f, "cuda:{number}"),
            Device::CudaRanks { first, last } => write!(f, "cuda:{first}-{last}"),
        }
    }
}

impl FromStr for Device {
    type Err = String;

    fn from_str(text: &str) -> Result<Device, String> {
        let gpus = || {
            let numbers = text.strip_prefix("cuda:")?;
            let (first, last) = numbers.split_once('-').unwrap_or((numbers, numbers));
            match (first.parse().ok()?, last.parse().ok()?) {
                (first, last) if first < last => Some(Device::CudaRanks { first, last }),
                (first, last) => (first == last).then_some(Device::Cuda(first)),
            }
        };
        match text {
            "cpu" => Ok(Device::Cpu),
            _ => gpus().ok_or_else(|| format!("expected cpu, cuda:N or cuda:FIRST-LAST, found `{text}`")),
        }
    }
}

impl From<Device> for String {
    fn from(device: Device) -> String {
        device.to_string()
    }
}

impl TryFrom<String> for Device {
    type Error = String;

    fn try_from(text: String) -> Result<Device, String> {
        text.parse()
    }
}

/// Why a device cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum DeviceError {
    #[error(
        "this build of repro has no CUDA support: build it with `cargo build --release --features cuda` (see \
         docs/cuda.md), or use --device cpu"
    )]
    NotBuilt,
    #[error(
        "this build of repro trains on one GPU at a time: build it with `cargo build --release --features nccl` (see \
         docs/cuda.md), or use --device cuda:N"
    )]
    RanksNotBuilt,
    #[error(
        "there is no NVIDIA driver: its library, libcuda.so.1, is not found. Install the driver, or use --device cpu"
    )]
    NoDriver,
    #[error("there is no GPU with number {number}: the driver shows {count}. {}", numbers(*count))]
    NoDevice { number: u32, count: u32 },
    #[error(
        "the NVIDIA driver is too old: it supports CUDA {found}, this build of repro needs {needed}. Update the driver, \
         or build with a toolkit of CUDA {found}"
    )]
    OldDriver { found: String, needed: String },
    #[error(
        "{library} is not found: install it, or name its folder in LD_LIBRARY_PATH (see docs/cuda.md), or use --device cpu"
    )]
    NoLibrary { library: &'static str },
    #[error(
        "NCCL is found by the name libnccl.so.2 alone, and looked for as libnccl.so: make a link of that name to it \
         (ln -s .../libnccl.so.2 FOLDER/libnccl.so), and put its folder into LD_LIBRARY_PATH"
    )]
    NcclName,
    #[error(
        "{library} is too old: found version {found}, expected {needed} or newer: install one, or name its folder in \
         LD_LIBRARY_PATH (see docs/cuda.md)"
    )]
    OldLibrary { library: &'static str, found: String, needed: &'static str },
    /// One that is there, and not whole.
    #[error(
        "the CUDA libraries cannot be loaded: {found}. Install a driver, cuBLAS and cuDNN that go together (see \
         docs/cuda.md), or use --device cpu"
    )]
    Loading { found: String },
    #[error(
        "{device} does not compute in {precision}: that takes a GPU of compute capability 8.0 (A100, RTX 30) or newer, \
         found {found}. Use a recipe without `precision`, or another GPU"
    )]
    Capability { device: Device, precision: Precision, found: String },
    #[error(
        "the CPU computes in f32, not in {precision}: use a GPU (--device cuda:N), or a recipe without `precision`"
    )]
    Precision { precision: Precision },
    #[error("{device} cannot be used: {what}: {found}")]
    Refused { device: Device, what: &'static str, found: String },
    /// It computed, and broke off.
    #[error(transparent)]
    Failed(#[from] DeviceFailure),
}

fn numbers(count: u32) -> String {
    match count {
        0 => "Use --device cpu".to_owned(),
        1 => "Use --device cuda:0".to_owned(),
        _ => format!("Use --device cuda:0 to cuda:{}", count - 1),
    }
}

/// What a device broke off with while it computed. Kernels return nothing that could say so: it is thrown as a panic's
/// payload, past the panic's message, and [`on`] catches it.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum DeviceFailure {
    /// In bytes: what one allocation asked for, and what the device had.
    #[error(
        "{device} is out of memory: {} more are asked for, {} of {} are free",
        gigabytes(*needed), gigabytes(*free), gigabytes(*total)
    )]
    OutOfMemory { device: Device, needed: u64, free: u64, total: u64 },
    #[error("{0}")]
    Other(String),
}

/// `12.34 GB`.
pub fn gigabytes(bytes: u64) -> String {
    format!("{:.2} GB", bytes as f64 / 1e9)
}

impl DeviceFailure {
    /// Unwinds with this failure.
    pub fn throw(self) -> ! {
        std::panic::resume_unwind(Box::new(self))
    }
}

/// A device by name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Description {
    /// As its maker calls it.
    pub name: String,
    /// Of the driver: the newest CUDA that it supports.
    pub driver: String,
}

/// Memory of a GPU in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Room {
    pub free: u64,
    pub total: u64,
}

/// The memory of a GPU as it is now. Starts work on it for as long as it takes to ask.
///
/// # Errors
/// What stands in the way of using it.
pub fn room(number: u32) -> Result<Room, DeviceError> {
    loading(|| super::cuda::room(number))
}

/// What can be told of a GPU without starting work on it.
///
/// # Errors
/// What stands in the way of using it.
pub fn describe(number: u32) -> Result<Description, DeviceError> {
    loading(|| super::cuda::probe(number))
}

/// Whether GPUs can train together, whichever they are.
///
/// # Errors
/// A build that has no NCCL, or a machine that has none.
pub fn check_ranks() -> Result<(), DeviceError> {
    #[cfg(feature = "nccl")]
    return loading(super::cuda::nccl::probe);
    #[cfg(not(feature = "nccl"))]
    Err(if cfg!(feature = "cuda") { DeviceError::RanksNotBuilt } else { DeviceError::NotBuilt })
}

/// What is done with the kernels of whichever device is chosen.
pub trait OnKernels {
    type Output;

    fn run<K: Kernels>(self, kernels: K) -> Self::Output;
}

/// Makes sure that a device computes in `precision`.
///
/// # Errors
/// The CPU, and anything but f32.
pub fn check_precision(device: Device, precision: Precision) -> Result<(), DeviceError> {
    match device {
        Device::Cpu if !precision.is_f32() => Err(DeviceError::Precision { precision }),
        _ => Ok(()),
    }
}

/// Does `work` with the kernels of `device`, of several the first; a CPU's have `threads`.
///
/// # Errors
/// What stands in the way of using the device, or what it broke off with.
pub fn on<W: OnKernels>(
    device: Device,
    precision: Precision,
    threads: usize,
    work: W,
) -> Result<W::Output, DeviceError> {
    check_precision(device, precision)?;
    match device {
        Device::Cpu => Ok(work.run(Cpu::new(threads))),
        #[cfg(feature = "cuda")]
        Device::Cuda(number) | Device::CudaRanks { first: number, .. } => {
            let gpu = loading(|| super::cuda::Gpu::open(number, precision))?;
            Ok(catch(|| work.run(super::cuda::Cuda::new(gpu)))?)
        }
        #[cfg(not(feature = "cuda"))]
        Device::Cuda(_) | Device::CudaRanks { .. } => Err(DeviceError::NotBuilt),
    }
}

/// What is done with the kernels of every rank of whichever device is chosen.
pub trait OnRanks {
    type Output;

    fn run<K: Kernels>(self, ranks: Ranks<K>) -> Self::Output;
}

/// As [`on`], with all ranks of `device`.
///
/// # Errors
/// As [`on`].
pub fn on_ranks<W: OnRanks>(
    device: Device,
    precision: Precision,
    threads: usize,
    work: W,
) -> Result<W::Output, DeviceError> {
    struct Alone<W>(W);
    impl<W: OnRanks> OnKernels for Alone<W> {
        type Output = W::Output;

        fn run<K: Kernels>(self, kernels: K) -> W::Output {
            self.0.run(Ranks::alone(kernels))
        }
    }
    match device {
        #[cfg(feature = "nccl")]
        Device::CudaRanks { first, last } => {
            let ranks = loading(|| super::cuda::nccl::open(first, last, precision))?;
            Ok(catch(|| work.run(ranks))?)
        }
        #[cfg(not(feature = "nccl"))]
        Device::CudaRanks { .. } => check_ranks().and_then(|()| on(device, precision, threads, Alone(work))),
        Device::Cpu | Device::Cuda(_) => on(device, precision, threads, Alone(work)),
    }
}

/// Does what looks up functions of libraries for the first time: cudarc panics where one is missing.
fn loading<T>(load: impl FnOnce() -> Result<T, DeviceError> + std::panic::UnwindSafe) -> Result<T, DeviceError> {
    crate::quiet::quietly(load).unwrap_or_else(|panic| {
        let text = panic.downcast::<String>().map(|text| *text);
        let text = text.or_else(|panic| panic.downcast::<&str>().map(|text| (*text).to_owned()));
        Err(DeviceError::Loading { found: text.unwrap_or_else(|_| "no message".to_owned()) })
    })
}

/// Runs work that a device may break off.
///
/// # Errors
/// What it broke off with.
pub fn catch<T>(work: impl FnOnce() -> T) -> Result<T, DeviceFailure> {
    // What the work left half done is dropped with it.
    let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(work));
    caught.map_err(|panic| match panic.downcast::<DeviceFailure>() {
        Ok(failure) => *failure,
        Err(other) => std::panic::resume_unwind(other),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices_survive_a_round_trip() {
        for device in [Device::Cpu, Device::Cuda(0), Device::Cuda(12), Device::CudaRanks { first: 2, last: 11 }] {
            assert_eq!(device.to_string().parse(), Ok(device));
            let json = serde_json::to_string(&device).unwrap();
            assert_eq!(serde_json::from_str::<Device>(&json).unwrap(), device);
        }
        for text in ["cuda", "cuda:", "cuda:-1", "cuda:1-", "cuda:3-2", "cuda:0-1-2", "cuda:x", "gpu", ""] {
            assert!(text.parse::<Device>().unwrap_err().contains("expected cpu, cuda:N or"), "{text}");
        }
        assert_eq!("cuda:4-4".parse(), Ok(Device::Cuda(4)));
        assert_eq!(
            [Device::Cpu, Device::Cuda(7), Device::CudaRanks { first: 2, last: 5 }].map(Device::ranks),
            [1, 1, 4]
        );
    }

    #[test]
    fn a_library_without_a_function_is_an_error() {
        let missing = || -> Result<(), DeviceError> { panic!("Missing symbol {}: undefined", "cuFunction") };
        let error = loading(missing).unwrap_err();
        assert_eq!(error, DeviceError::Loading { found: "Missing symbol cuFunction: undefined".to_owned() });
        assert!(error.to_string().contains("cuFunction"), "{error}");
        assert_eq!(loading(|| Err::<(), _>(DeviceError::NoDriver)), Err(DeviceError::NoDriver));
        assert_eq!(loading(|| Ok(7)), Ok(7));
    }

    #[test]
    fn a_failure_passes_through_unwinding_as_it_is() {
        let (device, total) = (Device::Cuda(1), 80_000_000_000);
        let failure = DeviceFailure::OutOfMemory { device, needed: 1_250_000_000, free: 120_000_000, total };
        assert_eq!(
            failure.to_string(),
            "cuda:1 is out of memory: 1.25 GB more are asked for, 0.12 GB of 80.00 GB are free"
        );
        for failure in [failure, DeviceFailure::Other("it fell off the bus".to_owned())] {
            let thrown = failure.clone();
            assert_eq!(catch::<i32>(|| thrown.throw()), Err(failure));
        }
        assert_eq!(catch(|| 7), Ok(7));
        let other = std::panic::catch_unwind(|| catch::<i32>(|| std::panic::resume_unwind(Box::new("fault"))));
        assert_eq!(other.unwrap_err().downcast_ref(), Some(&"fault"));
    }
}
