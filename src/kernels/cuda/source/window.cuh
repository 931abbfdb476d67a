// The windows of pooling.

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
