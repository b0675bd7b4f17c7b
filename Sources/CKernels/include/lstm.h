#pragma once
#include <stddef.h>

// One step of long short-term memory behind its matrix products, for `rows` sequences and H units. Gates lie in
// PyTorch's order: input, forget, cell, output, each H columns of (rows, 4H).

// gates: sums of both products, become the activated gates once `bias` (4H) is added. cells and hidden (rows, H).
void ck_lstm_forward(float *gates, const float *bias, const float *cells_before, float *cells, float *hidden,
                     size_t rows, size_t units);
// gates: the activated ones, become the gradient of their sums. dhidden (rows, H): gradient of the step's output.
// dcells (rows, H): what the step after asks of `cells`; becomes what this one asks of `cells_before`.
void ck_lstm_backward(float *gates, const float *cells_before, const float *cells, const float *dhidden, float *dcells,
                      size_t rows, size_t units);
