// Embeddings [rows, width], which lie row by row: the softmax over their similarities, and what a step tells of itself.
// Reference: cpu/embeddings.rs and cpu/cross_entropy.rs.

// Row i of y is row order[i] of x.
struct SelectRows { const float *x; float *y; const unsigned *order; Long width; Long len; };

KERNEL(select_rows, SelectRows) {
    Long at = place();
    if (at < a.len) a.y[at] = a.x[(Long)a.order[at / a.width] * a.width + at % a.width];
}

// to = from.
struct CopyValues { const float *from; float *to; Long len; };

KERNEL(copy, CopyValues) {
    Long at = place();
    if (at < a.len) a.to[at] = a.from[at];
}

// y = factor x.
struct Scale { const float *x; float *y; Long len; float factor; };

KERNEL(scale, Scale) {
    Long at = place();
    if (at < a.len) a.y[at] = a.factor * a.x[at];
}

// The larger of every thread's value, in all threads of a block of LANES; what is not a number shows.
INLINE float block_largest(float value, float *lanes) {
    unsigned lane = threadIdx.x;
    lanes[lane] = value;
    MEET();
    for (unsigned half = LANES / 2; half > 0; half /= 2) {
        if (lane < half && overtakes(lanes[lane + half], lanes[lane])) lanes[lane] = lanes[lane + half];
        MEET();
    }
    float largest = lanes[0];
    MEET();
    return largest;
}

// Turns the similarities of each row into the gradient of its loss to them, temperature included, and finds the row's
// loss. A block for each row.
//
// Of row i, `first_own + i` is the one class below `out_below` that is not left out (Others), `itself` says that class
// i is left out. Labels of row i are offsets[i] to offsets[i + 1] of classes and weights.
struct SoftmaxGradient {
    float *similarities;
    float *row_losses;
    const unsigned *offsets;
    const unsigned *classes;
    const float *weights;
    Long width;
    Long out_below;
    Long first_own;
    Long itself;
    float inverse_temperature;
    // Of a row in the mean over rows and shares.
    float share;
};

INLINE int left_out(Long out_below, Long first_own, Long itself, Long row, Long at) {
    return itself ? at == row : at < out_below && at != first_own + row;
}

BLOCK_KERNEL(softmax_gradient, SoftmaxGradient, LANES) {
    SHARED float lanes[LANES];
    Long row = blockIdx.x;
    float *values = a.similarities + row * a.width;
    float largest = -INFINITY;
    for (Long at = threadIdx.x; at < a.width; at += LANES) {
        if (left_out(a.out_below, a.first_own, a.itself, row, at)) continue;
        float logit = values[at] * a.inverse_temperature;
        if (overtakes(logit, largest)) largest = logit;
    }
    largest = block_largest(largest, lanes);
    float sum = 0.0f;
    for (Long at = threadIdx.x; at < a.width; at += LANES) {
        if (!left_out(a.out_below, a.first_own, a.itself, row, at)) sum += expf(values[at] * a.inverse_temperature - largest);
    }
    sum = block_sum(sum, lanes);
    // Every thread goes over the few labels, before any value is overwritten.
    float weight = 0.0f, loss = 0.0f, log_sum = logf(sum);
    for (unsigned label = a.offsets[row]; label < a.offsets[row + 1]; label++) {
        float logit = values[a.classes[label]] * a.inverse_temperature;
        weight += a.weights[label];
        loss += a.weights[label] * (largest + log_sum - logit);
    }
    MEET();
    float slope = a.share * a.inverse_temperature;
    for (Long at = threadIdx.x; at < a.width; at += LANES) {
        float logit = values[at] * a.inverse_temperature;
        int out = left_out(a.out_below, a.first_own, a.itself, row, at);
        values[at] = out ? 0.0f : slope * weight * (expf(logit - largest) / sum);
    }
    MEET();
    if (threadIdx.x == 0) {
        for (unsigned label = a.offsets[row]; label < a.offsets[row + 1]; label++) {
            values[a.classes[label]] -= slope * a.weights[label];
        }
        a.row_losses[row] = loss;
    }
}

// 2 - 2 query . target of each row; a block for each.
struct RowDistances { const float *queries; const float *targets; float *row_losses; Long width; };

BLOCK_KERNEL(row_distances, RowDistances, LANES) {
    SHARED float lanes[LANES];
    const float *query = a.queries + (Long)blockIdx.x * a.width, *target = a.targets + (Long)blockIdx.x * a.width;
    float cosine = 0.0f;
    for (Long at = threadIdx.x; at < a.width; at += LANES) cosine += query[at] * target[at];
    cosine = block_sum(cosine, lanes);
    if (threadIdx.x == 0) a.row_losses[blockIdx.x] = 2.0f - 2.0f * cosine;
}

// mean = the mean of values; one block.
struct Mean { const float *values; float *mean; Long len; };

BLOCK_KERNEL(mean, Mean, LANES) {
    SHARED float lanes[LANES];
    float sum = 0.0f;
    for (Long at = threadIdx.x; at < a.len; at += LANES) sum += a.values[at];
    sum = block_sum(sum, lanes);
    if (threadIdx.x == 0) *a.mean = sum / (float)a.len;
}

// The standard deviation of each column over the query rows, of which a share has `rows` and the next begins `stride`
// rows further on; a block for each column.
struct ColumnDeviations { const float *x; float *deviations; Long width; Long shares; Long rows; Long stride; };

BLOCK_KERNEL(column_deviations, ColumnDeviations, LANES) {
    SHARED float lanes[LANES];
    const float *x = a.x + blockIdx.x;
    Long count = a.shares * a.rows;
    float sum = 0.0f;
    for (Long at = threadIdx.x; at < count; at += LANES) sum += x[(at / a.rows * a.stride + at % a.rows) * a.width];
    float average = block_sum(sum, lanes) / (float)count;
    float squares = 0.0f;
    for (Long at = threadIdx.x; at < count; at += LANES) {
        float rest = x[(at / a.rows * a.stride + at % a.rows) * a.width] - average;
        squares += rest * rest;
    }
    squares = block_sum(squares, lanes);
    if (threadIdx.x == 0) a.deviations[blockIdx.x] = sqrtf(squares / (float)count);
}
