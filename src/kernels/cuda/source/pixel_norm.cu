// BatchNorm of pictures, with what is added to it and ReLU. Reference: cpu/pixel_norm.rs.

// The mean of each channel of a stretch and the sum of the squares of what is left, by the stretch's own mean.
struct NAMED(PixelMoments) { const Value *x; float *found; struct Stretches s; };

BLOCK_KERNEL(NAMED(pixel_moments), NAMED(PixelMoments), ACROSS * DOWN) {
    SHARED float lanes[DOWN][ACROSS];
    Long channel = channel_of(), count = pixels_of(a.s, blockIdx.x);
    const Value *x = a.x + first_pixel(a.s) * a.s.width + channel;
    // Threads past the last channel only meet the others.
    Long mine = channel < a.s.width ? count : 0;
    float sum = 0.0f;
    for (Long pixel = threadIdx.y; pixel < mine; pixel += DOWN) sum += FLOAT(x[pixel * a.s.width]);
    float mean = down_sum(sum, lanes) / (float)count;
    float squares = 0.0f;
    for (Long pixel = threadIdx.y; pixel < mine; pixel += DOWN) {
        float rest = FLOAT(x[pixel * a.s.width]) - mean;
        squares += rest * rest;
    }
    squares = down_sum(squares, lanes);
    if (threadIdx.y == 0 && channel < a.s.width) {
        Long at = found_at(a.s, blockIdx.z, blockIdx.x, channel);
        a.found[at] = mean;
        a.found[at + a.s.width] = squares;
    }
}

// y = (x - mean) factor + shift + added, and ReLU of that. `added` may be null; `y` may be `x`. Of `second`, the factor
// is scale / sqrt(second + epsilon) where `running`, and scale * second else.
struct NAMED(PixelNorm) {
    const Value *x;
    const Value *added;
    Value *y;
    const float *mean;
    const float *second;
    // Of mean and second, from one replica to the next.
    Long next_replica;
    const float *scale;
    const float *shift;
    Long running;
    Long relu;
    struct Stretches s;
};

KERNEL(NAMED(pixel_norm), NAMED(PixelNorm)) {
    Long channel = channel_of(), count = pixels_of(a.s, blockIdx.x);
    if (channel >= a.s.width) return;
    Long of_replica = (Long)blockIdx.z * a.next_replica + channel;
    float mean = a.mean[of_replica], second = a.second[of_replica];
    float inverse = a.running ? 1.0f / sqrtf(second + EPSILON) : second;
    float factor = inverse * a.scale[channel], shift = a.shift[channel];
    Long first = first_pixel(a.s) * a.s.width + channel;
    for (Long pixel = threadIdx.y; pixel < count; pixel += DOWN) {
        Long at = first + pixel * a.s.width;
        float value = (FLOAT(a.x[at]) - mean) * factor + shift + (a.added ? FLOAT(a.added[at]) : 0.0f);
        a.y[at] = ROUND(a.relu ? rectified(value) : value);
    }
}

// Zeroes d where ReLU let nothing through, and finds the sums of d and of d (x - mean) over each stretch.
struct NAMED(PixelGradientSums) {
    const Value *x;
    const Value *y;
    Value *d;
    const float *saved;
    float *found;
    Long relu;
    struct Stretches s;
};

BLOCK_KERNEL(NAMED(pixel_gradient_sums), NAMED(PixelGradientSums), ACROSS * DOWN) {
    SHARED float lanes[DOWN][ACROSS];
    Long channel = channel_of(), count = pixels_of(a.s, blockIdx.x);
    Long mine = channel < a.s.width ? count : 0;
    float mean = mine ? a.saved[(Long)blockIdx.z * 2 * a.s.width + channel] : 0.0f;
    Long first = first_pixel(a.s) * a.s.width + channel;
    float total = 0.0f, product = 0.0f;
    for (Long pixel = threadIdx.y; pixel < mine; pixel += DOWN) {
        Long at = first + pixel * a.s.width;
        if (a.relu && !passes(FLOAT(a.y[at]))) a.d[at] = ROUND(0.0f);
        float d = FLOAT(a.d[at]);
        total += d;
        product += d * (FLOAT(a.x[at]) - mean);
    }
    total = down_sum(total, lanes);
    product = down_sum(product, lanes);
    if (threadIdx.y == 0 && channel < a.s.width) {
        Long at = found_at(a.s, blockIdx.z, blockIdx.x, channel);
        a.found[at] = total;
        a.found[at + a.s.width] = product;
    }
}

// dx = scale / deviation (d - factor of the mean - (x - mean) factor of x).
struct NAMED(PixelGradient) {
    const Value *x;
    const Value *d;
    Value *dx;
    const float *saved;
    const float *factors;
    const float *scale;
    struct Stretches s;
};

KERNEL(NAMED(pixel_gradient), NAMED(PixelGradient)) {
    Long channel = channel_of(), count = pixels_of(a.s, blockIdx.x);
    if (channel >= a.s.width) return;
    Long of_replica = (Long)blockIdx.z * 2 * a.s.width + channel;
    float mean = a.saved[of_replica], of_mean = a.factors[of_replica], of_x = a.factors[of_replica + a.s.width];
    float slope = a.scale[channel] * a.saved[of_replica + a.s.width];
    Long first = first_pixel(a.s) * a.s.width + channel;
    for (Long pixel = threadIdx.y; pixel < count; pixel += DOWN) {
        Long at = first + pixel * a.s.width;
        a.dx[at] = ROUND(slope * (FLOAT(a.d[at]) - of_mean - (FLOAT(a.x[at]) - mean) * of_x));
    }
}
