// from [rows, columns] to to [columns, rows]; a block for each tile. Reference: cpu/matrix.rs, transpose.

#define TILE 32
#define TILE_ROWS 8

// The body of both: TAKEN turns what is read into f32, and GIVEN that into what is written.
#define TRANSPOSE(TAKEN, GIVEN)                                                                                \
    /* One more column than a tile has: the banks that a column of it lies in are then all different. */       \
    SHARED float tile[TILE][TILE + 1];                                                                         \
    Long across = (a.columns + TILE - 1) / TILE;                                                               \
    Long top = (Long)blockIdx.x / across * TILE, left = (Long)blockIdx.x % across * TILE;                      \
    for (unsigned at = threadIdx.y; at < TILE; at += TILE_ROWS) {                                              \
        Long row = top + at, column = left + threadIdx.x;                                                      \
        if (row < a.rows && column < a.columns) tile[at][threadIdx.x] = TAKEN(a.from[row * a.columns + column]); \
    }                                                                                                          \
    MEET();                                                                                                    \
    for (unsigned at = threadIdx.y; at < TILE; at += TILE_ROWS) {                                              \
        Long column = left + at, row = top + threadIdx.x;                                                      \
        if (row < a.rows && column < a.columns) a.to[column * a.rows + row] = GIVEN(tile[threadIdx.x][at]);    \
    }

struct NAMED(TransposeIn) { const float *from; Value *to; Long rows; Long columns; };

BLOCK_KERNEL(NAMED(transpose_in), NAMED(TransposeIn), TILE * TILE_ROWS) { TRANSPOSE((float), ROUND) }

struct NAMED(TransposeOut) { const Value *from; float *to; Long rows; Long columns; };

BLOCK_KERNEL(NAMED(transpose_out), NAMED(TransposeOut), TILE * TILE_ROWS) { TRANSPOSE(FLOAT, (float)) }
