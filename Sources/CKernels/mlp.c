#include "activations.h"
#include <math.h>

KERNEL void ck_mlp_gather(const int32_t *components, size_t width, const float *b, float *c, size_t rows,
                          size_t columns, const float *bias, int activation) {
    IN_ORDER
    for (size_t i = 0; i < rows; i++, components += width, c += columns)
        for (size_t j = 0; j < columns; j += 16) {
            v16 sum = LOAD(bias + j);
            for (size_t k = 0; k < width; k++) sum += LOAD(b + components[k] * columns + j);
            bend(&sum, activation);
            STORE(c + j, sum);
        }
}

KERNEL void ck_mlp_scatter(const int32_t *components, size_t width, const float *dc, float *db, size_t rows,
                           size_t columns) {
    for (size_t i = 0; i < rows; i++, components += width, dc += columns)
        for (size_t k = 0; k < width; k++) {
            float *row = db + components[k] * columns;
            for (size_t j = 0; j < columns; j++) row[j] += dc[j];
        }
}

KERNEL void ck_mlp_activation_backward(const float *c, float *dc, size_t count, int activation) {
    if (activation == CK_RECTIFY)
        for (size_t i = 0; i < count; i++) dc[i] = c[i] > 0 ? dc[i] : 0;
    if (activation == CK_TANH)
        for (size_t i = 0; i < count; i++) dc[i] *= 1 - c[i] * c[i];
}

KERNEL void ck_mlp_bias_backward(const float *dc, float *db, size_t rows, size_t columns) {
    IN_ORDER
    for (size_t j = 0; j < columns; j += 16) {
        v16 sum = LOAD(db + j);
        for (size_t i = 0; i < rows; i++) sum += LOAD(dc + i * columns + j);
        STORE(db + j, sum);
    }
}

void ck_policy(const float *heads, size_t stride, size_t rows, size_t actions, float *probabilities,
               float *log_probabilities, float *entropies) {
    IN_ORDER
    for (size_t i = 0; i < rows; i++, heads += stride, probabilities += actions, log_probabilities += actions) {
        float largest = heads[0], sum = 0, entropy = 0;
        for (size_t j = 1; j < actions; j++) largest = heads[j] > largest ? heads[j] : largest;
        for (size_t j = 0; j < actions; j++) sum += expf(heads[j] - largest);
        const float shift = largest + logf(sum);
        for (size_t j = 0; j < actions; j++) {
            log_probabilities[j] = heads[j] - shift;
            probabilities[j] = expf(log_probabilities[j]);
            entropy -= probabilities[j] * log_probabilities[j];
        }
        entropies[i] = entropy;
    }
}
