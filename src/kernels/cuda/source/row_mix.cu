// Row i becomes own[i] of itself and other[i] of row partner[i]. Reference: cpu/row_mix.rs.

// Rows that lie feature by feature: x, y [width, rows].
struct MixRows {
    const float *x;
    float *y;
    const float *own;
    const float *other;
    const unsigned *partner;
    Long rows;
    Long len;
};

KERNEL(mix_rows, MixRows) {
    Long at = place();
    if (at >= a.len) return;
    Long row = at % a.rows;
    a.y[at] = a.own[row] * a.x[at] + a.other[row] * a.x[at - row + a.partner[row]];
}

// Pictures of `width` values each: x, y [rows, width].
struct MixPictures {
    const float *x;
    float *y;
    const float *own;
    const float *other;
    const unsigned *partner;
    Long width;
    Long len;
};

KERNEL(mix_pictures, MixPictures) {
    Long at = place();
    if (at >= a.len) return;
    Long row = at / a.width;
    a.y[at] = a.own[row] * a.x[at] + a.other[row] * a.x[(Long)a.partner[row] * a.width + at % a.width];
}
