// The largest of each `pieces` neighbouring features, row by row. Reference: cpu/max_out.rs.

// x [outputs, pieces, rows], y [outputs, rows].
struct NAMED(MaxOut) { const Value *x; Value *y; Long rows; Long pieces; Long len; };

KERNEL(NAMED(max_out), NAMED(MaxOut)) {
    Long at = place();
    if (at >= a.len) return;
    const Value *x = a.x + at / a.rows * a.pieces * a.rows + at % a.rows;
    float largest = FLOAT(x[0]);
    for (Long piece = 1; piece < a.pieces; piece++) {
        float value = FLOAT(x[piece * a.rows]);
        if (overtakes(value, largest)) largest = value;
    }
    a.y[at] = ROUND(largest);
}

struct NAMED(MaxOutGradient) { const Value *x; const Value *dy; Value *dx; Long rows; Long pieces; Long len; };

KERNEL(NAMED(max_out_gradient), NAMED(MaxOutGradient)) {
    Long at = place();
    if (at >= a.len) return;
    Long first = at / a.rows * a.pieces * a.rows + at % a.rows;
    float largest = FLOAT(a.x[first]);
    Long winner = 0;
    for (Long piece = 1; piece < a.pieces; piece++) {
        float value = FLOAT(a.x[first + piece * a.rows]);
        if (overtakes(value, largest)) {
            largest = value;
            winner = piece;
        }
    }
    for (Long piece = 0; piece < a.pieces; piece++) {
        a.dx[first + piece * a.rows] = piece == winner ? a.dy[at] : ROUND(0.0f);
    }
}
