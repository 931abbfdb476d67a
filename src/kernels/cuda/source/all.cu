// All kernels, one module.
#include "common.cuh"

#include "batch_norm.cu"
#include "embeddings.cu"
#include "linear.cu"
#include "max_out.cu"
#include "pixel_norm.cu"
#include "pointwise.cu"
#include "pooling.cu"
#include "row_mix.cu"
#include "transpose.cu"
