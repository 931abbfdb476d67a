// Kernels that go over activations once, element by element. Reference: cpu/pointwise.rs, and what is said at each.

struct NAMED(Relu) { Value *x; Long len; };

KERNEL(NAMED(relu), NAMED(Relu)) {
    Long at = place();
    if (at < a.len) a.x[at] = ROUND(rectified(FLOAT(a.x[at])));
}

struct NAMED(ReluGradient) { const Value *y; Value *d; Long len; };

KERNEL(NAMED(relu_gradient), NAMED(ReluGradient)) {
    Long at = place();
    if (at < a.len && !passes(FLOAT(a.y[at]))) a.d[at] = ROUND(0.0f);
}

// to += from. Reference: the last argument of convolution_input_gradient.
struct NAMED(Add) { const Value *from; Value *to; Long len; };

KERNEL(NAMED(add), NAMED(Add)) {
    Long at = place();
    if (at < a.len) a.to[at] = ROUND(FLOAT(a.to[at]) + FLOAT(a.from[at]));
}
