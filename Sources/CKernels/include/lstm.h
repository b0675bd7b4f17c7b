#pragma once
#include <stddef.h>

// Long short-term memory, a step of `rows` sequences at a time. H units, I inputs. Gates lie in PyTorch's order: input,
// forget, cell, output, each H columns of (rows, 4H).

// One layer's weights in the order in which a step reads them. A panel has the weights of 16 units: for each column of
// the weight four times 16 floats, a gate after the other; zeros where there is no unit any more.
typedef struct {
    const float *input;   // panels of W_ih, ceil(H / 16) of (I, 4, 16)
    const float *hidden;  // panels of W_hh, ceil(H / 16) of (H, 4, 16)
    const float *bias;    // (4H), the sum of both
    size_t inputs, units;
} ck_lstm_weights;

// Panels, ceil(H / 16) of (depth, 4, 16), of a weight (4H, depth).
void ck_lstm_pack(const float *weight, float *panels, size_t units, size_t depth);

// gates (rows, 4H) = bias + x W_ih^T; x (rows, I).
void ck_lstm_project(const ck_lstm_weights *weights, const float *x, float *gates, size_t rows);

// cells and hidden (rows, H) of a step from those before it, which cells may be and hidden may not. x (rows, I); without
// it, gates hold bias + x W_ih^T. gates (rows, 4H) become the activated ones; without them none are kept. A row's bits
// depend on neither: sums are those of bias, x and the hidden units before, in this order.
void ck_lstm_step(const ck_lstm_weights *weights, const float *x, const float *hidden_before,
                  const float *cells_before, float *gates, float *cells, float *hidden, size_t rows);

// gates: the activated ones, become the gradient of their sums. dhidden (rows, H): gradient of the step's output.
// dcells (rows, H): what the step after asks of `cells`; becomes what this one asks of `cells_before`.
void ck_lstm_backward(float *gates, const float *cells_before, const float *cells, const float *dhidden, float *dcells,
                      size_t rows, size_t units);
