#pragma once
#include "transformer.h"

// Plain layers, beside the fused ones of transformer.h.

// x (count) = max(x, 0).
void ck_rectify(float *x, size_t count);

// x (rows, width; stride floats from row to row) is multiplied by the dropout's mask. Element k of row i has its mask
// from (i, k) alone, whatever the stride: the i-th row's masks begin at block i * ceil(width / 16) of sixteen.
void ck_dropout_rows(const ck_dropout *dropout, float *x, size_t rows, size_t width, size_t stride);

// y (rows, D) = (x - mean) / deviation * gain + shift. x becomes the normalised x, `inverse` (rows) 1 / deviation.
// Epsilon 1e-5 as in PyTorch.
void ck_layer_norm_forward(float *x, const float *gain, const float *shift, float *y, float *inverse, size_t rows,
                           size_t dimension);
// dx (rows, D) from dy, which it may be; adds to dgain and dshift (D).
void ck_layer_norm_backward(const float *dy, const float *normalised, const float *inverse, const float *gain,
                            float *dx, float *dgain, float *dshift, size_t rows, size_t dimension);

// y (count, D) = rows `indices` (count) of table (., D).
void ck_rows_gather(const float *table, const int32_t *indices, float *y, size_t count, size_t dimension);
// Adds dy (count, D) to those rows of dtable.
void ck_rows_scatter(float *dtable, const int32_t *indices, const float *dy, size_t count, size_t dimension);
