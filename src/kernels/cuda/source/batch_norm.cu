// BatchNorm with ReLU over rows that lie feature by feature: a block for each feature, which goes over the shares of
// the replicas one after another. Reference: cpu/batch_norm.rs.

// saved: of each feature and share, the mean and 1 / deviation.
struct NAMED(BatchNorm) {
    const Value *x;
    Value *y;
    const float *scale;
    const float *shift;
    // Null where the layer before has none.
    const float *bias;
    float *running_mean;
    float *running_variance;
    float *saved;
    Long share;
    Long replicas;
    Long relu;
};

BLOCK_KERNEL(NAMED(batch_norm), NAMED(BatchNorm), LANES) {
    SHARED float lanes[LANES];
    Long feature = blockIdx.x;
    float scale = a.scale[feature], shift = a.shift[feature];
    for (Long replica = 0; replica < a.replicas; replica++) {
        Long part = feature * a.replicas + replica;
        const Value *x = a.x + part * a.share;
        Value *y = a.y + part * a.share;
        float sum = 0.0f;
        for (Long row = threadIdx.x; row < a.share; row += LANES) sum += FLOAT(x[row]);
        float mean = block_sum(sum, lanes) / (float)a.share;
        float squares = 0.0f;
        for (Long row = threadIdx.x; row < a.share; row += LANES) {
            float rest = FLOAT(x[row]) - mean;
            squares += rest * rest;
        }
        squares = block_sum(squares, lanes);
        float inverse = 1.0f / sqrtf(squares / (float)a.share + EPSILON);
        for (Long row = threadIdx.x; row < a.share; row += LANES) {
            float value = (FLOAT(x[row]) - mean) * inverse * scale + shift;
            y[row] = ROUND(a.relu ? rectified(value) : value);
        }
        if (threadIdx.x == 0) {
            a.saved[2 * part] = mean;
            a.saved[2 * part + 1] = inverse;
            if (replica == 0) {
                float shifted = mean + (a.bias ? a.bias[feature] : 0.0f);
                float variance = squares / (float)(a.share - 1);
                a.running_mean[feature] += RUNNING_SHARE * (shifted - a.running_mean[feature]);
                a.running_variance[feature] += RUNNING_SHARE * (variance - a.running_variance[feature]);
            }
        }
    }
}

// d, the gradient of y, becomes that of x.
struct NAMED(BatchNormGradient) {
    const Value *x;
    Value *d;
    const float *scale;
    const float *shift;
    const float *saved;
    float *d_scale;
    float *d_shift;
    Long share;
    Long replicas;
    Long relu;
};

BLOCK_KERNEL(NAMED(batch_norm_gradient), NAMED(BatchNormGradient), LANES) {
    SHARED float lanes[LANES];
    Long feature = blockIdx.x;
    float scale = a.scale[feature], shift = a.shift[feature];
    float d_scale = 0.0f, d_shift = 0.0f;
    for (Long replica = 0; replica < a.replicas; replica++) {
        Long part = feature * a.replicas + replica;
        const Value *x = a.x + part * a.share;
        Value *d = a.d + part * a.share;
        float mean = a.saved[2 * part], inverse = a.saved[2 * part + 1];
        float total = 0.0f, product = 0.0f;
        for (Long row = threadIdx.x; row < a.share; row += LANES) {
            float normal = (FLOAT(x[row]) - mean) * inverse;
            // What the forward pass let through, by the same arithmetic.
            if (a.relu && !passes(normal * scale + shift)) d[row] = ROUND(0.0f);
            total += FLOAT(d[row]);
            product += FLOAT(d[row]) * normal;
        }
        total = block_sum(total, lanes);
        product = block_sum(product, lanes);
        d_shift += total;
        d_scale += product;
        float mean_d = total / (float)a.share, mean_product = product / (float)a.share;
        for (Long row = threadIdx.x; row < a.share; row += LANES) {
            float normal = (FLOAT(x[row]) - mean) * inverse;
            d[row] = ROUND(scale * inverse * (FLOAT(d[row]) - mean_d - normal * mean_product));
        }
    }
    if (threadIdx.x == 0) {
        a.d_scale[feature] = d_scale;
        a.d_shift[feature] = d_shift;
    }
}

// By the running statistics, in place.
struct NAMED(BatchNormRunning) {
    Value *x;
    const float *scale;
    const float *shift;
    const float *bias;
    const float *mean;
    const float *variance;
    Long rows;
    Long len;
    Long relu;
};

KERNEL(NAMED(batch_norm_running), NAMED(BatchNormRunning)) {
    Long at = place();
    if (at >= a.len) return;
    Long feature = at / a.rows;
    float scale = a.scale[feature] / sqrtf(a.variance[feature] + EPSILON);
    float bias = a.bias ? a.bias[feature] : 0.0f;
    float shift = a.shift[feature] + (bias - a.mean[feature]) * scale;
    float value = FLOAT(a.x[at]) * scale + shift;
    a.x[at] = ROUND(a.relu ? rectified(value) : value);
}
