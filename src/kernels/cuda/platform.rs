//! What [`super::Cuda`] stands on: memory, launches, and the two operations that libraries do.

use super::arguments::{Activations, Address, Arguments, Element};
use crate::kernels::FeatureMap;

/// A GPU with its libraries, what counts its memory or, in tests, an emulation on the host. Work is done in the order
/// in which it is asked for.
///
/// Addresses are taken on trust: [`super::Cuda`] checks that what an operation reaches lies inside its memory.
pub trait Platform: Clone + Send + Sync + 'static {
    /// Memory, counted in f32.
    type Memory: Send;
    /// Values on their way from the host, in memory of their own. It is used again once it is dropped and the work
    /// asked for before that is done.
    type Staged: Send;

    /// What activations are made of.
    fn element(&self) -> Element;
    fn zeros(&self, len: usize) -> Self::Memory;
    /// Values that a memory holds.
    fn len(&self, memory: &Self::Memory) -> usize;
    /// Copies host values to the start of a memory that holds at least as many.
    fn upload(&self, values: &[f32], memory: &mut Self::Memory);
    /// Uploads values that are made for it; a platform that computes nothing does not ask for them.
    fn initialise(&self, memory: &mut Self::Memory, values: impl FnOnce() -> Vec<f32>) {
        self.upload(&values(), memory);
    }
    /// The first values of a memory, once all work before is done.
    fn download(&self, memory: &Self::Memory, len: usize) -> Vec<f32>;
    fn address(&self, memory: &Self::Memory) -> Address;
    /// Sends values off, beside the work that is under way.
    fn stage(&self, values: Vec<f32>) -> Self::Staged;
    fn staged_len(&self, staged: &Self::Staged) -> usize;
    /// Where staged values lie, for work that is asked for from now on: it waits until they are there.
    fn arrived(&self, staged: &Self::Staged) -> Address;
    /// Runs a kernel, for activations of this element, over a grid without an empty side.
    fn launch<A: Arguments>(&self, element: Element, grid: Grid, arguments: A);
    /// `c = a b`, as BLAS has it.
    fn product(&self, product: Product);
    /// One pass of a convolution.
    fn convolve(&self, pass: ConvolutionPass, shape: ConvolutionShape, operands: Operands);
}

/// Values that there is room for where `len` are staged: few sizes, so that memory is used again.
pub fn staged_capacity(len: usize) -> usize {
    const SMALLEST: usize = 4096;
    len.next_power_of_two().max(SMALLEST)
}

/// Blocks of a launch, and threads of a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Grid {
    pub blocks: [u32; 3],
    pub threads: [u32; 2],
}

/// `c [m, n] = a [m, k] b [k, n]`, all by columns: `lead` values from one column to the next.
#[derive(Clone, Copy, Debug)]
pub struct Product {
    pub m: usize,
    pub n: usize,
    pub k: usize,
    pub a: Matrix,
    pub b: Matrix,
    pub c: Values,
    pub c_lead: usize,
}

/// Where a matrix lies. Both factors of a product are of one kind.
#[derive(Clone, Copy, Debug)]
pub enum Values {
    Activations(Activations),
    /// Embeddings, and gradients of parameters: sums that are not rounded.
    F32(Address),
}

/// A matrix by columns.
#[derive(Clone, Copy, Debug)]
pub struct Matrix {
    pub at: Values,
    pub lead: usize,
    /// Whether what lies there is the transpose of what is meant.
    pub transposed: bool,
}

/// Which of the operands is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ConvolutionPass {
    /// `y`.
    Forward,
    /// `weight`, with the gradient, from `x` and the gradient `y`.
    Weight,
    /// `x`, with the gradient, from `weight` and the gradient `y`.
    Input,
}

/// Sides of a convolution.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ConvolutionShape {
    pub images: usize,
    pub input: FeatureMap,
    pub output: FeatureMap,
    pub kernel: usize,
    pub stride: usize,
    pub padding: usize,
}

/// `x` [images, height, width, channels] and `y` likewise; `weight` [output channel, kernel row, kernel column, input
/// channel], which is what cuDNN calls NHWC.
#[derive(Clone, Copy, Debug)]
pub struct Operands {
    pub x: Activations,
    pub weight: Activations,
    pub y: Activations,
}
