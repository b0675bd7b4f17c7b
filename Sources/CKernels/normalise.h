// One row of layer normalisation, epsilon 1e-5 as in PyTorch.
#pragma once
#include "vectors.h"
#include <math.h>

// x (n), whose sum is `sum`, becomes (x - mean) / deviation; y = x * gain + shift. Returns 1 / deviation.
INLINE float normalise_row(float *x, float sum, const float *gain, const float *shift, float *y, size_t n) {
    float mean = sum / (float)n, squares = 0;
    for (size_t k = 0; k < n; k++) squares += (x[k] - mean) * (x[k] - mean);
    float scale = 1.0f / sqrtf(squares / (float)n + 1e-5f);
    for (size_t k = 0; k < n; k++) {
        x[k] = (x[k] - mean) * scale;
        y[k] = x[k] * gain[k] + shift[k];
    }
    return scale;
}

// dx (n) and, where it is another place, `copy` = gradient of x before its normalisation, from dy and the normalised x.
INLINE void normalise_row_backward(const float *dy, const float *x, float scale, const float *gain, float *dx,
                                   float *copy, float *dgain, float *dshift, size_t n) {
    float sum = 0, projection = 0;
    for (size_t k = 0; k < n; k++) {
        float scaled = dy[k] * gain[k];
        sum += scaled;
        projection += scaled * x[k];
        dgain[k] += dy[k] * x[k];
        dshift[k] += dy[k];
    }
    float mean = sum / (float)n, slope = projection / (float)n;
    for (size_t k = 0; k < n; k++) {
        float g = scale * (dy[k] * gain[k] - mean - x[k] * slope);
        dx[k] = g;
        copy[k] = g;
    }
}
