//! What kernels take: the structures of `source/*.cu`, field by field.
//!
//! Every field has 8 bytes, or is an f32 behind them, so that C and Rust lay them out alike.

/// Where values lie on a device, or nowhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(transparent)]
pub struct Address(pub u64);

impl Address {
    pub const NONE: Address = Address(0);

    /// So many values further on.
    pub fn plus(self, values: usize) -> Address {
        Address(self.0 + (values * size_of::<f32>()) as u64)
    }
}

/// The argument of one kernel.
pub trait Arguments: Copy {
    /// The kernel's name.
    const KERNEL: &'static str;
}

/// Stretches of pixels that blocks share out.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct Stretches {
    pub width: i64,
    pub share: i64,
    pub stretch: i64,
    pub count: i64,
}

/// A pooling window.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct Window {
    pub channels: i64,
    pub in_height: i64,
    pub in_width: i64,
    pub out_height: i64,
    pub out_width: i64,
    pub kernel: i64,
    pub stride: i64,
    pub padding: i64,
}

macro_rules! kernels {
    ($($kernel:literal $name:ident { $($field:ident: $type:ty),* $(,)? })*) => {
        $(
            #[derive(Clone, Copy, Debug)]
            #[repr(C)]
            pub struct $name { $(pub $field: $type),* }

            impl Arguments for $name {
                const KERNEL: &'static str = $kernel;
            }
        )*

        /// The names of all kernels.
        pub const KERNELS: &[&str] = &[$($kernel),*];
    };
}

kernels! {
    // pointwise.cu
    "relu" Relu { x: Address, len: i64 }
    "relu_gradient" ReluGradient { y: Address, d: Address, len: i64 }
    "sgd" Sgd {
        gradient: Address, momentum: Address, parameters: Address, len: i64, rate: f32, kept: f32, decay: f32,
    }
    "moving_average" MovingAverage { source: Address, target: Address, len: i64, kept: f32, taken: f32 }
    "clear" Clear { x: Address, len: i64 }
    "add" Add { from: Address, to: Address, len: i64 }
    // embeddings.cu
    "normalise" Normalise { x: Address, y: Address, rows: i64, width: i64 }
    "normalise_gradient" NormaliseGradient {
        x: Address, y: Address, dy: Address, dx: Address, rows: i64, width: i64,
    }
    "select_rows" SelectRows { x: Address, y: Address, order: Address, width: i64, len: i64 }
    "copy" CopyValues { from: Address, to: Address, len: i64 }
    "scale" Scale { x: Address, y: Address, len: i64, factor: f32 }
    "softmax_gradient" SoftmaxGradient {
        similarities: Address, row_losses: Address, offsets: Address, classes: Address, weights: Address, width: i64,
        out_below: i64, first_out: i64, itself: i64, inverse_temperature: f32, share: f32,
    }
    "row_distances" RowDistances { queries: Address, targets: Address, row_losses: Address, width: i64 }
    "mean" Mean { values: Address, mean: Address, len: i64 }
    "column_deviations" ColumnDeviations {
        x: Address, deviations: Address, width: i64, shares: i64, rows: i64, stride: i64,
    }
    // linear.cu
    "add_bias" AddBias { bias: Address, y: Address, rows: i64, len: i64 }
    "row_sums" RowSums { d: Address, sums: Address, rows: i64 }
    // transpose.cu
    "transpose" Transpose { from: Address, to: Address, rows: i64, columns: i64 }
    // batch_norm.cu
    "batch_norm" BatchNorm {
        x: Address, y: Address, scale: Address, shift: Address, bias: Address, running_mean: Address,
        running_variance: Address, saved: Address, share: i64, replicas: i64, relu: i64,
    }
    "batch_norm_gradient" BatchNormGradient {
        x: Address, d: Address, scale: Address, shift: Address, saved: Address, d_scale: Address, d_shift: Address,
        share: i64, replicas: i64, relu: i64,
    }
    "batch_norm_running" BatchNormRunning {
        x: Address, scale: Address, shift: Address, bias: Address, mean: Address, variance: Address, rows: i64,
        len: i64, relu: i64,
    }
    // max_out.cu
    "max_out" MaxOut { x: Address, y: Address, rows: i64, pieces: i64, len: i64 }
    "max_out_gradient" MaxOutGradient { x: Address, dy: Address, dx: Address, rows: i64, pieces: i64, len: i64 }
    // row_mix.cu
    "mix_rows" MixRows {
        x: Address, y: Address, own: Address, other: Address, partner: Address, rows: i64, len: i64,
    }
    "mix_pictures" MixPictures {
        x: Address, y: Address, own: Address, other: Address, partner: Address, width: i64, len: i64,
    }
    // pooling.cu
    "max_pool" MaxPool { x: Address, y: Address, len: i64, window: Window }
    "max_pool_gradient" MaxPoolGradient { x: Address, dy: Address, dx: Address, len: i64, window: Window }
    "average_pool" AveragePool { x: Address, y: Address, images: i64, channels: i64, pixels: i64 }
    "average_pool_gradient" AveragePoolGradient {
        dy: Address, dx: Address, images: i64, channels: i64, pixels: i64,
    }
    // pixel_norm.cu
    "pixel_moments" PixelMoments { x: Address, found: Address, s: Stretches }
    "pixel_moments_fold" PixelMomentsFold {
        found: Address, saved: Address, running_mean: Address, running_variance: Address, s: Stretches,
    }
    "pixel_norm" PixelNorm {
        x: Address, added: Address, y: Address, mean: Address, second: Address, next_replica: i64, scale: Address,
        shift: Address, running: i64, relu: i64, s: Stretches,
    }
    "pixel_gradient_sums" PixelGradientSums {
        x: Address, y: Address, d: Address, saved: Address, found: Address, relu: i64, s: Stretches,
    }
    "pixel_gradient_fold" PixelGradientFold {
        found: Address, saved: Address, factors: Address, d_scale: Address, d_shift: Address, replicas: i64,
        s: Stretches,
    }
    "pixel_gradient" PixelGradient {
        x: Address, d: Address, dx: Address, saved: Address, factors: Address, scale: Address, s: Stretches,
    }
}
