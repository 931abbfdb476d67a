// What a linear layer has besides its matrix products. Activations [rows, features] lie feature by feature.
// Reference: cpu/linear.rs.

// y[feature][row] += bias[feature].
struct NAMED(AddBias) { const float *bias; Value *y; Long rows; Long len; };

KERNEL(NAMED(add_bias), NAMED(AddBias)) {
    Long at = place();
    if (at < a.len) a.y[at] = ROUND(FLOAT(a.y[at]) + a.bias[at / a.rows]);
}

// sums[feature] = the sum of d[feature][row] over rows; a block for each feature.
struct NAMED(RowSums) { const Value *d; float *sums; Long rows; };

BLOCK_KERNEL(NAMED(row_sums), NAMED(RowSums), LANES) {
    SHARED float lanes[LANES];
    const Value *d = a.d + (Long)blockIdx.x * a.rows;
    float sum = 0.0f;
    for (Long row = threadIdx.x; row < a.rows; row += LANES) sum += FLOAT(d[row]);
    sum = block_sum(sum, lanes);
    if (threadIdx.x == 0) a.sums[blockIdx.x] = sum;
}
