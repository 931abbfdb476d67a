// bfloat16: the upper half of an f32. Bit by bit, so that a GPU and the host round alike.

struct Bf16 { unsigned short bits; };

INLINE float widened(struct Bf16 value) {
    unsigned bits = (unsigned)value.bits << 16;
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

// To the nearest, of two the even one.
INLINE struct Bf16 rounded(float x) {
    unsigned bits;
    memcpy(&bits, &x, sizeof bits);
    // Of what is not a number, what is left could be all zeros, which is infinity.
    unsigned upper = x != x ? bits >> 16 | 0x40 : (bits + 0x7fff + (bits >> 16 & 1)) >> 16;
    struct Bf16 value = { (unsigned short)upper };
    return value;
}
