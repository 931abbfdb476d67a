//! What cuDNN answers when it ranks algorithms: each pass has a type of its own, with the same fields.

use cudarc::cudnn::sys;

use super::ranking::Answer;

pub(super) trait Ranked {
    type Kind: Copy;

    /// The answer, where `workspace` asks for the bytes that an algorithm needs.
    fn answer<A>(
        &self,
        algorithm: impl Fn(Self::Kind) -> A,
        workspace: impl Fn(Self::Kind) -> Result<usize, String>,
    ) -> Answer<A, sys::cudnnMathType_t>;
}

macro_rules! ranked {
    ($($result:ident of $kind:ident),*) => {
        $(impl Ranked for sys::$result {
            type Kind = sys::$kind;

            fn answer<A>(
                &self,
                algorithm: impl Fn(sys::$kind) -> A,
                workspace: impl Fn(sys::$kind) -> Result<usize, String>,
            ) -> Answer<A, sys::cudnnMathType_t> {
                let refused = self.status != sys::cudnnStatus_t::CUDNN_STATUS_SUCCESS;
                let workspace = if refused { Err(format!("{:?}", self.status)) } else { workspace(self.algo) };
                Answer {
                    algorithm: algorithm(self.algo),
                    math: self.mathType,
                    is_deterministic: self.determinism == sys::cudnnDeterminism_t::CUDNN_DETERMINISTIC,
                    workspace: workspace.map(|bytes| bytes.max(self.memory)),
                }
            }
        })*
    };
}

ranked!(
    cudnnConvolutionFwdAlgoPerf_t of cudnnConvolutionFwdAlgo_t,
    cudnnConvolutionBwdFilterAlgoPerf_t of cudnnConvolutionBwdFilterAlgo_t,
    cudnnConvolutionBwdDataAlgoPerf_t of cudnnConvolutionBwdDataAlgo_t
);
