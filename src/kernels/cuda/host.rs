//! The platform of tests: every thread of every kernel runs on the host. The kernels are those that nvcc compiles, here
//! compiled by the C compiler; what libraries do on a GPU is done by its definition, with the rounding of a precision.

use std::ffi::{CString, c_char, c_int, c_uint, c_void};
use std::path::Path;
use std::process::Command;
use std::sync::{Mutex, OnceLock, PoisonError};

use super::arguments::{Activations, Address, Arguments, Element, KERNELS};
use super::platform::{ConvolutionPass, ConvolutionShape, Grid, Matrix, Operands, Platform, Product, Values};
use crate::kernels::{FeatureMap, Precision, Storage};

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
    pub precision: Precision,
    /// Whether TF32 is what is left of factors when their lower bits are cut off, not the nearest: PTX leaves it open.
    pub cuts: bool,
    /// Whether blocks and threads go on in the opposite order. No result may depend on it.
    pub backwards: bool,
}

/// Values of `len` words at an address.
fn words<'a, T>(at: u64, len: usize) -> &'a [T] {
    // SAFETY: `Cuda` hands out addresses inside memories that outlive the operation.
    unsafe { std::slice::from_raw_parts(at as *const T, len) }
}

fn words_mut<'a, T>(at: u64, len: usize) -> &'a mut [T] {
    // SAFETY: as above; an operation writes to one of its operands, which overlaps no other.
    unsafe { std::slice::from_raw_parts_mut(at as *mut T, len) }
}

impl Host {
    pub fn new(precision: Precision) -> Host {
        Host { precision, cuts: false, backwards: false }
    }

    /// What a product of f32 multiplies.
    fn f32_factor(self, value: f32) -> f32 {
        match self.precision {
            Precision::Tf32 if self.cuts => f32::from_bits(value.to_bits() & !0x1fff),
            Precision::Tf32 => self.precision.rounded(value),
            Precision::F32 | Precision::Bf16 => value,
        }
    }

    /// `len` activations, `start` others on, as factors.
    fn factors(self, at: Activations, start: usize, len: usize) -> Vec<f64> {
        let at = Activations::of(Address(at.0), start, self.element()).0;
        match self.element() {
            Element::F32 => words(at, len).iter().map(|value| f64::from(self.f32_factor(*value))).collect(),
            Element::Bf16 => {
                let widened = |upper: &u16| f64::from(f32::from_bits(u32::from(*upper) << 16));
                words(at, len).iter().map(widened).collect()
            }
        }
    }

    /// Writes sums as activations, `start` others on.
    fn write(self, sums: &[f64], at: Activations, start: usize) {
        let at = Activations::of(Address(at.0), start, self.element()).0;
        match self.element() {
            Element::F32 => write_f32(sums, at),
            Element::Bf16 => {
                let upper = |sum: f64| (self.precision.rounded(sum as f32).to_bits() >> 16) as u16;
                words_mut(at, sums.len()).iter_mut().zip(sums).for_each(|(to, sum)| *to = upper(*sum));
            }
        }
    }

    /// The columns of a matrix, or its rows where the transpose of what is meant lies there.
    fn matrix(self, Matrix { at, lead, transposed }: Matrix, rows: usize, columns: usize) -> Vec<Vec<f64>> {
        let (along, count) = if transposed { (columns, rows) } else { (rows, columns) };
        let line = |line: usize| match at {
            Values::Activations(at) => self.factors(at, line * lead, along),
            Values::F32(at) => {
                words(at.plus(line * lead).0, along).iter().map(|value| f64::from(self.f32_factor(*value))).collect()
            }
        };
        (0..count).map(line).collect()
    }
}

fn write_f32(sums: &[f64], at: u64) {
    words_mut(at, sums.len()).iter_mut().zip(sums).for_each(|(to, sum)| *to = *sum as f32);
}

impl Platform for Host {
    type Memory = Vec<f32>;
    type Staged = Vec<f32>;

    fn element(&self) -> Element {
        self.precision.into()
    }

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

    fn launch<A: Arguments>(&self, element: Element, grid: Grid, arguments: A) {
        let library = Library::get();
        let name = A::kernel(element);
        let kernel = symbol(library.handle, name);
        let _one = LAUNCH.lock().unwrap_or_else(PoisonError::into_inner);
        let arguments = (&raw const arguments).cast::<c_void>();
        let (blocks, threads) = (grid.blocks.as_ptr(), grid.threads.as_ptr());
        let ended = (library.emulate)(kernel, arguments, blocks, threads, c_int::from(self.backwards));
        assert_eq!(ended, 0, "{name}: threads of a block did not all meet, or are too many");
    }

    fn product(&self, Product { m, n, k, a, b, c, c_lead }: Product) {
        let (left, right) = (self.matrix(a, m, k), self.matrix(b, k, n));
        let of = |matrix: &[Vec<f64>], transposed: bool, row: usize, column: usize| match transposed {
            false => matrix[column][row],
            true => matrix[row][column],
        };
        for column in 0..n {
            let product = |row, at| of(&left, a.transposed, row, at) * of(&right, b.transposed, at, column);
            let sums: Vec<f64> = (0..m).map(|row| (0..k).map(|at| product(row, at)).sum()).collect();
            match c {
                Values::Activations(c) => self.write(&sums, c, column * c_lead),
                Values::F32(c) => write_f32(&sums, c.plus(column * c_lead).0),
            }
        }
    }

    fn convolve(&self, pass: ConvolutionPass, shape: ConvolutionShape, Operands { x, weight, y }: Operands) {
        let ConvolutionShape { images, input, output, kernel, .. } = shape;
        let taps = kernel * kernel * input.channels;
        let [of_x, of_weight, of_y] = [images * input.len(), taps * output.channels, images * output.len()];
        let (written, len) = match pass {
            ConvolutionPass::Forward => (y, of_y),
            ConvolutionPass::Weight => (weight, of_weight),
            ConvolutionPass::Input => (x, of_x),
        };
        let mut sums = vec![0f64; len];
        let [x, weight, y] = [(x, of_x), (weight, of_weight), (y, of_y)].map(|(at, len)| self.factors(at, 0, len));
        products(shape, |x_at, weight_at, y_at| match pass {
            ConvolutionPass::Forward => sums[y_at] += x[x_at] * weight[weight_at],
            ConvolutionPass::Weight => sums[weight_at] += x[x_at] * y[y_at],
            ConvolutionPass::Input => sums[x_at] += weight[weight_at] * y[y_at],
        });
        self.write(&sums, written, 0);
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

/// Every pattern of the upper bits, with lower bits below, at and above half a step.
#[test]
fn kernels_round_to_bfloat16_as_it_is_defined() {
    let host = Host::new(Precision::Bf16);
    let lower = [0u32, 1, 0x7fff, 0x8000, 0x8001, 0xffff];
    let values: Vec<f32> =
        (0..=0xffffu32).flat_map(|upper| lower.map(|lower| f32::from_bits(upper << 16 | lower))).collect();
    let cuda = super::Cuda::new(host);
    let mut buffer = cuda.activations(values.len());
    cuda.upload(&values, &mut buffer);
    for (found, value) in cuda.download(&buffer, values.len()).into_iter().zip(values) {
        let expected = host.precision.rounded(value);
        assert!(found == expected || (found.is_nan() && value.is_nan()), "{value} became {found}, not {expected}");
        assert!(found.is_nan() || found.is_sign_negative() == value.is_sign_negative());
    }
}
