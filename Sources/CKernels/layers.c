// The loops of the plain layers.
#include "CKernels.h"
#include "normalise.h"
#include "philox.h"
#include "vectors.h"

KERNEL void ck_rectify(float *x, size_t count) {
    for (size_t i = 0; i < count; i++) x[i] = x[i] > 0 ? x[i] : 0;
}

KERNEL void ck_dropout_rows(const ck_dropout *dropout, float *x, size_t rows, size_t width, size_t stride) {
    if (!dropout || dropout->threshold == 0) return;
    mask_stream masks;
    masks.next = 0;
    for (size_t i = 0; i < rows; i++) drop_elements(&masks, dropout, x + i * stride, width);
}

KERNEL void ck_layer_norm_forward(float *x, const float *gain, const float *shift, float *y, float *inverse,
                                  size_t rows, size_t dimension) {
    for (size_t i = 0; i < rows; i++) {
        float *row = x + i * dimension, sum = 0;
        for (size_t k = 0; k < dimension; k++) sum += row[k];
        inverse[i] = normalise_row(row, sum, gain, shift, y + i * dimension, dimension);
    }
}

KERNEL void ck_layer_norm_backward(const float *dy, const float *normalised, const float *inverse, const float *gain,
                                   float *dx, float *dgain, float *dshift, size_t rows, size_t dimension) {
    for (size_t i = 0; i < rows; i++) {
        size_t row = i * dimension;
        normalise_row_backward(dy + row, normalised + row, inverse[i], gain, dx + row, dx + row, dgain, dshift,
                               dimension);
    }
}

void ck_rows_gather(const float *table, const int32_t *indices, float *y, size_t count, size_t dimension) {
    for (size_t i = 0; i < count; i++)
        memcpy(y + i * dimension, table + (size_t)indices[i] * dimension, dimension * sizeof(float));
}

KERNEL void ck_rows_scatter(float *dtable, const int32_t *indices, const float *dy, size_t count, size_t dimension) {
    for (size_t i = 0; i < count; i++) {
        float *row = dtable + (size_t)indices[i] * dimension;
        const float *d = dy + i * dimension;
        for (size_t k = 0; k < dimension; k++) row[k] += d[k];
    }
}
