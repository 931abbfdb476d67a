// Row i becomes own[i] of itself and other[i] of row partner[i]. Reference: cpu/row_mix.rs.

// Rows that lie feature by feature: x, y [width, rows].
struct NAMED(MixRows) {
    const Value *x;
    Value *y;
    const float *own;
    const float *other;
    const unsigned *partner;
    Long rows;
    Long len;
};

KERNEL(NAMED(mix_rows), NAMED(MixRows)) {
    Long at = place();
    if (at >= a.len) return;
    Long row = at % a.rows;
    a.y[at] = ROUND(a.own[row] * FLOAT(a.x[at]) + a.other[row] * FLOAT(a.x[at - row + a.partner[row]]));
}

// Pictures of `width` values each: x, y [rows, width].
struct NAMED(MixPictures) {
    const Value *x;
    Value *y;
    const float *own;
    const float *other;
    const unsigned *partner;
    Long width;
    Long len;
};

KERNEL(NAMED(mix_pictures), NAMED(MixPictures)) {
    Long at = place();
    if (at >= a.len) return;
    Long row = at / a.width;
    Value other = a.x[(Long)a.partner[row] * a.width + at % a.width];
    a.y[at] = ROUND(a.own[row] * FLOAT(a.x[at]) + a.other[row] * FLOAT(other));
}
