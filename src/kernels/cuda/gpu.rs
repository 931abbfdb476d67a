//! The platform that is a GPU: driver, cuBLAS and cuDNN through cudarc, which looks for their libraries when they are
//! first needed. Has not run on a GPU yet.
//!
//! All work goes to the default stream, in order. A call that fails unwinds with a [`DeviceFailure`].

#[cfg(feature = "nccl")]
pub mod nccl;
mod probe;

use std::collections::HashMap;
use std::ffi::{CString, c_void};
use std::sync::{Arc, Mutex, PoisonError};

use cudarc::cublas::{result as cublas, sys as cublas_sys};
use cudarc::driver::{CudaContext, CudaSlice, CudaStream, DevicePtr, result as driver, sys as driver_sys};

use super::arguments::{Address, Arguments, Element, KERNELS};
use super::convolutions::{ConvolutionError, Convolutions};
use super::platform::{ConvolutionPass, ConvolutionShape, Grid, Matrix, Operands, Platform, Product, Values};
use super::staging::{Lane, Staging};
use crate::kernels::{Device, DeviceError, DeviceFailure, Precision};

use probe::{driver_version, refused};
pub use probe::{probe, room};

/// The kernels, for every major architecture that nvcc knew and as PTX for later ones.
static IMAGE: &Image<[u8]> = &Image(*include_bytes!(concat!(env!("OUT_DIR"), "/kernels.fatbin")));

/// The first driver that changes how threads wait.
const SLEEPING: i32 = 12_010;
/// The first major compute capability with TF32 and bf16.
const TENSOR_CORES: i32 = 8;

/// The driver reads an image in words of 8 bytes.
#[repr(align(8))]
struct Image<T: ?Sized>(T);

/// A GPU, opened.
#[derive(Clone)]
pub struct Gpu(Arc<Opened>);

struct Opened {
    device: Device,
    element: Element,
    /// Handles of libraries serve one thread at a time.
    libraries: Mutex<Libraries>,
    functions: HashMap<&'static str, Function>,
    staging: Staging,
    /// Dropped after everything that lives in its context.
    module: Module,
    stream: Arc<CudaStream>,
    context: Arc<CudaContext>,
}

struct Libraries {
    blas: cublas_sys::cublasHandle_t,
    convolutions: Convolutions,
    compute: cublas_sys::cublasComputeType_t,
}

// SAFETY: the handle belongs to no thread; `Opened` lends it to one at a time, with its context current there.
unsafe impl Send for Libraries {}

#[derive(Clone, Copy)]
struct Function(driver_sys::CUfunction);

// SAFETY: a function of a loaded module may be launched from any thread.
unsafe impl Send for Function {}
// SAFETY: as above.
unsafe impl Sync for Function {}

struct Module(driver_sys::CUmodule);

// SAFETY: the handle belongs to no thread.
unsafe impl Send for Module {}
// SAFETY: it is only read.
unsafe impl Sync for Module {}

/// Memory of a GPU.
pub struct Memory {
    /// At least one value: there is no memory of none.
    values: CudaSlice<f32>,
    len: usize,
}

/// Gives what the pool keeps back to the driver.
fn give_back_freed_memory(context: &CudaContext) -> Result<(), driver::DriverError> {
    if !context.has_async_alloc() {
        return Ok(());
    }
    // SAFETY: the device is the context's.
    unsafe { driver::mem_pool::trim_to(driver::device::get_mem_pool(context.cu_device())?, 0) }
}

/// Values on their way to a GPU.
pub struct Staged {
    /// None once it was given back.
    lane: Option<Lane>,
    len: usize,
    gpu: Gpu,
}

impl Drop for Staged {
    fn drop(&mut self) {
        let Opened { context, staging, stream, .. } = &*self.gpu.0;
        if let Some(lane) = self.lane.take()
            && take_up(context).is_ok()
        {
            // What goes wrong with the GPU shows at the next call that can say so.
            let _ = staging.release(lane, stream);
        }
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        // cudarc frees without a look at whether the context is current, and this may be another thread than the one
        // that allocated. There is nobody to tell of errors.
        let _ = take_up(self.values.context());
    }
}

/// Makes a context current in this thread, whatever earlier calls left behind.
fn take_up(context: &CudaContext) -> Result<(), driver::DriverError> {
    // SAFETY: the context is alive.
    unsafe { driver::ctx::set_current(context.cu_ctx()) }
}

/// Lets the pool that memory comes from keep what is freed, so that a step does not ask the driver again.
fn keep_freed_memory(context: &CudaContext) -> Result<(), driver::DriverError> {
    let mut threshold = u64::MAX;
    // SAFETY: the device is the context's, and the attribute is a number of 64 bits.
    unsafe {
        let pool = driver::device::get_mem_pool(context.cu_device())?;
        let attribute = driver_sys::CUmemPool_attribute::CU_MEMPOOL_ATTR_RELEASE_THRESHOLD;
        driver::mem_pool::set_attribute(pool, attribute, (&raw mut threshold).cast())
    }
}

impl Gpu {
    /// Opens a GPU and loads the kernels.
    ///
    /// # Errors
    /// Those of [`probe`], and whatever driver and libraries refuse.
    pub fn open(number: u32, precision: Precision) -> Result<Gpu, DeviceError> {
        probe(number)?;
        let device = Device::Cuda(number);
        let context = CudaContext::new(number as usize).map_err(|error| format!("{error:?}"));
        let context = context.map_err(refused(device, "no work can be started on it"))?;
        let (major, minor) = context.compute_capability().unwrap_or_default();
        if precision != Precision::F32 && major < TENSOR_CORES {
            return Err(DeviceError::Capability { device, precision, found: format!("{major}.{minor}") });
        }
        if driver_version().is_ok_and(|version| version >= SLEEPING) {
            // Whoever waits for the GPU sleeps: views are drawn meanwhile.
            let waits = context.set_flags(driver_sys::CUctx_flags::CU_CTX_SCHED_BLOCKING_SYNC);
            waits.map_err(|error| refused(device, "it does not let its threads sleep")(format!("{error:?}")))?;
        }
        if context.has_async_alloc() {
            let kept = keep_freed_memory(&context).map_err(|error| format!("{error:?}"));
            kept.map_err(refused(device, "its memory pool takes no setting"))?;
        }
        // SAFETY: there is one stream, and with it one order of all work.
        unsafe { context.disable_event_tracking() };
        let stream = context.default_stream();
        // SAFETY: the image is what nvcc wrote, aligned as the driver reads it.
        let module = unsafe { driver::module::load_data(IMAGE.0.as_ptr().cast()) };
        let module = module.map_err(|error| format!("{error:?}"));
        let module = Module(module.map_err(refused(device, "it does not take this build's kernels"))?);
        let mut functions = HashMap::new();
        for name in KERNELS {
            let text =
                CString::new(*name).map_err(|error| refused(device, "a kernel has no name")(error.to_string()))?;
            // SAFETY: the module is loaded, and the kernel's name ends with a zero.
            let function = unsafe { driver::module::get_function(module.0, text) };
            let function = function.map_err(|error| format!("{name}: {error:?}"));
            functions.insert(*name, Function(function.map_err(refused(device, "a kernel is missing"))?));
        }
        let blas = cublas::create_handle().map_err(|error| format!("{error:?}"));
        let blas = blas.map_err(refused(device, "cuBLAS does not start"))?;
        // SAFETY: handle and stream are alive; the default stream is the null one.
        let set = unsafe { cublas::set_stream(blas, stream.cu_stream().cast()) };
        set.map_err(|error| refused(device, "cuBLAS refuses the stream")(format!("{error:?}")))?;
        // Where sums are put together from parts, the parts stay f32 whatever is written.
        let math = cublas_sys::cublasMath_t::CUBLAS_MATH_DISALLOW_REDUCED_PRECISION_REDUCTION;
        // SAFETY: the handle is alive.
        let set = unsafe { cublas_sys::cublasSetMathMode(blas, math) }.result();
        set.map_err(|error| refused(device, "cuBLAS refuses sums in f32")(format!("{error:?}")))?;
        let compute = match precision {
            Precision::F32 | Precision::Bf16 => cublas_sys::cublasComputeType_t::CUBLAS_COMPUTE_32F,
            Precision::Tf32 => cublas_sys::cublasComputeType_t::CUBLAS_COMPUTE_32F_FAST_TF32,
        };
        let convolutions = Convolutions::open(&stream, precision);
        let convolutions = convolutions.map_err(|error| format!("{error:?}"));
        let convolutions = convolutions.map_err(refused(device, "cuDNN does not start"))?;
        let libraries = Mutex::new(Libraries { blas, convolutions, compute });
        let staging = Staging::new().map_err(|error| format!("{error:?}"));
        let staging = staging.map_err(refused(device, "it starts no second stream"))?;
        let element = precision.into();
        Ok(Gpu(Arc::new(Opened { device, element, libraries, functions, staging, module, stream, context })))
    }

    /// Unwinds where something failed.
    fn must<T, E: std::fmt::Debug>(&self, what: &str, done: Result<T, E>) -> T {
        done.unwrap_or_else(|error| {
            DeviceFailure::Other(format!("{} failed at {what}: {error:?}", self.0.device)).throw()
        })
    }

    /// The libraries, with the context current in this thread.
    fn with_libraries<R>(&self, work: impl FnOnce(&mut Libraries) -> R) -> R {
        self.must("taking up its context", self.0.context.bind_to_thread());
        work(&mut self.0.libraries.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Zeros, or nothing where there is no room for them.
    fn allocate(&self, len: usize) -> Option<CudaSlice<f32>> {
        let allocated = || match self.0.stream.alloc_zeros(len) {
            Err(error) if error.0 == driver_sys::CUresult::CUDA_ERROR_OUT_OF_MEMORY => None,
            done => Some(self.must("allocating memory", done)),
        };
        allocated().or_else(|| {
            // What was freed may lie in pieces.
            self.must("the work before a search for memory", self.0.stream.synchronize());
            self.must("giving back freed memory", give_back_freed_memory(&self.0.context));
            allocated()
        })
    }

    fn out_of_memory(&self, needed: usize) -> ! {
        let (free, total) = self.0.context.mem_get_info().unwrap_or_default();
        let [needed, free, total] = [needed, free, total].map(|bytes| bytes as u64);
        DeviceFailure::OutOfMemory { device: self.0.device, needed, free, total }.throw()
    }
}

impl Platform for Gpu {
    type Memory = Memory;
    type Staged = Staged;

    fn element(&self) -> Element {
        self.0.element
    }

    fn zeros(&self, len: usize) -> Memory {
        let values = self.allocate(len.max(1));
        Memory { values: values.unwrap_or_else(|| self.out_of_memory(len * size_of::<f32>())), len }
    }

    fn len(&self, memory: &Memory) -> usize {
        memory.len
    }

    fn upload(&self, values: &[f32], memory: &mut Memory) {
        if !values.is_empty() {
            self.must("taking up its context", self.0.context.bind_to_thread());
            let to = self.address(memory).0;
            self.must("a copy to it", self.0.staging.upload(values, to, &self.0.stream));
        }
    }

    fn download(&self, memory: &Memory, len: usize) -> Vec<f32> {
        let mut values = vec![0.0; len];
        if len > 0 {
            self.must("a copy from it", self.0.stream.memcpy_dtoh(&memory.values.slice(..len), &mut values));
            self.must("the work before a copy", self.0.stream.synchronize());
        }
        values
    }

    fn address(&self, memory: &Memory) -> Address {
        Address(memory.values.device_ptr(&self.0.stream).0)
    }

    fn stage(&self, values: Vec<f32>) -> Staged {
        self.must("taking up its context", self.0.context.bind_to_thread());
        let lane = self.0.staging.stage(&values, &self.0.stream, |len| {
            self.allocate(len).unwrap_or_else(|| self.out_of_memory(len * size_of::<f32>()))
        });
        Staged { lane: Some(self.must("a copy to it", lane)), len: values.len(), gpu: self.clone() }
    }

    fn staged_len(&self, staged: &Staged) -> usize {
        staged.len
    }

    fn arrived(&self, staged: &Staged) -> Address {
        self.must("taking up its context", self.0.context.bind_to_thread());
        let Some(lane) = &staged.lane else { return Address::NONE };
        self.must("waiting for a copy", self.0.staging.await_arrival(lane, &self.0.stream));
        Address(lane.address(&self.0.stream))
    }

    fn launch<A: Arguments>(&self, element: Element, Grid { blocks, threads }: Grid, mut arguments: A) {
        self.must("taking up its context", self.0.context.bind_to_thread());
        let name = A::kernel(element);
        let Some(function) = self.0.functions.get(name) else {
            DeviceFailure::Other(format!("there is no kernel {name}")).throw()
        };
        let [x, y, z] = blocks;
        let block = (threads[0], threads[1], 1);
        let mut parameters = [(&raw mut arguments).cast::<c_void>()];
        // SAFETY: the kernel takes this one structure (`arguments.rs`), which the driver copies before it returns; what
        // its addresses reach was checked by `Cuda`.
        let launched = unsafe {
            driver::launch_kernel(function.0, (x, y, z), block, 0, self.0.stream.cu_stream(), &mut parameters)
        };
        self.must(name, launched);
    }

    fn product(&self, Product { m, n, k, a, b, c, c_lead }: Product) {
        let operation = |matrix: Matrix| match matrix.transposed {
            false => cublas_sys::cublasOperation_t::CUBLAS_OP_N,
            true => cublas_sys::cublasOperation_t::CUBLAS_OP_T,
        };
        let sides = [m, n, k, a.lead, b.lead, c_lead].map(|side| i32::try_from(side).ok());
        let [Some(m), Some(n), Some(k), Some(a_lead), Some(b_lead), Some(c_lead)] = sides else {
            DeviceFailure::Other(format!("cuBLAS counts to 2^31, found sides {sides:?}")).throw()
        };
        let (one, zero) = (1f32, 0f32);
        let float = cublas_sys::cudaDataType_t::CUDA_R_32F;
        let activation = match self.0.element {
            Element::F32 => float,
            Element::Bf16 => cublas_sys::cudaDataType_t::CUDA_R_16BF,
        };
        let [(of_a, a_type), (of_b, b_type), (c, c_type)] = [a.at, b.at, c].map(|values| match values {
            Values::Activations(at) => (at.0, activation),
            Values::F32(at) => (at.0, float),
        });
        let done = self.with_libraries(|libraries| {
            // SAFETY: `Cuda` checked that the matrices lie inside their memories; scalars lie on the host, cuBLAS's
            // default.
            unsafe {
                cublas::gemm_ex(
                    libraries.blas,
                    operation(a),
                    operation(b),
                    m,
                    n,
                    k,
                    (&raw const one).cast(),
                    of_a as *const c_void,
                    a_type,
                    a_lead,
                    of_b as *const c_void,
                    b_type,
                    b_lead,
                    (&raw const zero).cast(),
                    c as *mut c_void,
                    c_type,
                    c_lead,
                    libraries.compute,
                    cublas_sys::cublasGemmAlgo_t::CUBLAS_GEMM_DEFAULT,
                )
            }
        });
        self.must("a matrix product of cuBLAS", done);
    }

    fn convolve(&self, pass: ConvolutionPass, shape: ConvolutionShape, operands: Operands) {
        let allocate = |bytes: usize| self.allocate(bytes.div_ceil(size_of::<f32>()).max(1));
        let done = self
            .with_libraries(|libraries| libraries.convolutions.run(pass, shape, operands, &self.0.stream, allocate));
        match done {
            Ok(()) => {}
            Err(ConvolutionError::NoRoom { bytes }) => self.out_of_memory(bytes),
            Err(error) => DeviceFailure::Other(format!("{}: {error}", self.0.device)).throw(),
        }
    }
}

impl Drop for Opened {
    fn drop(&mut self) {
        // Nobody is left to hear what goes wrong here; the driver frees all that is left with the process.
        if take_up(&self.context).is_err() {
            return;
        }
        let libraries = self.libraries.get_mut().unwrap_or_else(PoisonError::into_inner);
        libraries.convolutions.close();
        let _ = self.stream.synchronize();
        self.staging.close();
        // SAFETY: both were made in `open`, and nothing uses them any more.
        unsafe {
            let _ = cublas::destroy_handle(libraries.blas);
            let _ = driver::module::unload(self.module.0);
        }
    }
}
