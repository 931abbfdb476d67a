//! cuDNN's convolutions. Has not run on a GPU yet.
//!
//! Descriptors and algorithms of a shape are found once. The algorithm is the first of cuDNN's own ranking that is
//! deterministic, finds room for its workspace and is not refused when it is run: the ranking measures nothing, so that
//! a run with the same libraries on the same GPU, with memory enough, has the same bits.

use std::collections::HashMap;
use std::ffi::{c_int, c_void};
use std::mem::MaybeUninit;
use std::sync::Arc;

use cudarc::cudnn::result::{self as cudnn, CudnnError};
use cudarc::cudnn::sys;
use cudarc::driver::{CudaSlice, CudaStream, DevicePtr};
use thiserror::Error;

use super::answers::Ranked;
use super::platform::{ConvolutionPass, ConvolutionShape, Operands};
use super::ranking::{self, Answer, Ranking, Reason};
use crate::kernels::{FeatureMap, Precision};

/// Algorithms asked for: more than there are of any kind.
const ALGORITHMS: usize = 16;
/// What is summed up.
const FLOAT: sys::cudnnDataType_t = sys::cudnnDataType_t::CUDNN_DATA_FLOAT;
const NHWC: sys::cudnnTensorFormat_t = sys::cudnnTensorFormat_t::CUDNN_TENSOR_NHWC;

/// Why a convolution was not done.
#[derive(Debug, Error)]
pub(super) enum ConvolutionError {
    #[error("cuDNN failed at {what} of {shape:?}: {error:?}")]
    Failed { what: &'static str, shape: ConvolutionShape, error: CudnnError },
    #[error("cuDNN has no deterministic algorithm in {precision} for {pass:?} of {shape:?} ({passed_over})")]
    NoAlgorithm { precision: Precision, pass: ConvolutionPass, shape: ConvolutionShape, passed_over: String },
    /// Of the workspaces that its algorithms need, for the smallest one.
    #[error("there is no room for a workspace of {bytes} bytes")]
    NoRoom { bytes: usize },
    #[error("cuDNN counts to 2^31, found {shape:?}")]
    TooLarge { shape: ConvolutionShape },
}

/// A handle of cuDNN and what was found out with it.
pub(super) struct Convolutions {
    handle: sys::cudnnHandle_t,
    precision: Precision,
    known: HashMap<(ConvolutionPass, ConvolutionShape), Known>,
    /// The largest workspace so far; used by one convolution after another.
    workspace: Option<CudaSlice<f32>>,
}

/// Descriptors of one pass, and its algorithms.
struct Known {
    x: sys::cudnnTensorDescriptor_t,
    y: sys::cudnnTensorDescriptor_t,
    weight: sys::cudnnFilterDescriptor_t,
    window: sys::cudnnConvolutionDescriptor_t,
    ranking: Ranking<Algorithm, sys::cudnnMathType_t>,
}

type Candidate = ranking::Candidate<Algorithm, sys::cudnnMathType_t>;

#[derive(Clone, Copy, Debug, PartialEq)]
enum Algorithm {
    Forward(sys::cudnnConvolutionFwdAlgo_t),
    Weight(sys::cudnnConvolutionBwdFilterAlgo_t),
    Input(sys::cudnnConvolutionBwdDataAlgo_t),
}

/// Whether cuDNN says, in one of its many ways, that it does not do this: since version 9 the thousands of a status are
/// its category.
fn is_not_supported(status: sys::cudnnStatus_t) -> bool {
    status as u32 / 1000 == sys::cudnnStatus_t::CUDNN_STATUS_NOT_SUPPORTED as u32 / 1000
}

impl Convolutions {
    /// The context of the stream has to be current.
    pub fn open(stream: &Arc<CudaStream>, precision: Precision) -> Result<Convolutions, CudnnError> {
        let handle = cudnn::create_handle()?;
        // SAFETY: both are alive.
        unsafe { cudnn::set_stream(handle, stream.cu_stream().cast()) }?;
        Ok(Convolutions { handle, precision, known: HashMap::new(), workspace: None })
    }

    /// One pass; `allocate` gives a workspace of at least so many bytes, or none where there is no room. The context
    /// has to be current.
    pub fn run(
        &mut self,
        pass: ConvolutionPass,
        shape: ConvolutionShape,
        operands: Operands,
        stream: &Arc<CudaStream>,
        allocate: impl Fn(usize) -> Option<CudaSlice<f32>>,
    ) -> Result<(), ConvolutionError> {
        if !self.known.contains_key(&(pass, shape)) {
            let known = self.find_out(pass, shape)?;
            self.known.insert((pass, shape), known);
        }
        let known = self.known.get_mut(&(pass, shape)).expect("what was put there");
        while let Some(candidate) = known.ranking.first() {
            let bytes = candidate.workspace;
            if self.workspace.as_ref().is_none_or(|workspace| workspace.num_bytes() < bytes) {
                // The old one goes first: there may be no room for both.
                self.workspace = None;
                self.workspace = allocate(bytes);
            }
            let Some(workspace) = &self.workspace else {
                known.ranking.pass_over(Reason::NoRoom(bytes));
                continue;
            };
            let workspace = workspace.device_ptr(stream).0 as *mut c_void;
            match known.attempt(self.handle, self.precision, candidate, operands, workspace) {
                Ok(()) => return Ok(()),
                Err(CudnnError(sys::cudnnStatus_t::CUDNN_STATUS_INTERNAL_ERROR_DEVICE_ALLOCATION_FAILED)) => {
                    known.ranking.pass_over(Reason::NoRoom(bytes));
                }
                Err(CudnnError(status)) if is_not_supported(status) => {
                    known.ranking.pass_over(Reason::Refused(format!("{status:?}")));
                }
                Err(error) => return Err(ConvolutionError::Failed { what: "a pass", shape, error }),
            }
        }
        if let Some(bytes) = known.ranking.least_without_room() {
            return Err(ConvolutionError::NoRoom { bytes });
        }
        let passed_over = known.ranking.passed_over();
        Err(ConvolutionError::NoAlgorithm { precision: self.precision, pass, shape, passed_over })
    }

    fn find_out(&self, pass: ConvolutionPass, shape: ConvolutionShape) -> Result<Known, ConvolutionError> {
        let (x, y) = (self.tensor(shape, shape.input)?, self.tensor(shape, shape.output)?);
        let (weight, window) = self.filter(shape)?;
        let (asked, handle) = (ALGORITHMS as c_int, self.handle);
        // SAFETY: all descriptors are alive; each list has room for as many results as are asked for.
        let ranking = unsafe {
            match pass {
                ConvolutionPass::Forward => self.rank(
                    |n, list| cudnn::get_convolution_forward_algorithm(handle, x, weight, window, y, asked, n, list),
                    |one| cudnn::get_convolution_forward_workspace_size(handle, x, weight, window, y, one),
                    Algorithm::Forward,
                    &[
                        sys::cudnnConvolutionFwdAlgo_t::CUDNN_CONVOLUTION_FWD_ALGO_IMPLICIT_PRECOMP_GEMM,
                        sys::cudnnConvolutionFwdAlgo_t::CUDNN_CONVOLUTION_FWD_ALGO_IMPLICIT_GEMM,
                    ],
                ),
                ConvolutionPass::Weight => self.rank(
                    |n, list| {
                        cudnn::get_convolution_backward_filter_algorithm(handle, x, y, window, weight, asked, n, list)
                    },
                    |one| cudnn::get_convolution_backward_filter_workspace_size(handle, x, y, window, weight, one),
                    Algorithm::Weight,
                    &[sys::cudnnConvolutionBwdFilterAlgo_t::CUDNN_CONVOLUTION_BWD_FILTER_ALGO_1],
                ),
                ConvolutionPass::Input => self.rank(
                    |n, list| {
                        cudnn::get_convolution_backward_data_algorithm(handle, weight, y, window, x, asked, n, list)
                    },
                    |one| cudnn::get_convolution_backward_data_workspace_size(handle, weight, y, window, x, one),
                    Algorithm::Input,
                    &[sys::cudnnConvolutionBwdDataAlgo_t::CUDNN_CONVOLUTION_BWD_DATA_ALGO_1],
                ),
            }
        };
        let what = "ranking its algorithms";
        let ranking = ranking.map_err(|error| ConvolutionError::Failed { what, shape, error })?;
        Ok(Known { x, y, weight, window, ranking })
    }

    /// The type of pictures and weights.
    fn operands(&self) -> sys::cudnnDataType_t {
        match self.precision {
            Precision::F32 | Precision::Tf32 => FLOAT,
            Precision::Bf16 => sys::cudnnDataType_t::CUDNN_DATA_BFLOAT16,
        }
    }

    fn tensor(
        &self,
        shape: ConvolutionShape,
        map: FeatureMap,
    ) -> Result<sys::cudnnTensorDescriptor_t, ConvolutionError> {
        let failed = |error| ConvolutionError::Failed { what: "describing pictures", shape, error };
        let sides = sides(shape, [shape.images, map.channels, map.height, map.width])?;
        let made = cudnn::create_tensor_descriptor().map_err(failed)?;
        // SAFETY: it was made just now. Sides are in the order N, C, H, W whatever the format.
        unsafe { cudnn::set_tensor4d_descriptor(made, NHWC, self.operands(), sides) }.map_err(failed)?;
        Ok(made)
    }

    fn filter(
        &self,
        shape: ConvolutionShape,
    ) -> Result<(sys::cudnnFilterDescriptor_t, sys::cudnnConvolutionDescriptor_t), ConvolutionError> {
        let failed = |error| ConvolutionError::Failed { what: "describing its weights", shape, error };
        let ConvolutionShape { input, output, kernel, stride, padding, .. } = shape;
        let filter = sides(shape, [output.channels, input.channels, kernel, kernel])?;
        let [padding, stride] = sides(shape, [padding, stride])?;
        let math = self.math();
        let mode = sys::cudnnConvolutionMode_t::CUDNN_CROSS_CORRELATION;
        let weight = cudnn::create_filter_descriptor().map_err(failed)?;
        let window = cudnn::create_convolution_descriptor().map_err(failed)?;
        // SAFETY: both were made just now. Sides are in the order K, C, H, W; in memory they lie K, H, W, C.
        unsafe {
            cudnn::set_filter4d_descriptor(weight, self.operands(), NHWC, filter).map_err(failed)?;
            cudnn::set_convolution2d_descriptor(window, padding, padding, stride, stride, 1, 1, mode, FLOAT)
                .map_err(failed)?;
            cudnn::set_convolution_math_type(window, math).map_err(failed)?;
        }
        Ok((weight, window))
    }

    /// The arithmetic that is asked for.
    fn math(&self) -> sys::cudnnMathType_t {
        match self.precision {
            Precision::F32 => sys::cudnnMathType_t::CUDNN_FMA_MATH,
            // For f32 operands, what allows TF32.
            Precision::Tf32 => sys::cudnnMathType_t::CUDNN_DEFAULT_MATH,
            Precision::Bf16 => sys::cudnnMathType_t::CUDNN_TENSOR_OP_MATH,
        }
    }

    /// Whether the run may multiply so.
    fn fits(&self, math: sys::cudnnMathType_t) -> bool {
        let exact = matches!(math, sys::cudnnMathType_t::CUDNN_FMA_MATH | sys::cudnnMathType_t::CUDNN_DEFAULT_MATH);
        // What would convert f32 to half.
        let coarser = sys::cudnnMathType_t::CUDNN_TENSOR_OP_MATH_ALLOW_CONVERSION;
        exact || (self.precision != Precision::F32 && math != coarser)
    }

    /// Asks cuDNN for its ranking; `known` are algorithms that its documentation calls deterministic.
    fn rank<T: Ranked>(
        &self,
        ask: impl FnOnce(*mut c_int, *mut T) -> Result<(), CudnnError>,
        workspace: impl Fn(T::Kind) -> Result<usize, CudnnError>,
        algorithm: impl Fn(T::Kind) -> Algorithm,
        known: &[T::Kind],
    ) -> Result<Ranking<Algorithm, sys::cudnnMathType_t>, CudnnError> {
        let mut list: Vec<MaybeUninit<T>> = Vec::new();
        list.resize_with(ALGORITHMS, MaybeUninit::uninit);
        let mut count = 0;
        ask(&raw mut count, list.as_mut_ptr().cast())?;
        list.truncate(count.max(0) as usize);
        // SAFETY: cuDNN filled the first `count`.
        let ranked = list.iter().map(|result| unsafe { result.assume_init_ref() });
        let workspace = |kind| workspace(kind).map_err(|CudnnError(status)| format!("{status:?}"));
        let ranked = ranked.map(|result| result.answer(&algorithm, workspace));
        let known = known.iter().map(|kind| Answer {
            algorithm: algorithm(*kind),
            math: self.math(),
            is_deterministic: true,
            workspace: workspace(*kind),
        });
        Ok(Ranking::new(ranked, known, |math| self.fits(math)))
    }

    /// Gives everything back. The context has to be current.
    pub fn close(&mut self) {
        self.workspace = None;
        // SAFETY: each was made in `find_out` or `open`, and nothing uses it any more. There is nobody to tell of
        // errors.
        unsafe {
            for (_, known) in self.known.drain() {
                let _ = cudnn::destroy_tensor_descriptor(known.x);
                let _ = cudnn::destroy_tensor_descriptor(known.y);
                let _ = cudnn::destroy_filter_descriptor(known.weight);
                let _ = cudnn::destroy_convolution_descriptor(known.window);
            }
            let _ = cudnn::destroy_handle(self.handle);
        }
    }
}

impl Known {
    /// Runs an algorithm.
    fn attempt(
        &self,
        handle: sys::cudnnHandle_t,
        precision: Precision,
        Candidate { algorithm, workspace: bytes, math }: Candidate,
        operands: Operands,
        workspace: *mut c_void,
    ) -> Result<(), CudnnError> {
        let Known { x: of_x, y: of_y, weight: of_weight, window, .. } = *self;
        let [x, weight, y] = [operands.x, operands.weight, operands.y].map(|at| at.0 as *mut c_void);
        let (one, zero) = (1f32, 0f32);
        let (one, zero) = ((&raw const one).cast::<c_void>(), (&raw const zero).cast::<c_void>());
        // SAFETY: descriptors live as long as the handle; `Cuda` checked that operands hold what they describe, and the
        // workspace has the bytes that the algorithm asked for.
        unsafe {
            if precision != Precision::F32 {
                // An algorithm goes with the arithmetic that it was ranked for.
                cudnn::set_convolution_math_type(window, math)?;
            }
            match algorithm {
                Algorithm::Forward(kind) => cudnn::convolution_forward(
                    handle, one, of_x, x, of_weight, weight, window, kind, workspace, bytes, zero, of_y, y,
                ),
                Algorithm::Weight(kind) => cudnn::convolution_backward_filter(
                    handle, one, of_x, x, of_y, y, window, kind, workspace, bytes, zero, of_weight, weight,
                ),
                Algorithm::Input(kind) => cudnn::convolution_backward_data(
                    handle, one, of_weight, weight, of_y, y, window, kind, workspace, bytes, zero, of_x, x,
                ),
            }
        }
    }
}

/// Numbers as cuDNN takes them.
fn sides<const N: usize>(shape: ConvolutionShape, sides: [usize; N]) -> Result<[c_int; N], ConvolutionError> {
    let mut numbers = [0; N];
    for (number, side) in numbers.iter_mut().zip(sides) {
        *number = c_int::try_from(side).map_err(|_| ConvolutionError::TooLarge { shape })?;
    }
    Ok(numbers)
}
