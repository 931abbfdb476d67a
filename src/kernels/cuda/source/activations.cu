// Kernels that read or write activations, or their gradients, which are of one type: Value. FLOAT makes an f32 of it,
// ROUND one of an f32, and NAMED a name of this type's own. all.cu reads these files once for each type.

#include "batch_norm.cu"
#include "linear.cu"
#include "max_out.cu"
#include "normalise.cu"
#include "pixel_norm.cu"
#include "pointwise.cu"
#include "pooling.cu"
#include "row_mix.cu"
#include "transpose.cu"
