// All kernels, one module.
#include "common.cuh"

#include "bf16.cuh"
#include "rows.cuh"
#include "stretches.cuh"
#include "window.cuh"

#include "bf16.cu"
#include "embeddings.cu"
#include "optimiser.cu"
#include "pixel_folds.cu"

#define Value float
#define FLOAT(value) (value)
#define ROUND(value) (value)
#define NAMED(name) name
#include "activations.cu"
#undef Value
#undef FLOAT
#undef ROUND
#undef NAMED

#define Value struct Bf16
#define FLOAT(value) widened(value)
#define ROUND(value) rounded(value)
#define NAMED(name) name##_bf16
#include "activations.cu"
