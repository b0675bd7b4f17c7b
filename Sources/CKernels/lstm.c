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

// Rows of a tile, units of a panel, and the floats of a panel that belong to one column of the weight.
#define MOST_ROWS 6
#define UNITS 16
#define PANEL (4 * UNITS)

// What a step does; where `x` is missing its sums lie in `gates` already, where `hidden` is missing nothing but they are
// wanted.
typedef struct {
    const ck_lstm_weights *weights;
    const float *x, *hidden_before, *cells_before;
    float *gates, *cells, *hidden;
} lstm_step;

// Adds a (R, depth) times the columns of V gates, from number `first` on, to the tile (R, 4, 16), which is in registers
// over the whole depth.
INLINE void add_product(const int R, const int V, const float *a, size_t depth, const float *panel, float *tile,
                        int first) {
    IN_ORDER
    v16 sum[MOST_ROWS][4];
#pragma unroll
    for (int r = 0; r < R; r++)
#pragma unroll
        for (int v = 0; v < V; v++) sum[r][v] = LOAD(tile + r * PANEL + UNITS * (first + v));
    for (size_t k = 0; k < depth; k++) {
        v16 w[4];
#pragma unroll
        for (int v = 0; v < V; v++) w[v] = LOAD(panel + k * PANEL + UNITS * (first + v));
#pragma unroll
        for (int r = 0; r < R; r++) {
            const float x = a[r * depth + k];
#pragma unroll
            for (int v = 0; v < V; v++) sum[r][v] += x * w[v];
        }
    }
#pragma unroll
    for (int r = 0; r < R; r++)
#pragma unroll
        for (int v = 0; v < V; v++) STORE(tile + r * PANEL + UNITS * (first + v), sum[r][v]);
}

// The gates of n units of one row, from their sums, and what follows from them.
INLINE void activate(float *sums, const float *before, float *cells, float *hidden, size_t n) {
    IN_ORDER
    v16 gate[4], state;
    for (int g = 0; g < 4; g++) {
        gate[g] = LOAD(sums + UNITS * g);
        if (g == 2) hyperbolic_tangent(&gate[g]);
        else sigmoid(&gate[g]);
        STORE(sums + UNITS * g, gate[g]);
    }
    load_lanes(before, n, &state);
    state = gate[1] * state + gate[0] * gate[2];
    store_lanes(cells, n, &state);
    hyperbolic_tangent(&state);
    state *= gate[3];
    store_lanes(hidden, n, &state);
}

// The tile of rows i..<i + R and the n units from j on: its sums, V gates at a time, and at once what follows from them.
INLINE void step_tile(const int R, const int V, const lstm_step *step, size_t i, size_t j, size_t n) {
    const ck_lstm_weights *weights = step->weights;
    const size_t units = weights->units, inputs = weights->inputs;
    const float *begin = step->x ? weights->bias + j : step->gates + 4 * i * units + j;
    float tile[MOST_ROWS * PANEL] __attribute__((aligned(64)));
    for (int r = 0; r < R; r++)
        for (int g = 0; g < 4; g++) {
            v16 sum;
            load_lanes(begin + (step->x ? 0 : 4 * r * units) + g * units, n, &sum);
            STORE(tile + r * PANEL + UNITS * g, sum);
        }
    for (int first = 0; first < 4; first += V) {
        if (step->x) add_product(R, V, step->x + i * inputs, inputs, weights->input + 4 * j * inputs, tile, first);
        if (step->hidden)
            add_product(R, V, step->hidden_before + i * units, units, weights->hidden + 4 * j * units, tile, first);
    }
    for (int r = 0; r < R; r++) {
        size_t at = (i + r) * units + j;
        if (step->hidden)
            activate(tile + r * PANEL, step->cells_before + at, step->cells + at, step->hidden + at, n);
        if (!step->gates) continue;
        for (int g = 0; g < 4; g++) {
            v16 gate = LOAD(tile + r * PANEL + UNITS * g);
            store_lanes(step->gates + 4 * (i + r) * units + g * units + j, n, &gate);
        }
    }
}

#define CASE(n) \
    case n: step_tile(n, V, step, i, j, lanes); break;
// A panel of units after the other, each for all rows, so that it stays in the second-level cache.
INLINE void step_rows(const int R, const int V, const lstm_step *step, size_t rows) {
    const size_t units = step->weights->units;
    for (size_t j = 0; j < units; j += UNITS) {
        size_t i = 0, lanes = units - j < UNITS ? units - j : UNITS;
        for (; i + R <= rows; i += R) step_tile(R, V, step, i, j, lanes);
        switch (rows - i) {
            CASE(1)
            CASE(2)
            CASE(3)
            CASE(4)
            CASE(5)
        }
    }
}

#if defined(__x86_64__)
// As in product.c: the sums take 24 of 32 registers of 16 floats, 12 of 16 registers of 8 floats.
__attribute__((target("avx512f"))) static void step_avx512(const lstm_step *step, size_t rows) {
    step_rows(6, 4, step, rows);
}
__attribute__((target("avx2,fma"))) static void step_avx2(const lstm_step *step, size_t rows) {
    step_rows(6, 1, step, rows);
}
static void step_baseline(const lstm_step *step, size_t rows) { step_rows(3, 1, step, rows); }

static void run_step(const lstm_step *step, size_t rows) {
    if (__builtin_cpu_supports("avx512f")) return step_avx512(step, rows);
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return step_avx2(step, rows);
    step_baseline(step, rows);
}
#else
static void run_step(const lstm_step *step, size_t rows) { step_rows(6, 1, step, rows); }
#endif

void ck_lstm_project(const ck_lstm_weights *weights, const float *x, float *gates, size_t rows) {
    lstm_step step = {.weights = weights, .x = x, .gates = gates};
    run_step(&step, rows);
}

void ck_lstm_step(const ck_lstm_weights *weights, const float *x, const float *hidden_before,
                  const float *cells_before, float *gates, float *cells, float *hidden, size_t rows) {
    lstm_step step = {weights, x, hidden_before, cells_before, gates, cells, hidden};
    run_step(&step, rows);
}

KERNEL void ck_lstm_pack(const float *weight, float *panels, size_t units, size_t depth) {
    for (size_t j = 0; j < units; j += UNITS, panels += depth * PANEL)
        for (size_t g = 0; g < 4; g++)
            for (size_t u = 0; u < UNITS; u++) {
                const float *row = weight + (g * units + j + u) * depth;
                float *column = panels + UNITS * g + u;
                if (j + u < units)
                    for (size_t k = 0; k < depth; k++) column[k * PANEL] = row[k];
                else
                    for (size_t k = 0; k < depth; k++) column[k * PANEL] = 0;
            }
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
