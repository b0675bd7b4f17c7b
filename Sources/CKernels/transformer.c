// The loops of the transformer outside its matrix products and its attention.
#include "CKernels.h"
#include "normalise.h"
#include "philox.h"
#include "vectors.h"
#include <math.h>

KERNEL void ck_philox(const ck_dropout *dropout, uint32_t block, uint32_t *out) {
    v16w words[4];
    philox_block(words, dropout, block);
    for (int i = 0; i < 16; i++) {
        const uint32_t *pairs = (const uint32_t *)(words + 2 * (i / 8));
        int lane = i % 8;
        out[4 * i] = pairs[2 * lane];
        out[4 * i + 1] = pairs[2 * lane + 1];
        out[4 * i + 2] = pairs[16 + 2 * lane];
        out[4 * i + 3] = pairs[16 + 2 * lane + 1];
    }
}

KERNEL void ck_dropout_apply(const ck_dropout *dropout, float *x, size_t count) {
    if (!dropout || dropout->threshold == 0) return;
    mask_stream masks;
    masks.next = 0;
    drop_elements(&masks, dropout, x, count);
}

KERNEL void ck_embed_forward(const ck_embedding *w, const ck_tokens *tokens, size_t rows, size_t dimension,
                             size_t first_position, float *x) {
    for (size_t i = 0; i < rows; i++) {
        float *to = x + i * dimension;
        const float *position = w->position + (first_position + i) * dimension;
        if (tokens->masked[i]) {
            for (size_t k = 0; k < dimension; k++) to[k] = position[k] + w->mask[k];
        } else {
            const float *action = w->action + (size_t)tokens->actions[i] * dimension;
            float reward = tokens->rewards[i];
            for (size_t k = 0; k < dimension; k++)
                to[k] = position[k] + action[k] + w->reward_bias[k] + reward * w->reward[k];
        }
        for (size_t c = 0; c < tokens->width; c++) {
            const float *row = w->observation + (size_t)tokens->components[i * tokens->width + c] * dimension;
            for (size_t k = 0; k < dimension; k++) to[k] += row[k];
        }
    }
}

KERNEL void ck_embed_backward(const ck_embedding *g, const ck_tokens *tokens, size_t rows, size_t dimension,
                              size_t first_position, const float *dx) {
    for (size_t i = 0; i < rows; i++) {
        const float *d = dx + i * dimension;
        float *position = g->position + (first_position + i) * dimension;
        for (size_t k = 0; k < dimension; k++) position[k] += d[k];
        if (tokens->masked[i]) {
            for (size_t k = 0; k < dimension; k++) g->mask[k] += d[k];
        } else {
            float *action = g->action + (size_t)tokens->actions[i] * dimension;
            float reward = tokens->rewards[i];
            for (size_t k = 0; k < dimension; k++) action[k] += d[k];
            for (size_t k = 0; k < dimension; k++) g->reward_bias[k] += d[k];
            if (reward != 0)
                for (size_t k = 0; k < dimension; k++) g->reward[k] += reward * d[k];
        }
        for (size_t c = 0; c < tokens->width; c++) {
            float *row = g->observation + (size_t)tokens->components[i * tokens->width + c] * dimension;
            for (size_t k = 0; k < dimension; k++) row[k] += d[k];
        }
    }
}

KERNEL void ck_embed_separate_forward(const ck_embedding *w, const ck_tokens *tokens, size_t rows, size_t dimension,
                                      size_t first_position, float *x) {
    size_t n = dimension;
    for (size_t i = 0; i < rows; i++) {
        float *to = x + 3 * i * n;
        const float *action =
            tokens->masked[i] & CK_MASKED_ACTION ? w->mask : w->action + (size_t)tokens->actions[i] * n;
        for (size_t k = 0; k < n; k++) to[k] = action[k];
        if (tokens->masked[i] & CK_MASKED_REWARD) {
            for (size_t k = 0; k < n; k++) to[n + k] = w->mask[k];
        } else {
            float reward = tokens->rewards[i];
            for (size_t k = 0; k < n; k++) to[n + k] = w->reward_bias[k] + reward * w->reward[k];
        }
        for (size_t k = 0; k < n; k++) to[2 * n + k] = 0;
        for (size_t c = 0; c < tokens->width; c++) {
            const float *row = w->observation + (size_t)tokens->components[i * tokens->width + c] * n;
            for (size_t k = 0; k < n; k++) to[2 * n + k] += row[k];
        }
        if (!w->position) continue;
        const float *position = w->position + (first_position + 3 * i) * n;
        for (size_t k = 0; k < 3 * n; k++) to[k] += position[k];
    }
}

KERNEL void ck_embed_separate_backward(const ck_embedding *g, const ck_tokens *tokens, size_t rows, size_t dimension,
                                       size_t first_position, const float *dx) {
    size_t n = dimension;
    for (size_t i = 0; i < rows; i++) {
        const float *d = dx + 3 * i * n;
        if (g->position) {
            float *position = g->position + (first_position + 3 * i) * n;
            for (size_t k = 0; k < 3 * n; k++) position[k] += d[k];
        }
        float *action = tokens->masked[i] & CK_MASKED_ACTION ? g->mask : g->action + (size_t)tokens->actions[i] * n;
        for (size_t k = 0; k < n; k++) action[k] += d[k];
        if (tokens->masked[i] & CK_MASKED_REWARD) {
            for (size_t k = 0; k < n; k++) g->mask[k] += d[n + k];
        } else {
            float reward = tokens->rewards[i];
            for (size_t k = 0; k < n; k++) g->reward_bias[k] += d[n + k];
            if (reward != 0)
                for (size_t k = 0; k < n; k++) g->reward[k] += reward * d[n + k];
        }
        for (size_t c = 0; c < tokens->width; c++) {
            float *row = g->observation + (size_t)tokens->components[i * tokens->width + c] * n;
            for (size_t k = 0; k < n; k++) row[k] += d[2 * n + k];
        }
    }
}

// Where D is a multiple of sixteen, every mask lies in one row. Eight rows at a time go through each step together, so
// that they wait for their sums together.
INLINE void residual_norm_rows(const float *residual, float *z, const float *bias, const float *gain,
                               const float *shift, float *y, float *inverse, size_t rows, size_t n,
                               const ck_dropout *dropout) {
    mask_stream masks;
    masks.next = 0;
    for (size_t first = 0; first < rows; first += 8) {
        size_t end = first + 8 < rows ? first + 8 : rows;
        float mean[8];
        for (size_t i = first; i < end; i++) {
            v16 sum = {};
            for (size_t k = 0; k < n; k += LANES) {
                v16 x = LOAD(z + i * n + k) + LOAD(bias + k);
                if (dropout) {
                    v16i drop;
                    next_mask(&masks, dropout, &drop);
                    x = (v16)((v16i)(x * dropout->scale) & ~drop);
                }
                x += LOAD(residual + i * n + k);
                STORE(z + i * n + k, x);
                sum += x;
            }
            mean[i - first] = sum_lanes(&sum) / (float)n;
        }
        for (size_t i = first; i < end; i++) {
            v16 squares = {};
            for (size_t k = 0; k < n; k += LANES) {
                v16 x = LOAD(z + i * n + k) - mean[i - first];
                squares += x * x;
            }
            inverse[i] = 1.0f / sqrtf(sum_lanes(&squares) / (float)n + 1e-5f);
        }
        for (size_t i = first; i < end; i++) {
            for (size_t k = 0; k < n; k += LANES) {
                v16 x = (LOAD(z + i * n + k) - mean[i - first]) * inverse[i];
                STORE(z + i * n + k, x);
                STORE(y + i * n + k, x * LOAD(gain + k) + LOAD(shift + k));
            }
        }
    }
}

INLINE void residual_norm_rows_backward(const float *dy, const float *normalised, const float *inverse,
                                        const float *gain, float *dresidual, float *dz, float *dgain, float *dshift,
                                        float *dbias, size_t rows, size_t n, const ck_dropout *dropout) {
    mask_stream masks;
    masks.next = 0;
    for (size_t first = 0; first < rows; first += 8) {
        size_t end = first + 8 < rows ? first + 8 : rows;
        float mean[8], slope[8];
        for (size_t i = first; i < end; i++) {
            v16 sum = {}, projection = {};
            for (size_t k = 0; k < n; k += LANES) {
                v16 d = LOAD(dy + i * n + k), x = LOAD(normalised + i * n + k), scaled = d * LOAD(gain + k);
                sum += scaled;
                projection += scaled * x;
                STORE(dgain + k, LOAD(dgain + k) + d * x);
                STORE(dshift + k, LOAD(dshift + k) + d);
            }
            mean[i - first] = sum_lanes(&sum) / (float)n;
            slope[i - first] = sum_lanes(&projection) / (float)n;
        }
        for (size_t i = first; i < end; i++) {
            for (size_t k = 0; k < n; k += LANES) {
                v16 x = LOAD(normalised + i * n + k) * slope[i - first];
                v16 g = inverse[i] * (LOAD(dy + i * n + k) * LOAD(gain + k) - mean[i - first] - x);
                STORE(dresidual + i * n + k, g);
                if (dropout) {
                    v16i drop;
                    next_mask(&masks, dropout, &drop);
                    g = (v16)((v16i)(g * dropout->scale) & ~drop);
                }
                STORE(dz + i * n + k, g);
                STORE(dbias + k, LOAD(dbias + k) + g);
            }
        }
    }
}

KERNEL void ck_residual_norm_forward(const float *residual, float *z, const float *bias, const float *gain,
                                     const float *shift, float *y, float *inverse, size_t rows, size_t dimension,
                                     const ck_dropout *dropout) {
    size_t n = dimension;
    if (dropout && dropout->threshold == 0) dropout = NULL;
    if (n % LANES == 0) return residual_norm_rows(residual, z, bias, gain, shift, y, inverse, rows, n, dropout);
    for (size_t i = 0; i < rows; i++)
        for (size_t k = 0; k < n; k++) z[i * n + k] += bias[k];
    if (dropout) {
        mask_stream masks;
        masks.next = 0;
        drop_elements(&masks, dropout, z, rows * n);
    }
    for (size_t i = 0; i < rows; i++) {
        const float *r = residual + i * n;
        float *s = z + i * n, sum = 0;
        for (size_t k = 0; k < n; k++) {
            s[k] += r[k];
            sum += s[k];
        }
        inverse[i] = normalise_row(s, sum, gain, shift, y + i * n, n);
    }
}

KERNEL void ck_residual_norm_backward(const float *dy, const float *normalised, const float *inverse,
                                      const float *gain, float *dresidual, float *dz, float *dgain, float *dshift,
                                      float *dbias, size_t rows, size_t dimension, const ck_dropout *dropout) {
    size_t n = dimension;
    if (dropout && dropout->threshold == 0) dropout = NULL;
    if (n % LANES == 0)
        return residual_norm_rows_backward(dy, normalised, inverse, gain, dresidual, dz, dgain, dshift, dbias, rows, n,
                                           dropout);
    for (size_t i = 0; i < rows; i++)
        normalise_row_backward(dy + i * n, normalised + i * n, inverse[i], gain, dresidual + i * n, dz + i * n, dgain,
                               dshift, n);
    if (dropout) {
        mask_stream masks;
        masks.next = 0;
        drop_elements(&masks, dropout, dz, rows * n);
    }
    for (size_t i = 0; i < rows; i++)
        for (size_t k = 0; k < n; k++) dbias[k] += dz[i * n + k];
}

// a * sigmoid(2u) with u = sqrt(2/pi) (a + 0.044715 a^3) is a/2 (1 + tanh u).
INLINE void gelu_lanes(const v16 *a, v16 *h, v16 *slope) {
    const float c = 1.5957691216057308f, cubic = 0.044715f;
    v16 x = *a, square = x * x;
    v16 e = -(c * x * (1.0f + cubic * square));
    exp_lanes(&e);
    v16 s = 1.0f / (1.0f + e);
    *h = x * s;
    if (slope) *slope = s + *h * (1.0f - s) * (c * (1.0f + 3.0f * cubic * square));
}

KERNEL void ck_bias_gelu_forward(float *a, const float *bias, float *h, size_t rows, size_t width) {
    size_t whole = width & ~(size_t)15;
    for (size_t i = 0; i < rows; i++) {
        float *row = a + i * width, *to = h + i * width;
        for (size_t k = 0; k < whole; k += LANES) {
            v16 x = LOAD(row + k) + LOAD(bias + k), y;
            gelu_lanes(&x, &y, NULL);
            STORE(row + k, x);
            STORE(to + k, y);
        }
        for (size_t k = whole; k < width; k++) {
            v16 x = (v16){} + (row[k] + bias[k]), y;
            gelu_lanes(&x, &y, NULL);
            row[k] = x[0];
            to[k] = y[0];
        }
    }
}

KERNEL void ck_bias_gelu_backward(const float *a, float *dh, float *h, float *dbias, size_t rows, size_t width) {
    size_t whole = width & ~(size_t)15;
    for (size_t i = 0; i < rows; i++) {
        const float *row = a + i * width;
        float *d = dh + i * width, *to = h + i * width;
        for (size_t k = 0; k < whole; k += LANES) {
            v16 x = LOAD(row + k), y, slope;
            gelu_lanes(&x, &y, &slope);
            v16 da = LOAD(d + k) * slope;
            STORE(to + k, y);
            STORE(d + k, da);
            STORE(dbias + k, LOAD(dbias + k) + da);
        }
        for (size_t k = whole; k < width; k++) {
            v16 x = (v16){} + row[k], y, slope;
            gelu_lanes(&x, &y, &slope);
            to[k] = y[0];
            d[k] *= slope[0];
            dbias[k] += d[k];
        }
    }
}

KERNEL void ck_bias_add(float *x, const float *bias, size_t rows, size_t width) {
    for (size_t i = 0; i < rows; i++)
        for (size_t k = 0; k < width; k++) x[i * width + k] += bias[k];
}

KERNEL void ck_column_sums(const float *dx, float *dbias, size_t rows, size_t width) {
    for (size_t i = 0; i < rows; i++)
        for (size_t k = 0; k < width; k++) dbias[k] += dx[i * width + k];
}

double ck_cross_entropy(float *logits, const int32_t *targets, const uint8_t *taught, size_t rows, size_t classes,
                        float smoothing, float scale, double *nats) {
    double objective = 0, likelihood = 0;
    float uniform = smoothing / (float)classes;
    for (size_t i = 0; i < rows; i++) {
        float *row = logits + i * classes;
        if (!taught[i]) {
            memset(row, 0, classes * sizeof(float));
            continue;
        }
        size_t target = (size_t)targets[i];
        float largest = row[0], sum = 0, total = 0, chosen = row[target];
        for (size_t k = 1; k < classes; k++) largest = row[k] > largest ? row[k] : largest;
        for (size_t k = 0; k < classes; k++) total += row[k];
        for (size_t k = 0; k < classes; k++) {
            row[k] = expf(row[k] - largest);
            sum += row[k];
        }
        double normaliser = (double)largest + log((double)sum);
        likelihood += normaliser - (double)chosen;
        objective += normaliser - (1.0 - (double)smoothing) * (double)chosen - (double)uniform * (double)total;
        float inverse = 1.0f / sum;
        for (size_t k = 0; k < classes; k++) row[k] = scale * (row[k] * inverse - uniform);
        row[target] -= scale * (1.0f - smoothing);
    }
    *nats += likelihood;
    return objective;
}
