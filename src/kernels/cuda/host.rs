//! The platform of tests: every thread of every kernel runs on the host. The kernels are those that nvcc compiles, here
//! compiled by the C compiler; what libraries do on a GPU is done by its definition.

use std::ffi::{CString, c_char, c_int, c_uint, c_void};
use std::path::Path;
use std::process::Command;
use std::sync::{Mutex, OnceLock, PoisonError};

use super::arguments::{Address, Arguments, KERNELS};
use super::platform::{ConvolutionPass, ConvolutionShape, Grid, Matrix, Operands, Platform, Product};
use crate::kernels::FeatureMap;

type Emulate = extern "C" fn(*const c_void, *const c_void, *const c_uint, *const c_uint, c_int) -> c_int;

/// The compiled kernels.
struct Library {
    handle: usize,
    emulate: Emulate,
}

/// The emulation keeps the place of the running thread in variables of its own: one launch at a time.
static LAUNCH: Mutex<()> = Mutex::new(());

impl Library {
    fn get() -> &'static Library {
        static LIBRARY: OnceLock<Library> = OnceLock::new();
        LIBRARY.get_or_init(Library::compile)
    }

    fn compile() -> Library {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let file = folder.path().join("kernels.so");
        let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/kernels/cuda");
        let mut compiler = Command::new("cc");
        // As nvcc does with --fmad=false: every operation rounds.
        compiler.args(["-x", "c", "-std=gnu11", "-O2", "-Wall", "-Wextra", "-Werror", "-ffp-contract=off"]);
        // Threads jump between stacks, which a fortified longjmp takes for an attack.
        compiler.arg("-U_FORTIFY_SOURCE").args(["-shared", "-fPIC", "-o"]).arg(&file).arg("-I").arg(here.join("host"));
        let compiled = compiler.arg(here.join("source/all.cu")).arg("-lm").output().expect("cc, the C compiler");
        assert!(compiled.status.success(), "{}", String::from_utf8_lossy(&compiled.stderr));
        let path = CString::new(file.to_str().expect("a path in UTF-8")).expect("no zero byte");
        // SAFETY: the library was made by this process from this crate's sources.
        let handle = unsafe { libc::dlopen(path.as_ptr(), libc::RTLD_NOW) };
        assert!(!handle.is_null(), "the library of kernels cannot be loaded");
        let library = handle as usize;
        let address = symbol(library, "emulate");
        // SAFETY: that is the signature of `emulate` in emulation.h.
        Library { handle: library, emulate: unsafe { std::mem::transmute::<*mut c_void, Emulate>(address) } }
    }
}

fn symbol(library: usize, name: &str) -> *mut c_void {
    let text = CString::new(name).expect("no zero byte");
    // SAFETY: the handle is of a library that stays loaded.
    let found = unsafe { libc::dlsym(library as *mut c_void, text.as_ptr().cast::<c_char>()) };
    assert!(!found.is_null(), "there is no kernel {name}");
    found
}

/// An emulated GPU.
#[derive(Clone, Copy, Debug)]
pub struct Host {
    /// Whether blocks and threads go on in the opposite order. No result may depend on it.
    pub backwards: bool,
}

/// Values of `len` f32 at an address.
fn values<'a>(at: Address, len: usize) -> &'a [f32] {
    // SAFETY: `Cuda` hands out addresses inside memories that outlive the operation.
    unsafe { std::slice::from_raw_parts(at.0 as *const f32, len) }
}

fn values_mut<'a>(at: Address, len: usize) -> &'a mut [f32] {
    // SAFETY: as above; an operation writes to one of its operands, which overlaps no other.
    unsafe { std::slice::from_raw_parts_mut(at.0 as *mut f32, len) }
}

impl Matrix {
    fn value(self, row: usize, column: usize) -> f64 {
        let (row, column) = if self.transposed { (column, row) } else { (row, column) };
        f64::from(values(self.at.plus(column * self.lead + row), 1)[0])
    }
}

impl Platform for Host {
    type Memory = Vec<f32>;
    type Staged = Vec<f32>;

    fn zeros(&self, len: usize) -> Vec<f32> {
        vec![0.0; len]
    }

    fn len(&self, memory: &Vec<f32>) -> usize {
        memory.len()
    }

    fn upload(&self, values: &[f32], memory: &mut Vec<f32>) {
        memory[..values.len()].copy_from_slice(values);
    }

    fn download(&self, memory: &Vec<f32>, len: usize) -> Vec<f32> {
        memory[..len].to_vec()
    }

    fn address(&self, memory: &Vec<f32>) -> Address {
        Address(memory.as_ptr() as u64)
    }

    fn stage(&self, values: Vec<f32>) -> Vec<f32> {
        values
    }

    fn staged_len(&self, staged: &Vec<f32>) -> usize {
        staged.len()
    }

    fn arrived(&self, staged: &Vec<f32>) -> Address {
        self.address(staged)
    }

    fn launch<A: Arguments>(&self, grid: Grid, arguments: A) {
        let library = Library::get();
        let kernel = symbol(library.handle, A::KERNEL);
        let _one = LAUNCH.lock().unwrap_or_else(PoisonError::into_inner);
        let arguments = (&raw const arguments).cast::<c_void>();
        let (blocks, threads) = (grid.blocks.as_ptr(), grid.threads.as_ptr());
        let ended = (library.emulate)(kernel, arguments, blocks, threads, c_int::from(self.backwards));
        assert_eq!(ended, 0, "{}: threads of a block did not all meet, or are too many", A::KERNEL);
    }

    fn product(&self, Product { m, n, k, a, b, c, c_lead }: Product) {
        for column in 0..n {
            for (row, c) in values_mut(c.plus(column * c_lead), m).iter_mut().enumerate() {
                *c = (0..k).map(|at| a.value(row, at) * b.value(at, column)).sum::<f64>() as f32;
            }
        }
    }

    fn convolve(&self, pass: ConvolutionPass, shape: ConvolutionShape, Operands { x, weight, y }: Operands) {
        let ConvolutionShape { images, input, output, kernel, .. } = shape;
        let taps = kernel * kernel * input.channels;
        let lens = (images * input.len(), taps * output.channels, images * output.len());
        let written = match pass {
            ConvolutionPass::Forward => y,
            ConvolutionPass::Weight => weight,
            ConvolutionPass::Input => x,
        };
        let [x, weight, y] = [(x, lens.0), (weight, lens.1), (y, lens.2)].map(|(at, len)| (at, values(at, len)));
        let mut sums = vec![0f64; [x, weight, y].iter().find(|(at, _)| *at == written).map_or(0, |(_, v)| v.len())];
        let [x, weight, y] =
            [x.1, weight.1, y.1].map(|values| values.iter().map(|v| f64::from(*v)).collect::<Vec<_>>());
        products(shape, |x_at, weight_at, y_at| match pass {
            ConvolutionPass::Forward => sums[y_at] += x[x_at] * weight[weight_at],
            ConvolutionPass::Weight => sums[weight_at] += x[x_at] * y[y_at],
            ConvolutionPass::Input => sums[x_at] += weight[weight_at] * y[y_at],
        });
        values_mut(written, sums.len()).iter_mut().zip(sums).for_each(|(to, sum)| *to = sum as f32);
    }
}

/// Every product that a convolution sums: the places of its value of x, of the weight and of y.
fn products(shape: ConvolutionShape, mut visit: impl FnMut(usize, usize, usize)) {
    let ConvolutionShape { images, input, output, kernel, stride, padding } = shape;
    let inside = |at: usize, side: usize| at.checked_sub(padding).filter(|at| *at < side);
    let FeatureMap { channels, .. } = input;
    for (image, place) in (0..images * output.pixels()).map(|at| (at / output.pixels(), at % output.pixels())) {
        let (top, left) = (place / output.width * stride, place % output.width * stride);
        for tap in 0..kernel * kernel {
            let row = inside(top + tap / kernel, input.height);
            let Some((row, column)) = row.zip(inside(left + tap % kernel, input.width)) else { continue };
            let from = ((image * input.height + row) * input.width + column) * channels;
            for to in 0..output.channels {
                for channel in 0..channels {
                    let weight = (to * kernel * kernel + tap) * channels + channel;
                    visit(from + channel, weight, (image * output.pixels() + place) * output.channels + to);
                }
            }
        }
    }
}

#[test]
fn every_kernel_is_there_under_its_name() {
    let library = Library::get();
    for name in KERNELS {
        symbol(library.handle, name);
    }
}
