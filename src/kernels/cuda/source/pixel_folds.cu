// Puts together what blocks found of stretches of pixels, for pixel_norm.cu. Reference: cpu/pixel_norm.rs.

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
