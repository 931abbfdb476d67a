// BatchNorm of pictures, with what is added to it and ReLU. Channels of a pixel lie together, so that neighbouring
// threads take neighbouring channels. A block takes ACROSS channels of a stretch of pixels; what it finds is put
// together by a second kernel. Reference: cpu/pixel_norm.rs.

#define ACROSS 32
#define DOWN 8
// Threads of a channel that put together what the stretches found.
#define FOLD 32

// Of a block: which stretch of which replica's share, and of a thread its channel.
struct Stretches {
    Long width;
    // Pixels of a replica's share.
    Long share;
    // Pixels of a stretch; the last may have fewer.
    Long stretch;
    // Stretches of a share.
    Long count;
};

// Blocks are [stretches, groups of channels, replicas].
INLINE Long channel_of(void) { return (Long)blockIdx.y * ACROSS + threadIdx.x; }
INLINE Long first_pixel(struct Stretches s) { return (Long)blockIdx.z * s.share + (Long)blockIdx.x * s.stretch; }
INLINE Long pixels_of(struct Stretches s, Long at) {
    Long left = s.share - at * s.stretch;
    return left < s.stretch ? left : s.stretch;
}
// Where a stretch leaves its two values of a channel: found [replicas, stretches, 2, width].
INLINE Long found_at(struct Stretches s, Long replica, Long at, Long channel) {
    return (replica * s.count + at) * 2 * s.width + channel;
}

// The sum over the threads of a channel, in the same order always, in all of them.
INLINE float down_sum(float value, float lanes[DOWN][ACROSS]) {
    lanes[threadIdx.y][threadIdx.x] = value;
    MEET();
    for (unsigned half = DOWN / 2; half > 0; half /= 2) {
        if (threadIdx.y < half) lanes[threadIdx.y][threadIdx.x] += lanes[threadIdx.y + half][threadIdx.x];
        MEET();
    }
    float sum = lanes[0][threadIdx.x];
    MEET();
    return sum;
}

INLINE double fold_sum(double value, double lanes[FOLD][ACROSS]) {
    lanes[threadIdx.y][threadIdx.x] = value;
    MEET();
    for (unsigned half = FOLD / 2; half > 0; half /= 2) {
        if (threadIdx.y < half) lanes[threadIdx.y][threadIdx.x] += lanes[threadIdx.y + half][threadIdx.x];
        MEET();
    }
    double sum = lanes[0][threadIdx.x];
    MEET();
    return sum;
}

// The mean of each channel of a stretch and the sum of the squares of what is left, by the stretch's own mean.
struct PixelMoments { const float *x; float *found; struct Stretches s; };

BLOCK_KERNEL(pixel_moments, PixelMoments, ACROSS * DOWN) {
    SHARED float lanes[DOWN][ACROSS];
    Long channel = channel_of(), count = pixels_of(a.s, blockIdx.x);
    const float *x = a.x + first_pixel(a.s) * a.s.width + channel;
    // Threads past the last channel only meet the others.
    Long mine = channel < a.s.width ? count : 0;
    float sum = 0.0f;
    for (Long pixel = threadIdx.y; pixel < mine; pixel += DOWN) sum += x[pixel * a.s.width];
    float mean = down_sum(sum, lanes) / (float)count;
    float squares = 0.0f;
    for (Long pixel = threadIdx.y; pixel < mine; pixel += DOWN) {
        float rest = x[pixel * a.s.width] - mean;
        squares += rest * rest;
    }
    squares = down_sum(squares, lanes);
    if (threadIdx.y == 0 && channel < a.s.width) {
        Long at = found_at(a.s, blockIdx.z, blockIdx.x, channel);
        a.found[at] = mean;
        a.found[at + a.s.width] = squares;
    }
}

// Puts the moments of the stretches together: saved [replicas, 2, width] gets mean and 1 / deviation, the running
// statistics those of the first replica. Blocks are [groups of channels, replicas], threads [ACROSS, FOLD].
struct PixelMomentsFold {
    const float *found;
    float *saved;
    float *running_mean;
    float *running_variance;
    struct Stretches s;
};

BLOCK_KERNEL(pixel_moments_fold, PixelMomentsFold, ACROSS * FOLD) {
    SHARED double lanes[FOLD][ACROSS];
    Long channel = (Long)blockIdx.x * ACROSS + threadIdx.x, replica = blockIdx.y;
    Long mine = channel < a.s.width ? a.s.count : 0;
    double sum = 0.0;
    for (Long at = threadIdx.y; at < mine; at += FOLD) {
        sum += (double)pixels_of(a.s, at) * (double)a.found[found_at(a.s, replica, at, channel)];
    }
    double mean = fold_sum(sum, lanes) / (double)a.s.share;
    double squares = 0.0;
    for (Long at = threadIdx.y; at < mine; at += FOLD) {
        Long from = found_at(a.s, replica, at, channel);
        double rest = (double)a.found[from] - mean;
        squares += (double)a.found[from + a.s.width] + (double)pixels_of(a.s, at) * rest * rest;
    }
    squares = fold_sum(squares, lanes);
    if (threadIdx.y == 0 && channel < a.s.width) {
        float *saved = a.saved + replica * 2 * a.s.width + channel;
        saved[0] = (float)mean;
        saved[a.s.width] = 1.0f / sqrtf((float)(squares / (double)a.s.share) + EPSILON);
        if (replica == 0) {
            float variance = (float)(squares / (double)(a.s.share - 1));
            a.running_mean[channel] += RUNNING_SHARE * ((float)mean - a.running_mean[channel]);
            a.running_variance[channel] += RUNNING_SHARE * (variance - a.running_variance[channel]);
        }
    }
}

// y = (x - mean) factor + shift + added, and ReLU of that. `added` may be null; `y` may be `x`. Of `second`, the factor
// is scale / sqrt(second + epsilon) where `running`, and scale * second else.
struct PixelNorm {
    const float *x;
    const float *added;
    float *y;
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

KERNEL(pixel_norm, PixelNorm) {
    Long channel = channel_of(), count = pixels_of(a.s, blockIdx.x);
    if (channel >= a.s.width) return;
    Long of_replica = (Long)blockIdx.z * a.next_replica + channel;
    float mean = a.mean[of_replica], second = a.second[of_replica];
    float inverse = a.running ? 1.0f / sqrtf(second + EPSILON) : second;
    float factor = inverse * a.scale[channel], shift = a.shift[channel];
    Long first = first_pixel(a.s) * a.s.width + channel;
    for (Long pixel = threadIdx.y; pixel < count; pixel += DOWN) {
        Long at = first + pixel * a.s.width;
        float value = (a.x[at] - mean) * factor + shift + (a.added ? a.added[at] : 0.0f);
        a.y[at] = a.relu ? rectified(value) : value;
    }
}

// Zeroes d where ReLU let nothing through, and finds the sums of d and of d (x - mean) over each stretch.
struct PixelGradientSums {
    const float *x;
    const float *y;
    float *d;
    const float *saved;
    float *found;
    Long relu;
    struct Stretches s;
};

BLOCK_KERNEL(pixel_gradient_sums, PixelGradientSums, ACROSS * DOWN) {
    SHARED float lanes[DOWN][ACROSS];
    Long channel = channel_of(), count = pixels_of(a.s, blockIdx.x);
    Long mine = channel < a.s.width ? count : 0;
    float mean = mine ? a.saved[(Long)blockIdx.z * 2 * a.s.width + channel] : 0.0f;
    Long first = first_pixel(a.s) * a.s.width + channel;
    float total = 0.0f, product = 0.0f;
    for (Long pixel = threadIdx.y; pixel < mine; pixel += DOWN) {
        Long at = first + pixel * a.s.width;
        if (a.relu && !passes(a.y[at])) a.d[at] = 0.0f;
        total += a.d[at];
        product += a.d[at] * (a.x[at] - mean);
    }
    total = down_sum(total, lanes);
    product = down_sum(product, lanes);
    if (threadIdx.y == 0 && channel < a.s.width) {
        Long at = found_at(a.s, blockIdx.z, blockIdx.x, channel);
        a.found[at] = total;
        a.found[at + a.s.width] = product;
    }
}

// Puts them together: the gradients of scale and shift, over the replicas in order, and factors [replicas, 2, width],
// what is taken from d and what of x - mean is. Blocks are groups of channels, threads [ACROSS, FOLD].
struct PixelGradientFold {
    const float *found;
    const float *saved;
    float *factors;
    float *d_scale;
    float *d_shift;
    Long replicas;
    struct Stretches s;
};

BLOCK_KERNEL(pixel_gradient_fold, PixelGradientFold, ACROSS * FOLD) {
    SHARED double lanes[FOLD][ACROSS];
    Long channel = (Long)blockIdx.x * ACROSS + threadIdx.x;
    Long mine = channel < a.s.width ? a.s.count : 0;
    float d_scale = 0.0f, d_shift = 0.0f;
    for (Long replica = 0; replica < a.replicas; replica++) {
        double total = 0.0, product = 0.0;
        for (Long at = threadIdx.y; at < mine; at += FOLD) {
            Long from = found_at(a.s, replica, at, channel);
            total += (double)a.found[from];
            product += (double)a.found[from + a.s.width];
        }
        total = fold_sum(total, lanes);
        product = fold_sum(product, lanes);
        if (threadIdx.y == 0 && mine) {
            Long of_replica = replica * 2 * a.s.width + channel;
            float inverse = a.saved[of_replica + a.s.width];
            product *= (double)inverse;
            d_shift += (float)total;
            d_scale += (float)product;
            a.factors[of_replica] = (float)(total / (double)a.s.share);
            a.factors[of_replica + a.s.width] = (float)(product / (double)a.s.share) * inverse;
        }
    }
    if (threadIdx.y == 0 && channel < a.s.width) {
        a.d_scale[channel] = d_scale;
        a.d_shift[channel] = d_shift;
    }
}

// dx = scale / deviation (d - factor of the mean - (x - mean) factor of x).
struct PixelGradient {
    const float *x;
    const float *d;
    float *dx;
    const float *saved;
    const float *factors;
    const float *scale;
    struct Stretches s;
};

KERNEL(pixel_gradient, PixelGradient) {
    Long channel = channel_of(), count = pixels_of(a.s, blockIdx.x);
    if (channel >= a.s.width) return;
    Long of_replica = (Long)blockIdx.z * 2 * a.s.width + channel;
    float mean = a.saved[of_replica], of_mean = a.factors[of_replica], of_x = a.factors[of_replica + a.s.width];
    float slope = a.scale[channel] * a.saved[of_replica + a.s.width];
    Long first = first_pixel(a.s) * a.s.width + channel;
    for (Long pixel = threadIdx.y; pixel < count; pixel += DOWN) {
        Long at = first + pixel * a.s.width;
        a.dx[at] = slope * (a.d[at] - of_mean - (a.x[at] - mean) * of_x);
    }
}
