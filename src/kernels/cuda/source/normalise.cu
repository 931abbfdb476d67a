// Rows of unit length: from activations, which lie feature by feature, to embeddings, which lie row by row, and back.
// Reference: cpu/embeddings.rs.

// Of the row of x, which lies feature by feature, that this thread works on. Threads past the last row only meet the
// others.
INLINE float NAMED(length_of)(const Value *x, Long row, Long rows, Long width, float lanes[PARTS][ROWS]) {
    float squares = 0.0f;
    for (Long feature = threadIdx.y; row < rows && feature < width; feature += PARTS) {
        float value = FLOAT(x[feature * rows + row]);
        squares += value * value;
    }
    return sqrtf(row_sum(squares, lanes));
}

// y = x / |x|.
struct NAMED(Normalise) { const Value *x; float *y; Long rows; Long width; };

BLOCK_KERNEL(NAMED(normalise), NAMED(Normalise), ROWS * PARTS) {
    SHARED float lanes[PARTS][ROWS];
    Long row = (Long)blockIdx.x * ROWS + threadIdx.x;
    float length = NAMED(length_of)(a.x, row, a.rows, a.width, lanes);
    float divisor = length < SHORTEST ? SHORTEST : length;
    for (Long feature = threadIdx.y; row < a.rows && feature < a.width; feature += PARTS) {
        a.y[row * a.width + feature] = FLOAT(a.x[feature * a.rows + row]) / divisor;
    }
}

// dx = (dy - (y dy) y) / |x|. Below the shortest length the divisor is a constant, and so has no gradient.
struct NAMED(NormaliseGradient) {
    const Value *x;
    const float *y;
    const float *dy;
    Value *dx;
    Long rows;
    Long width;
};

BLOCK_KERNEL(NAMED(normalise_gradient), NAMED(NormaliseGradient), ROWS * PARTS) {
    SHARED float lanes[PARTS][ROWS];
    Long row = (Long)blockIdx.x * ROWS + threadIdx.x;
    float length = NAMED(length_of)(a.x, row, a.rows, a.width, lanes);
    const float *y = a.y + row * a.width, *dy = a.dy + row * a.width;
    float along = 0.0f;
    for (Long feature = threadIdx.y; row < a.rows && feature < a.width; feature += PARTS) {
        along += y[feature] * dy[feature];
    }
    along = row_sum(along, lanes);
    if (length < SHORTEST) along = 0.0f;
    float divisor = length < SHORTEST ? SHORTEST : length;
    for (Long feature = threadIdx.y; row < a.rows && feature < a.width; feature += PARTS) {
        a.dx[feature * a.rows + row] = ROUND((dy[feature] - along * y[feature]) / divisor);
    }
}
