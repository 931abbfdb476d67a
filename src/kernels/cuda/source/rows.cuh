// Rows that several threads share out: blocks are groups of rows, threads [ROWS, PARTS].

#define ROWS 32
// Threads of a row.
#define PARTS 8
// crate::kernels::SHORTEST.
#define SHORTEST 1e-12f

// The sum over the threads of a row, in the same order always, in all of them.
INLINE float row_sum(float value, float lanes[PARTS][ROWS]) {
    lanes[threadIdx.y][threadIdx.x] = value;
    MEET();
    for (unsigned half = PARTS / 2; half > 0; half /= 2) {
        if (threadIdx.y < half) lanes[threadIdx.y][threadIdx.x] += lanes[threadIdx.y + half][threadIdx.x];
        MEET();
    }
    float sum = lanes[0][threadIdx.x];
    MEET();
    return sum;
}
