// Pooling of pictures [images, height, width, channels]. Reference: cpu/pooling.rs.

// The input pixel, of one image, that holds the largest value of the window of output row `y` and column `x`. `x0` is
// the image's first value of the channel.
INLINE Long NAMED(winner_of)(struct Window w, const Value *x0, Long y, Long x) {
    Long top = window_start(y, w.stride, w.padding), left = window_start(x, w.stride, w.padding);
    Long bottom = window_end(y, w.stride, w.padding, w.kernel, w.in_height);
    Long right = window_end(x, w.stride, w.padding, w.kernel, w.in_width);
    // What nothing exceeds is the window's first pixel.
    Long winner = top * w.in_width + left;
    float largest = -INFINITY;
    for (Long row = top; row < bottom; row++) {
        for (Long column = left; column < right; column++) {
            Long pixel = row * w.in_width + column;
            float value = FLOAT(x0[pixel * w.channels]);
            if (overtakes(value, largest)) {
                largest = value;
                winner = pixel;
            }
        }
    }
    return winner;
}

// A thread for each value of y.
struct NAMED(MaxPool) { const Value *x; Value *y; Long len; struct Window window; };

KERNEL(NAMED(max_pool), NAMED(MaxPool)) {
    Long at = place();
    if (at >= a.len) return;
    struct Window w = a.window;
    Long channel = at % w.channels, pixel = at / w.channels;
    Long x = pixel % w.out_width, y = pixel / w.out_width % w.out_height;
    Long image = pixel / (w.out_width * w.out_height);
    const Value *x0 = a.x + image * w.in_height * w.in_width * w.channels + channel;
    a.y[at] = x0[NAMED(winner_of)(w, x0, y, x) * w.channels];
}

// A thread for each value of dx: it looks through the windows that cover its pixel, in their order, and takes the dy of
// those that it won.
struct NAMED(MaxPoolGradient) { const Value *x; const Value *dy; Value *dx; Long len; struct Window window; };

KERNEL(NAMED(max_pool_gradient), NAMED(MaxPoolGradient)) {
    Long at = place();
    if (at >= a.len) return;
    struct Window w = a.window;
    Long channel = at % w.channels, pixel = at / w.channels;
    Long column = pixel % w.in_width, row = pixel / w.in_width % w.in_height;
    Long image = pixel / (w.in_width * w.in_height);
    const Value *x0 = a.x + image * w.in_height * w.in_width * w.channels + channel;
    const Value *dy0 = a.dy + image * w.out_height * w.out_width * w.channels + channel;
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
            if (NAMED(winner_of)(w, x0, y, x) != row * w.in_width + column) continue;
            sum += FLOAT(dy0[(y * w.out_width + x) * w.channels]);
        }
    }
    a.dx[at] = ROUND(sum);
}

// y[channel][image] = the mean over pixels; a thread for each image and channel.
struct NAMED(AveragePool) { const Value *x; Value *y; Long images; Long channels; Long pixels; };

KERNEL(NAMED(average_pool), NAMED(AveragePool)) {
    Long at = place();
    if (at >= a.images * a.channels) return;
    Long image = at / a.channels, channel = at % a.channels;
    const Value *x = a.x + image * a.pixels * a.channels + channel;
    float sum = 0.0f;
    for (Long pixel = 0; pixel < a.pixels; pixel++) sum += FLOAT(x[pixel * a.channels]);
    a.y[channel * a.images + image] = ROUND(sum / (float)a.pixels);
}

struct NAMED(AveragePoolGradient) { const Value *dy; Value *dx; Long images; Long channels; Long pixels; };

KERNEL(NAMED(average_pool_gradient), NAMED(AveragePoolGradient)) {
    Long at = place();
    if (at >= a.images * a.channels * a.pixels) return;
    Long channel = at % a.channels, image = at / (a.channels * a.pixels);
    a.dx[at] = ROUND(FLOAT(a.dy[channel * a.images + image]) / (float)a.pixels);
}
