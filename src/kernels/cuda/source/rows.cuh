// Rows that several threads share out: blocks are groups of rows, threads [ROWS, PARTS].

#define ROWS 32
// Threads of a row.
#define PARTS 8
// crate::kernels::SHORTEST.
#define SHORTEST 1e-12f

// Over the threads of a row.
SUM_OF_PARTS(row_sum, float, PARTS, ROWS)
