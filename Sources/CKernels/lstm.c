// The gates of long short-term memory (Hochreiter and Schmidhuber 1997, with the forget gate of Gers et al. 2000):
// c' = f c + i g, h = o tanh(c').
#include "CKernels.h"
#include "activations.h"
#include "vectors.h"

INLINE void sigmoid(v16 *x) {
    v16 e = -*x;
    exp_lanes(&e);
    *x = 1.0f / (1.0f + e);
}

INLINE void step_forward(float *gates, const float *bias, const float *before, float *cells, float *hidden,
                         size_t units, size_t n) {
    v16 gate[4], shift, state;
    for (size_t g = 0; g < 4; g++) {
        load_lanes(gates + g * units, n, &gate[g]);
        load_lanes(bias + g * units, n, &shift);
        gate[g] += shift;
        if (g == 2) hyperbolic_tangent(&gate[g]);
        else sigmoid(&gate[g]);
        store_lanes(gates + g * units, n, &gate[g]);
    }
    load_lanes(before, n, &state);
    state = gate[1] * state + gate[0] * gate[2];
    store_lanes(cells, n, &state);
    hyperbolic_tangent(&state);
    state *= gate[3];
    store_lanes(hidden, n, &state);
}

INLINE void step_backward(float *gates, const float *before, const float *cells, const float *dhidden, float *dcells,
                          size_t units, size_t n) {
    v16 gate[4], bent, d, state, dstate;
    for (size_t g = 0; g < 4; g++) load_lanes(gates + g * units, n, &gate[g]);
    load_lanes(cells, n, &bent);
    load_lanes(before, n, &state);
    load_lanes(dhidden, n, &d);
    load_lanes(dcells, n, &dstate);
    hyperbolic_tangent(&bent);
    v16 in = gate[0], forget = gate[1], cell = gate[2], out = gate[3];
    dstate += d * out * (1.0f - bent * bent);
    gate[0] = dstate * cell * in * (1.0f - in);
    gate[1] = dstate * state * forget * (1.0f - forget);
    gate[2] = dstate * in * (1.0f - cell * cell);
    gate[3] = d * bent * out * (1.0f - out);
    for (size_t g = 0; g < 4; g++) store_lanes(gates + g * units, n, &gate[g]);
    dstate *= forget;
    store_lanes(dcells, n, &dstate);
}

KERNEL void ck_lstm_forward(float *gates, const float *bias, const float *cells_before, float *cells, float *hidden,
                            size_t rows, size_t units) {
    size_t whole = units & ~(size_t)(LANES - 1);
    for (size_t i = 0; i < rows; i++) {
        float *row = gates + 4 * i * units;
        size_t at = i * units;
        for (size_t k = 0; k < whole; k += LANES)
            step_forward(row + k, bias + k, cells_before + at + k, cells + at + k, hidden + at + k, units, LANES);
        if (whole < units)
            step_forward(row + whole, bias + whole, cells_before + at + whole, cells + at + whole, hidden + at + whole,
                         units, units - whole);
    }
}

KERNEL void ck_lstm_backward(float *gates, const float *cells_before, const float *cells, const float *dhidden,
                             float *dcells, size_t rows, size_t units) {
    size_t whole = units & ~(size_t)(LANES - 1);
    for (size_t i = 0; i < rows; i++) {
        float *row = gates + 4 * i * units;
        size_t at = i * units;
        for (size_t k = 0; k < whole; k += LANES)
            step_backward(row + k, cells_before + at + k, cells + at + k, dhidden + at + k, dcells + at + k, units,
                          LANES);
        if (whole < units)
            step_backward(row + whole, cells_before + at + whole, cells + at + whole, dhidden + at + whole,
                          dcells + at + whole, units, units - whole);
    }
}
