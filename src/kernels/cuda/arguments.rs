//! What kernels take: the structures of `source/*.cu`, field by field.
//!
//! Every field has 8 bytes, or is an f32 behind them, so that C and Rust lay them out alike.

use crate::kernels::Precision;

/// What activations and their gradients are made of, and what weights are turned into to multiply them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Element {
    F32,
    Bf16,
}

impl From<Precision> for Element {
    fn from(precision: Precision) -> Element {
        match precision {
            Precision::F32 | Precision::Tf32 => Element::F32,
            Precision::Bf16 => Element::Bf16,
        }
    }
}

impl Element {
    /// Bytes of a value.
    pub fn size(self) -> usize {
        match self {
            Element::F32 => 4,
            Element::Bf16 => 2,
        }
    }

    /// Memory of f32 that holds `len` values, in f32.
    pub fn floats(self, len: usize) -> usize {
        (len * self.size()).div_ceil(size_of::<f32>())
    }
}

/// Where f32 lie on a device, or nowhere.
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

/// Where values of the platform's [`Element`] lie on a device, or nowhere. There is no way from here to other values of
/// the same memory: their places would depend on the element.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(transparent)]
pub struct Activations(pub u64);

impl Activations {
    pub const NONE: Activations = Activations(0);

    /// F32, for a kernel that is launched for them.
    pub fn of_f32(at: Address) -> Activations {
        Activations::of(at, 0, Element::F32)
    }

    /// The place of a value: `start` others of its element lie between it and `memory`.
    pub fn of(memory: Address, start: usize, element: Element) -> Activations {
        Activations(memory.0 + (start * element.size()) as u64)
    }
}

/// The argument of one kernel.
pub trait Arguments: Copy {
    /// The kernel's name, for activations of this element.
    fn kernel(element: Element) -> &'static str;
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
    (
        of_f32 { $($one:literal $one_name:ident $one_fields:tt)* }
        of_activations { $($kernel:literal $name:ident $fields:tt)* }
    ) => {
        $(kernels!(@structure $one_name $one_fields [$one $one]);)*
        $(kernels!(@structure $name $fields [$kernel (concat!($kernel, "_bf16"))]);)*

        /// The names of all kernels.
        pub const KERNELS: &[&str] = &[$($one,)* $($kernel, concat!($kernel, "_bf16")),*];
    };
    (@structure $name:ident { $($field:ident: $type:ty),* $(,)? } [$f32:tt $bf16:tt]) => {
        #[derive(Clone, Copy, Debug)]
        #[repr(C)]
        pub struct $name { $(pub $field: $type),* }

        impl Arguments for $name {
            fn kernel(element: Element) -> &'static str {
                match element {
                    Element::F32 => $f32,
                    Element::Bf16 => $bf16,
                }
            }
        }
    };
}

kernels! {
    of_f32 {
        // bf16.cu
        "to_bf16" ToBf16 { from: Address, to: Activations, len: i64 }
        "from_bf16" FromBf16 { from: Activations, to: Address, len: i64 }
        // embeddings.cu
        "select_rows" SelectRows { x: Address, y: Address, order: Address, width: i64, len: i64 }
        "copy" CopyValues { from: Address, to: Address, len: i64 }
        "scale" Scale { x: Address, y: Address, len: i64, factor: f32 }
        "softmax_gradient" SoftmaxGradient {
            similarities: Address, row_losses: Address, offsets: Address, classes: Address, weights: Address,
            width: i64, out_below: i64, first_own: i64, itself: i64, inverse_temperature: f32, share: f32,
        }
        "row_distances" RowDistances { queries: Address, targets: Address, row_losses: Address, width: i64 }
        "mean" Mean { values: Address, mean: Address, len: i64 }
        "column_deviations" ColumnDeviations {
            x: Address, deviations: Address, width: i64, shares: i64, rows: i64, stride: i64,
        }
        // optimiser.cu
        "sgd" Sgd {
            gradient: Address, momentum: Address, parameters: Address, len: i64, rate: f32, kept: f32, decay: f32,
        }
        "moving_average" MovingAverage { source: Address, target: Address, len: i64, kept: f32, taken: f32 }
        "clear" Clear { x: Address, len: i64 }
        // pixel_folds.cu
        "pixel_moments_fold" PixelMomentsFold {
            found: Address, saved: Address, running_mean: Address, running_variance: Address, s: Stretches,
        }
        "pixel_gradient_fold" PixelGradientFold {
            found: Address, saved: Address, factors: Address, d_scale: Address, d_shift: Address, replicas: i64,
            s: Stretches,
        }
    }
    of_activations {
        // pointwise.cu
        "relu" Relu { x: Activations, len: i64 }
        "relu_gradient" ReluGradient { y: Activations, d: Activations, len: i64 }
        "add" Add { from: Activations, to: Activations, len: i64 }
        // linear.cu
        "add_bias" AddBias { bias: Address, y: Activations, rows: i64, len: i64 }
        "row_sums" RowSums { d: Activations, sums: Address, rows: i64 }
        // transpose.cu
        "transpose_in" TransposeIn { from: Address, to: Activations, rows: i64, columns: i64 }
        "transpose_out" TransposeOut { from: Activations, to: Address, rows: i64, columns: i64 }
        // normalise.cu
        "normalise" Normalise { x: Activations, y: Address, rows: i64, width: i64 }
        "normalise_gradient" NormaliseGradient {
            x: Activations, y: Address, dy: Address, dx: Activations, rows: i64, width: i64,
        }
        // batch_norm.cu
        "batch_norm" BatchNorm {
            x: Activations, y: Activations, scale: Address, shift: Address, bias: Address, running_mean: Address,
            running_variance: Address, saved: Address, share: i64, replicas: i64, relu: i64,
        }
        "batch_norm_gradient" BatchNormGradient {
            x: Activations, d: Activations, scale: Address, shift: Address, saved: Address, d_scale: Address,
            d_shift: Address, share: i64, replicas: i64, relu: i64,
        }
        "batch_norm_running" BatchNormRunning {
            x: Activations, scale: Address, shift: Address, bias: Address, mean: Address, variance: Address, rows: i64,
            len: i64, relu: i64,
        }
        // max_out.cu
        "max_out" MaxOut { x: Activations, y: Activations, rows: i64, pieces: i64, len: i64 }
        "max_out_gradient" MaxOutGradient {
            x: Activations, dy: Activations, dx: Activations, rows: i64, pieces: i64, len: i64,
        }
        // row_mix.cu
        "mix_rows" MixRows {
            x: Activations, y: Activations, own: Address, other: Address, partner: Address, rows: i64, len: i64,
        }
        "mix_pictures" MixPictures {
            x: Activations, y: Activations, own: Address, other: Address, partner: Address, width: i64, len: i64,
        }
        // pooling.cu
        "max_pool" MaxPool { x: Activations, y: Activations, len: i64, window: Window }
        "max_pool_gradient" MaxPoolGradient {
            x: Activations, dy: Activations, dx: Activations, len: i64, window: Window,
        }
        "average_pool" AveragePool { x: Activations, y: Activations, images: i64, channels: i64, pixels: i64 }
        "average_pool_gradient" AveragePoolGradient {
            dy: Activations, dx: Activations, images: i64, channels: i64, pixels: i64,
        }
        // pixel_norm.cu
        "pixel_moments" PixelMoments { x: Activations, found: Address, s: Stretches }
        "pixel_norm" PixelNorm {
            x: Activations, added: Activations, y: Activations, mean: Address, second: Address, next_replica: i64,
            scale: Address, shift: Address, running: i64, relu: i64, s: Stretches,
        }
        "pixel_gradient_sums" PixelGradientSums {
            x: Activations, y: Activations, d: Activations, saved: Address, found: Address, relu: i64, s: Stretches,
        }
        "pixel_gradient" PixelGradient {
            x: Activations, d: Activations, dx: Activations, saved: Address, factors: Address, scale: Address,
            s: Stretches,
        }
    }
}
