//! The operations that training spends its time in: one face, and a device's kernels behind it.
//!
//! Memory is flat buffers on the device: of f32, but for activations ([`Storage::activations`]). Parameters of a
//! network lie in one buffer and are addressed by [`Span`]; so do their gradients, at the same places. Activations
//! `[rows, features]` lie feature by feature, all rows of one before the next: a linear layer then needs no transposed
//! copy of its weights, BatchNorm reduces stretches of memory, and max-out compares them. Activations of pictures
//! `[images, height, width, channels]` lie pixel by pixel, all channels of one before the next, and the weights of a
//! convolution as `[kernel row, kernel column, input channel, output channel]`: vectors run over channels, whatever the
//! sides and the stride. Average pooling turns the one into the other. Embeddings, in f32, lie row by row. Every kernel
//! gives the same bits for any number of threads.

pub mod collective;
pub mod cpu;
pub mod cuda;
pub mod definitions;
pub mod device;
mod embeddings;
mod rounding;
mod row_mix;
mod storage;

pub use crate::recipe::Precision;
pub use cpu::Cpu;
pub use device::{Device, DeviceError, DeviceFailure};
pub use embeddings::{
    CrossEntropy, EmbeddingKernels, LabelOutside, LeftOut, QueryRows, SHORTEST, SoftLabels, normalise_rows,
};
pub use row_mix::RowMix;
pub use storage::Storage;

/// A stretch of a flat buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    pub start: usize,
    pub len: usize,
}

impl Span {
    pub fn range(self) -> std::ops::Range<usize> {
        self.start..self.start + self.len
    }
}

/// Neighbouring features of a matrix of activations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Features {
    pub start: usize,
    pub count: usize,
}

impl Features {
    /// The first `count`.
    pub fn first(count: usize) -> Features {
        Features { start: 0, count }
    }
}

/// A linear layer between features of two matrices: `y = x w^T + b`, `w` being `[y.count, x.count]` by rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Linear {
    pub weight: Span,
    pub bias: Span,
    pub x: Features,
    pub y: Features,
}

/// BatchNorm over the rows of each replica's share, with the bias of the linear layer before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatchNorm {
    pub width: usize,
    /// Of the linear layer; a convolution has none. It shifts the mean and nothing else, so it is left out of `y` and
    /// added to the running mean.
    pub bias: Option<Span>,
    pub scale: Span,
    pub shift: Span,
    /// In the buffer of statistics.
    pub running_mean: Span,
    /// In the buffer of statistics; unbiased.
    pub running_variance: Span,
    pub relu: bool,
}

/// The largest of each `pieces` neighbouring features (Goodfellow et al., 2013).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MaxOut {
    pub outputs: usize,
    pub pieces: usize,
}

/// Sides and channels of the pictures that a layer reads or writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FeatureMap {
    pub height: usize,
    pub width: usize,
    pub channels: usize,
}

impl FeatureMap {
    pub fn pixels(self) -> usize {
        self.height * self.width
    }

    /// Values of one picture.
    pub fn len(self) -> usize {
        self.pixels() * self.channels
    }

    pub fn is_empty(self) -> bool {
        self.len() == 0
    }

    /// What comes out of a square window of side `kernel` that moves over it.
    pub fn windowed(self, kernel: usize, stride: usize, padding: usize, channels: usize) -> FeatureMap {
        let side = |side: usize| (side + 2 * padding - kernel) / stride + 1;
        FeatureMap { height: side(self.height), width: side(self.width), channels }
    }
}

/// A convolution without bias, over pictures with a border of `padding` zeros.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Convolution {
    /// `[kernel, kernel, input.channels, output.channels]`.
    pub weight: Span,
    /// Side of the square window.
    pub kernel: usize,
    pub stride: usize,
    pub padding: usize,
    pub input: FeatureMap,
    pub output: FeatureMap,
}

/// The largest of each square window; the border counts as smaller than anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MaxPool {
    pub kernel: usize,
    pub stride: usize,
    pub padding: usize,
    pub input: FeatureMap,
    pub output: FeatureMap,
}

/// Added to variances, as PyTorch does.
pub const EPSILON: f32 = 1e-5;
/// Share of a new batch in the running statistics, as PyTorch has it.
pub const RUNNING_SHARE: f32 = 0.1;

/// The kernels of a device over activations; with those over embeddings it has everything that training needs. Of the
/// arguments, those are [`Storage::activations`] that have rows, pixels or pictures, and scratch.
pub trait Kernels: EmbeddingKernels {
    /// `y = x w^T`, and `+ b` where `with_bias`. The bias is left out before BatchNorm, which takes it up.
    fn linear(
        &self,
        layer: &Linear,
        rows: usize,
        parameters: &Self::Buffer,
        x: &Self::Buffer,
        y: &mut Self::Buffer,
        with_bias: bool,
    );
    /// `dw = dy^T x` and, where `with_bias`, `db` = the sums of `dy` over rows; else `db` = 0. Overwrites both, and the
    /// first `rows` x `x.count` values of `scratch`.
    #[allow(clippy::too_many_arguments)]
    fn linear_gradient(
        &self,
        layer: &Linear,
        rows: usize,
        x: &Self::Buffer,
        dy: &Self::Buffer,
        scratch: &mut Self::Buffer,
        gradient: &mut Self::Buffer,
        with_bias: bool,
    );
    /// `dx = dy w`.
    fn linear_input_gradient(
        &self,
        layer: &Linear,
        rows: usize,
        parameters: &Self::Buffer,
        dy: &Self::Buffer,
        dx: &mut Self::Buffer,
    );

    /// Normalises `x` `[rows, width]` into `y` by the statistics of each of `replicas` shares, which go to `saved`
    /// (`2 * replicas * width` values) for the backward pass. Running statistics take those of the first share, as
    /// PyTorch's distributed training does.
    #[allow(clippy::too_many_arguments)]
    fn batch_norm(
        &self,
        layer: &BatchNorm,
        rows: usize,
        replicas: usize,
        parameters: &Self::Buffer,
        statistics: &mut Self::Buffer,
        x: &Self::Buffer,
        y: &mut Self::Buffer,
        saved: &mut Self::Buffer,
    );
    /// Turns `d`, the gradient of `y`, into that of `x` in place, and overwrites the gradients of scale and shift.
    #[allow(clippy::too_many_arguments)]
    fn batch_norm_gradient(
        &self,
        layer: &BatchNorm,
        rows: usize,
        replicas: usize,
        parameters: &Self::Buffer,
        saved: &Self::Buffer,
        x: &Self::Buffer,
        d: &mut Self::Buffer,
        gradient: &mut Self::Buffer,
    );
    /// Normalises by the running statistics, in place.
    fn batch_norm_running(
        &self,
        layer: &BatchNorm,
        rows: usize,
        parameters: &Self::Buffer,
        statistics: &Self::Buffer,
        x: &mut Self::Buffer,
    );

    /// `max(x, 0)`, in place.
    fn relu(&self, len: usize, x: &mut Self::Buffer);
    /// Zeroes `d` where `y`, the output of [`Kernels::relu`], is zero.
    fn relu_gradient(&self, len: usize, y: &Self::Buffer, d: &mut Self::Buffer);

    /// The largest of each `pieces` neighbouring features.
    fn max_out(&self, layer: &MaxOut, rows: usize, x: &Self::Buffer, y: &mut Self::Buffer);
    /// Gives each `dy` to the first largest of its `pieces`, and zero to the others.
    fn max_out_gradient(&self, layer: &MaxOut, rows: usize, x: &Self::Buffer, dy: &Self::Buffer, dx: &mut Self::Buffer);

    /// Convolves `images` pictures `x` into `y`.
    fn convolution(
        &self,
        layer: &Convolution,
        images: usize,
        parameters: &Self::Buffer,
        x: &Self::Buffer,
        y: &mut Self::Buffer,
    );
    /// Overwrites the gradient of the weights.
    fn convolution_gradient(
        &self,
        layer: &Convolution,
        images: usize,
        x: &Self::Buffer,
        dy: &Self::Buffer,
        gradient: &mut Self::Buffer,
    );
    /// Overwrites `dx` with the gradient of the input or, where `add`, adds it.
    fn convolution_input_gradient(
        &self,
        layer: &Convolution,
        images: usize,
        parameters: &Self::Buffer,
        dy: &Self::Buffer,
        dx: &mut Self::Buffer,
        add: bool,
    );

    /// BatchNorm of `pixels` pixels (of all images), each replica's share on its own: `y = norm(x) + added`, and ReLU
    /// of that where the layer has one. Fills `saved` and the running statistics as [`Kernels::batch_norm`] does.
    #[allow(clippy::too_many_arguments)]
    fn pixel_norm(
        &self,
        layer: &BatchNorm,
        pixels: usize,
        replicas: usize,
        parameters: &Self::Buffer,
        statistics: &mut Self::Buffer,
        x: &Self::Buffer,
        added: Option<&Self::Buffer>,
        y: &mut Self::Buffer,
        saved: &mut Self::Buffer,
    );
    /// Zeroes `d`, the gradient of `y`, where ReLU let nothing through: then it is the gradient of `added`. Writes that
    /// of `x` to `dx` and overwrites the gradients of scale and shift.
    #[allow(clippy::too_many_arguments)]
    fn pixel_norm_gradient(
        &self,
        layer: &BatchNorm,
        pixels: usize,
        replicas: usize,
        parameters: &Self::Buffer,
        saved: &Self::Buffer,
        x: &Self::Buffer,
        y: &Self::Buffer,
        d: &mut Self::Buffer,
        dx: &mut Self::Buffer,
        gradient: &mut Self::Buffer,
    );
    /// Normalises by the running statistics, in place: `x = norm(x) + added`, and ReLU where the layer has one.
    fn pixel_norm_running(
        &self,
        layer: &BatchNorm,
        pixels: usize,
        parameters: &Self::Buffer,
        statistics: &Self::Buffer,
        added: Option<&Self::Buffer>,
        x: &mut Self::Buffer,
    );

    /// The largest of each window.
    fn max_pool(&self, layer: &MaxPool, images: usize, x: &Self::Buffer, y: &mut Self::Buffer);
    /// Adds each `dy` to the first largest of its window, row by row; `dx` starts from zero.
    fn max_pool_gradient(
        &self,
        layer: &MaxPool,
        images: usize,
        x: &Self::Buffer,
        dy: &Self::Buffer,
        dx: &mut Self::Buffer,
    );
    /// The mean over the pixels of each image: `[images, channels]`, feature by feature.
    fn average_pool(&self, map: FeatureMap, images: usize, x: &Self::Buffer, y: &mut Self::Buffer);
    /// Spreads each `dy` evenly over its pixels.
    fn average_pool_gradient(&self, map: FeatureMap, images: usize, dy: &Self::Buffer, dx: &mut Self::Buffer);

    /// Mixes the rows of activations `[rows, width]`, which lie feature by feature.
    fn mix_rows(&self, mix: &RowMix, width: usize, x: &Self::Buffer, y: &mut Self::Buffer);
    /// Mixes pictures of `len` values each.
    fn mix_pictures(&self, mix: &RowMix, len: usize, x: &Self::Buffer, y: &mut Self::Buffer);

    /// SGD in PyTorch's order: `g += decay p; m = momentum m + g; p -= rate m`, in one pass.
    fn sgd(
        &self,
        settings: SgdStep,
        gradient: &Self::Buffer,
        momentum: &mut Self::Buffer,
        parameters: &mut Self::Buffer,
    );
    /// `target = momentum target + (1 - momentum) source` over the first `len` values.
    fn moving_average(&self, len: usize, momentum: f64, source: &Self::Buffer, target: &mut Self::Buffer);
}

/// Settings of one SGD step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SgdStep {
    pub rate: f32,
    pub momentum: f32,
    pub weight_decay: f32,
}
