// Pooling of pictures [images, height, width, channels]. Reference: cpu/pooling.rs.

struct Window {
    Long channels;
    Long in_height;
    Long in_width;
    Long out_height;
    Long out_width;
    Long kernel;
    Long stride;
    Long padding;
};

// The first of the input's rows or columns that window `at` covers, and the end of them.
INLINE Long window_start(Long at, Long stride, Long padding) {
    Long start = at * stride - padding;
    return start > 0 ? start : 0;
}
INLINE Long window_end(Long at, Long stride, Long padding, Long kernel, Long side) {
    Long end = at * stride - padding + kernel;
    return end < side ? end : side;
}

// The input pixel, of one image, that holds the largest value of the window of output row `y` and column `x`. `x0` is
// the image's first value of the channel.
INLINE Long winner_of(struct Window w, const float *x0, Long y, Long x) {
    Long top = window_start(y, w.stride, w.padding), left = window_start(x, w.stride, w.padding);
    Long bottom = window_end(y, w.stride, w.padding, w.kernel, w.in_height);
    Long right = window_end(x, w.stride, w.padding, w.kernel, w.in_width);
    // What nothing exceeds is the window's first pixel.
    Long winner = top * w.in_width + left;
    float largest = -INFINITY;
    for (Long row = top; row < bottom; row++) {
        for (Long column = left; column < right; column++) {
            Long pixel = row * w.in_width + column;
            float value = x0[pixel * w.channels];
            if (overtakes(value, largest)) {
                largest = value;
                winner = pixel;
            }
        }
    }
    return winner;
}

// A thread for each value of y.
struct MaxPool { const float *x; float *y; Long len; struct Window window; };

KERNEL(max_pool, MaxPool) {
    Long at = place();
    if (at >= a.len) return;
    struct Window w = a.window;
    Long channel = at % w.channels, pixel = at / w.channels;
    Long x = pixel % w.out_width, y = pixel / w.out_width % w.out_height;
    Long image = pixel / (w.out_width * w.out_height);
    const float *x0 = a.x + image * w.in_height * w.in_width * w.channels + channel;
    a.y[at] = x0[winner_of(w, x0, y, x) * w.channels];
}

// A thread for each value of dx: it looks through the windows that cover its pixel, in their order, and takes the dy of
// those that it won.
struct MaxPoolGradient { const float *x; const float *dy; float *dx; Long len; struct Window window; };

KERNEL(max_pool_gradient, MaxPoolGradient) {
    Long at = place();
    if (at >= a.len) return;
    struct Window w = a.window;
    Long channel = at % w.channels, pixel = at / w.channels;
    Long column = pixel % w.in_width, row = pixel / w.in_width % w.in_height;
    Long image = pixel / (w.in_width * w.in_height);
    const float *x0 = a.x + image * w.in_height * w.in_width * w.channels + channel;
    const float *dy0 = a.dy + image * w.out_height * w.out_width * w.channels + channel;
    // The first window whose last row is not above this one.
    Long first_y = row + w.padding - w.kernel + 1, first_x = column + w.padding - w.kernel + 1;
    first_y = first_y > 0 ? (first_y + w.stride - 1) / w.stride : 0;
    first_x = first_x > 0 ? (first_x + w.stride - 1) / w.stride : 0;
    Long last_y = (row + w.padding) / w.stride, last_x = (column + w.padding) / w.stride;
    if (last_y >= w.out_height) last_y = w.out_height - 1;
    if (last_x >= w.out_width) last_x = w.out_width - 1;
    float sum = 0.0f;
    for (Long y = first_y; y <= last_y; y++) {
        for (Long x = first_x; x <= last_x; x++) {
            if (winner_of(w, x0, y, x) == row * w.in_width + column) sum += dy0[(y * w.out_width + x) * w.channels];
        }
    }
    a.dx[at] = sum;
}

// y[channel][image] = the mean over pixels; a thread for each image and channel.
struct AveragePool { const float *x; float *y; Long images; Long channels; Long pixels; };

KERNEL(average_pool, AveragePool) {
    Long at = place();
    if (at >= a.images * a.channels) return;
    Long image = at / a.channels, channel = at % a.channels;
    const float *x = a.x + image * a.pixels * a.channels + channel;
    float sum = 0.0f;
    for (Long pixel = 0; pixel < a.pixels; pixel++) sum += x[pixel * a.channels];
    a.y[channel * a.images + image] = sum / (float)a.pixels;
}

struct AveragePoolGradient { const float *dy; float *dx; Long images; Long channels; Long pixels; };

KERNEL(average_pool_gradient, AveragePoolGradient) {
    Long at = place();
    if (at >= a.images * a.channels * a.pixels) return;
    Long channel = at % a.channels, image = at / (a.channels * a.pixels);
    a.dx[at] = a.dy[channel * a.images + image] / (float)a.pixels;
}
