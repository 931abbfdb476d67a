//! Results of cuDNN's rankings of algorithms: each pass has a type of its own, with the same fields.

use cudarc::cudnn::sys;

pub(super) trait Ranked {
    type Kind;
    fn kind(&self) -> Self::Kind;
    fn succeeds(&self) -> bool;
    fn is_deterministic(&self) -> bool;
    fn math(&self) -> sys::cudnnMathType_t;
    /// Bytes.
    fn memory(&self) -> usize;
}

macro_rules! ranked {
    ($($result:ident of $kind:ident),*) => {
        $(impl Ranked for sys::$result {
            type Kind = sys::$kind;

            fn kind(&self) -> sys::$kind {
                self.algo
            }

            fn succeeds(&self) -> bool {
                self.status == sys::cudnnStatus_t::CUDNN_STATUS_SUCCESS
            }

            fn is_deterministic(&self) -> bool {
                self.determinism == sys::cudnnDeterminism_t::CUDNN_DETERMINISTIC
            }

            fn math(&self) -> sys::cudnnMathType_t {
                self.mathType
            }

            fn memory(&self) -> usize {
                self.memory
            }
        })*
    };
}

ranked!(
    cudnnConvolutionFwdAlgoPerf_t of cudnnConvolutionFwdAlgo_t,
    cudnnConvolutionBwdFilterAlgoPerf_t of cudnnConvolutionBwdFilterAlgo_t,
    cudnnConvolutionBwdDataAlgoPerf_t of cudnnConvolutionBwdDataAlgo_t
);
