// Kernels over flat buffers of parameters and their gradients, element by element. Reference: cpu/pointwise.rs.

// g += decay p; m = kept m + g; p -= rate m.
struct Sgd {
    const float *gradient;
    float *momentum;
    float *parameters;
    Long len;
    float rate;
    float kept;
    float decay;
};

KERNEL(sgd, Sgd) {
    Long at = place();
    if (at >= a.len) return;
    float p = a.parameters[at];
    float g = a.gradient[at] + a.decay * p;
    float m = a.kept * a.momentum[at] + g;
    a.momentum[at] = m;
    a.parameters[at] = p - a.rate * m;
}

struct MovingAverage { const float *source; float *target; Long len; float kept; float taken; };

KERNEL(moving_average, MovingAverage) {
    Long at = place();
    if (at < a.len) a.target[at] = a.kept * a.target[at] + a.taken * a.source[at];
}

struct Clear { float *x; Long len; };

KERNEL(clear, Clear) {
    Long at = place();
    if (at < a.len) a.x[at] = 0.0f;
}
