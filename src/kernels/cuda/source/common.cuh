// What all kernels share.
//
// They are written in what C and CUDA C++ have in common. nvcc compiles them for the GPU; the tests compile the same
// lines with the C compiler and run every thread of a grid on the host (emulation.h), against the CPU kernels.
//
// A kernel takes one structure, the same as in ../arguments.rs, where every field has 8 bytes or is a float at the end
// of 4-byte fields. Places are 64-bit. No kernel has atomics: every sum is taken in an order of its own, so that the
// same launch gives the same bits. Compiled with --fmad=false: an operation rounds as on the CPU.

#include <math.h>

#ifdef __CUDACC__
// Threads that do not meet.
#define KERNEL(name, Arguments) extern "C" __global__ void __launch_bounds__(256) name(const struct Arguments a)
// Threads of a block that meet at MEET().
#define BLOCK_KERNEL(name, Arguments, threads) \
    extern "C" __global__ void __launch_bounds__(threads) name(const struct Arguments a)
#define INLINE static __device__ __forceinline__
#define SHARED __shared__
#define MEET() __syncthreads()
#else
#include "emulation.h"
#endif

// Added to variances; crate::kernels::EPSILON.
#define EPSILON 1e-5f
// Share of a new batch in running statistics; crate::kernels::RUNNING_SHARE.
#define RUNNING_SHARE 0.1f

typedef long long Long;

// Of this thread among all of a one-dimensional grid.
INLINE Long place(void) { return (Long)blockIdx.x * blockDim.x + threadIdx.x; }

// max(x, 0); what is not a number stays so.
INLINE float rectified(float x) { return x <= 0.0f ? 0.0f : x; }

// Whether rectified leaves x as it is.
INLINE int passes(float x) { return x > 0.0f || x != x; }

// Whether a value takes the place of the largest before it: the first of equals stays, and what is not a number shows.
INLINE int overtakes(float value, float largest) { return value > largest || value != value; }

// Threads of a block that sums one row.
#define LANES 256

// The sum of every thread's value, in the same order always. All threads of a block of LANES take part.
INLINE float block_sum(float value, float *lanes) {
    unsigned lane = threadIdx.x;
    lanes[lane] = value;
    MEET();
    for (unsigned half = LANES / 2; half > 0; half /= 2) {
        if (lane < half) lanes[lane] += lanes[lane + half];
        MEET();
    }
    float sum = lanes[0];
    // Before the next sum overwrites them.
    MEET();
    return sum;
}

// Defines a sum over the threads of a block [across, parts] that have one place across, in the same order always, in
// all of them.
#define SUM_OF_PARTS(name, Type, parts, across) \
    INLINE Type name(Type value, Type lanes[parts][across]) { \
        unsigned part = threadIdx.y, at = threadIdx.x; \
        lanes[part][at] = value; \
        MEET(); \
        for (unsigned half = parts / 2; half > 0; half /= 2) { \
            if (part < half) lanes[part][at] += lanes[part + half][at]; \
            MEET(); \
        } \
        Type sum = lanes[0][at]; \
        /* Before the next sum overwrites them. */ \
        MEET(); \
        return sum; \
    }
