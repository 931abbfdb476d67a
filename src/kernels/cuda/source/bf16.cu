// From f32 to bfloat16 and back, element by element. Without a reference: host.rs checks every pattern of bits.

struct ToBf16 { const float *from; struct Bf16 *to; Long len; };

KERNEL(to_bf16, ToBf16) {
    Long at = place();
    if (at < a.len) a.to[at] = rounded(a.from[at]);
}

struct FromBf16 { const struct Bf16 *from; float *to; Long len; };

KERNEL(from_bf16, FromBf16) {
    Long at = place();
    if (at < a.len) a.to[at] = widened(a.from[at]);
}
