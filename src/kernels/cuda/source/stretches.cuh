// Stretches of pixels: channels of a pixel lie together, so that neighbouring threads take neighbouring channels. A
// block takes ACROSS channels of a stretch of pixels; what it finds is put together by another kernel (pixel_folds.cu).

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

// Over the threads of a channel.
SUM_OF_PARTS(down_sum, float, DOWN, ACROSS)
SUM_OF_PARTS(fold_sum, double, FOLD, ACROSS)
