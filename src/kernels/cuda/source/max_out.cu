// The largest of each `pieces` neighbouring features, row by row. Reference: cpu/max_out.rs.

// x [outputs, pieces, rows], y [outputs, rows].
struct MaxOut { const float *x; float *y; Long rows; Long pieces; Long len; };

KERNEL(max_out, MaxOut) {
    Long at = place();
    if (at >= a.len) return;
    const float *x = a.x + at / a.rows * a.pieces * a.rows + at % a.rows;
    float largest = x[0];
    for (Long piece = 1; piece < a.pieces; piece++) {
        float value = x[piece * a.rows];
        if (overtakes(value, largest)) largest = value;
    }
    a.y[at] = largest;
}

struct MaxOutGradient { const float *x; const float *dy; float *dx; Long rows; Long pieces; Long len; };

KERNEL(max_out_gradient, MaxOutGradient) {
    Long at = place();
    if (at >= a.len) return;
    Long first = at / a.rows * a.pieces * a.rows + at % a.rows;
    float largest = a.x[first];
    Long winner = 0;
    for (Long piece = 1; piece < a.pieces; piece++) {
        float value = a.x[first + piece * a.rows];
        if (overtakes(value, largest)) {
            largest = value;
            winner = piece;
        }
    }
    for (Long piece = 0; piece < a.pieces; piece++) {
        a.dx[first + piece * a.rows] = piece == winner ? a.dy[at] : 0.0f;
    }
}
