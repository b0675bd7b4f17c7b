// Causal self-attention of one head. Scores are computed for eight queries and thirty-two keys at a time, and only for
// key blocks that hold no future of the whole group: about half of the square.
#include "CKernels.h"
#include "philox.h"
#include "vectors.h"
#include <math.h>

#define GROUP 8

static size_t padded16(size_t n) { return (n + 15) & ~(size_t)15; }

size_t ck_attention_weights(size_t tokens) { return padded16(tokens) * padded16(tokens); }

size_t ck_attention_scratch(size_t tokens, size_t head_dimension) {
    size_t t = padded16(tokens), d = padded16(head_dimension);
    return 7 * t * d + 2 * t * t;
}

// (rows, d) from columns of a matrix with row stride `stride`, padded with zeros to a multiple of 16 in both. With a
// bias, it is added in the matrix first.
INLINE void gather(float *to, float *from, const float *bias, size_t rows, size_t stride, size_t d, float factor) {
    size_t width = padded16(d), all = padded16(rows), whole = d & ~(size_t)(LANES - 1);
    for (size_t i = 0; i < rows; i++) {
        float *row = from + i * stride, *target = to + i * width;
        for (size_t k = 0; k < whole; k += LANES) {
            v16 x = LOAD(row + k);
            if (bias) {
                x += LOAD(bias + k);
                STORE(row + k, x);
            }
            STORE(target + k, x * factor);
        }
        for (size_t k = whole; k < d; k++) {
            if (bias) row[k] += bias[k];
            target[k] = row[k] * factor;
        }
        for (size_t k = d; k < width; k++) target[k] = 0;
    }
    for (size_t i = rows * width; i < all * width; i += LANES) STORE(to + i, (v16){});
}

INLINE void add_bias(float *x, const float *bias, size_t rows, size_t stride, size_t d) {
    size_t whole = d & ~(size_t)(LANES - 1);
    for (size_t i = 0; i < rows; i++) {
        float *row = x + i * stride;
        for (size_t k = 0; k < whole; k += LANES) STORE(row + k, LOAD(row + k) + LOAD(bias + k));
        for (size_t k = whole; k < d; k++) row[k] += bias[k];
    }
}

INLINE void gather_transposed(float *to, const float *from, size_t rows, size_t stride, size_t d) {
    size_t all = padded16(rows);
    for (size_t i = 0; i < all; i += LANES) {
        size_t end = i + LANES < rows ? i + LANES : rows;
        for (size_t k = 0; k < d; k++) {
            v16 column = {};
            if (end == i + LANES) {
                for (int lane = 0; lane < LANES; lane++) column[lane] = from[(i + (size_t)lane) * stride + k];
            } else {
                for (size_t j = i; j < end; j++) column[j - i] = from[j * stride + k];
            }
            STORE(to + k * all + i, column);
        }
    }
}

// out (GROUP, all) at columns 0..<16*blocks = left (GROUP, width) right (d, all)
INLINE void group_scores(float *out, const float *left, const float *right, size_t width, size_t d, size_t all,
                         size_t blocks) {
    size_t b = 0;
    for (; b + 2 <= blocks; b += 2) {
        v16 acc[GROUP][2] = {};
        for (size_t k = 0; k < d; k++) {
            v16 r0 = LOAD(right + k * all + b * LANES), r1 = LOAD(right + k * all + (b + 1) * LANES);
            for (int r = 0; r < GROUP; r++) {
                float q = left[(size_t)r * width + k];
                acc[r][0] += q * r0;
                acc[r][1] += q * r1;
            }
        }
        for (int r = 0; r < GROUP; r++) {
            STORE(out + (size_t)r * all + b * LANES, acc[r][0]);
            STORE(out + (size_t)r * all + (b + 1) * LANES, acc[r][1]);
        }
    }
    if (b < blocks) {
        v16 acc[GROUP] = {};
        for (size_t k = 0; k < d; k++) {
            v16 r0 = LOAD(right + k * all + b * LANES);
            for (int r = 0; r < GROUP; r++) acc[r] += left[(size_t)r * width + k] * r0;
        }
        for (int r = 0; r < GROUP; r++) STORE(out + (size_t)r * all + b * LANES, acc[r]);
    }
}

// acc (GROUP) = weights (GROUP, count; stride all) values (count, width) at columns c..<c+16
INLINE void group_sums(v16 acc[GROUP], const float *weights, const float *values, size_t width, size_t all,
                       size_t count, size_t c) {
    for (int r = 0; r < GROUP; r++) acc[r] = (v16){};
    for (size_t j = 0; j < count; j++) {
        v16 value = LOAD(values + j * width + c);
        for (int r = 0; r < GROUP; r++) acc[r] += weights[(size_t)r * all + j] * value;
    }
}

INLINE void store_columns(float *to, const v16 *value, size_t c, size_t d) {
    if (c + LANES <= d) {
        STORE(to + c, *value);
    } else {
        memcpy(to + c, value, (d - c) * sizeof(float));
    }
}

// Softmax of the first `row + 1` scores in place of them; columns up to 16 * blocks become 0. With dropout, the kept
// weights go to `used` scaled, and the sign bit of the stored weight says that it was dropped.
INLINE void softmax_row(float *scores, float *used, size_t row, size_t blocks, const ck_dropout *dropout,
                        mask_stream *masks) {
    const v16i lanes = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
    size_t last = blocks - 1;
    v16i future = (v16i)(lanes > (int32_t)(row - last * LANES));
    v16 tail = LOAD(scores + last * LANES);
    tail = (v16)(((v16i)tail & ~future) | ((v16i)((v16){} - 1e30f) & future));
    v16 top = tail;
    for (size_t b = 0; b < last; b++) top = __builtin_elementwise_max(top, LOAD(scores + b * LANES));
    float largest = max_lanes(&top);
    v16 total = {};
    for (size_t b = 0; b < blocks; b++) {
        v16 e = (b == last ? tail : LOAD(scores + b * LANES)) - largest;
        exp_lanes(&e);
        if (b == last) e = (v16)((v16i)e & ~future);
        total += e;
        STORE(scores + b * LANES, e);
    }
    float inverse = 1.0f / sum_lanes(&total);
    if (!dropout || dropout->threshold == 0) {
        for (size_t b = 0; b < blocks; b++) {
            v16 p = LOAD(scores + b * LANES) * inverse;
            STORE(scores + b * LANES, p);
            STORE(used + b * LANES, p);
        }
        return;
    }
    for (size_t b = 0; b < blocks; b++) {
        v16 p = LOAD(scores + b * LANES) * inverse;
        v16i drop;
        next_mask(masks, dropout, &drop);
        STORE(used + b * LANES, (v16)((v16i)(p * dropout->scale) & ~drop));
        STORE(scores + b * LANES, (v16)((v16i)p | (drop & (int32_t)0x80000000)));
    }
}

KERNEL void ck_attention_forward(float *qkv, const float *bias, float *out, float *weights, float *scratch,
                                 size_t tokens, size_t dimension, size_t head_dimension,
                                 const ck_dropout *dropout) {
    size_t d = head_dimension, width = padded16(d), all = padded16(tokens), stride = 3 * dimension;
    float *queries = scratch, *keys = queries + all * width, *values = keys + all * width;
    float *used = values + all * width;
    gather(queries, qkv, bias, tokens, stride, d, 1.0f / sqrtf((float)d));
    add_bias(qkv + dimension, bias + dimension, tokens, stride, d);
    gather_transposed(keys, qkv + dimension, tokens, stride, d);
    gather(values, qkv + 2 * dimension, bias + 2 * dimension, tokens, stride, d, 1.0f);
    mask_stream masks;
    masks.next = 0;
    for (size_t i = 0; i < tokens; i += GROUP) {
        size_t blocks = i / LANES + 1, rows = tokens - i < GROUP ? tokens - i : GROUP;
        float *scores = weights + i * all;
        group_scores(scores, queries + i * width, keys, width, d, all, blocks);
        for (size_t r = 0; r < rows; r++)
            softmax_row(scores + r * all, used + r * all, i + r, blocks, dropout, &masks);
        for (size_t r = rows; r < GROUP; r++)
            for (size_t b = 0; b < blocks; b++) STORE(used + r * all + b * LANES, (v16){});
        for (size_t c = 0; c < d; c += LANES) {
            v16 acc[GROUP];
            group_sums(acc, used, values, width, all, i + rows, c);
            for (size_t r = 0; r < rows; r++) store_columns(out + (i + r) * dimension, &acc[r], c, d);
        }
    }
}

KERNEL void ck_attention_backward(const float *qkv, const float *weights, const float *dout, float *dqkv,
                                  float *scratch, size_t tokens, size_t dimension, size_t head_dimension,
                                  const ck_dropout *dropout) {
    size_t d = head_dimension, width = padded16(d), all = padded16(tokens), stride = 3 * dimension;
    float factor = 1.0f / sqrtf((float)d);
    float keep = dropout && dropout->threshold ? dropout->scale : 1.0f;
    float *queries = scratch, *keys = queries + all * width, *values = keys + all * width;
    float *douts = values + all * width;
    float *dscores = douts + all * width, *used = dscores + all * all;
    // Without a bias, nothing is written.
    gather(queries, (float *)qkv, NULL, tokens, stride, d, factor);
    gather(keys, (float *)qkv + dimension, NULL, tokens, stride, d, 1.0f);
    gather_transposed(values, qkv + 2 * dimension, tokens, stride, d);
    gather(douts, (float *)dout, NULL, tokens, dimension, d, 1.0f);
    for (size_t i = 0; i < tokens; i += GROUP) {
        size_t blocks = i / LANES + 1, rows = tokens - i < GROUP ? tokens - i : GROUP;
        float *ds = dscores + i * all;
        group_scores(ds, douts + i * width, values, width, d, all, blocks);
        for (size_t r = 0; r < rows; r++) {
            const float *p = weights + (i + r) * all;
            float *row = ds + r * all, *kept = used + (i + r) * all;
            v16 total = {};
            for (size_t b = 0; b < blocks; b++) {
                v16i coded = (v16i)LOAD(p + b * LANES);
                v16i dropped = coded >> 31;
                v16 u = (v16)((v16i)(LOAD(p + b * LANES) * keep) & ~dropped);
                STORE(kept + b * LANES, u);
                total += u * LOAD(row + b * LANES);
            }
            float dot = sum_lanes(&total);
            for (size_t b = 0; b < blocks; b++) {
                v16i coded = (v16i)LOAD(p + b * LANES);
                v16 plain = (v16)(coded & 0x7FFFFFFF);
                STORE(row + b * LANES, LOAD(kept + b * LANES) * LOAD(row + b * LANES) - plain * dot);
            }
        }
        for (size_t r = rows; r < GROUP; r++) {
            for (size_t b = 0; b < blocks; b++) {
                STORE(ds + r * all + b * LANES, (v16){});
                STORE(used + (i + r) * all + b * LANES, (v16){});
            }
        }
        for (size_t c = 0; c < d; c += LANES) {
            v16 acc[GROUP];
            group_sums(acc, ds, keys, width, all, i + rows, c);
            for (size_t r = 0; r < rows; r++) {
                v16 dq = acc[r] * factor;
                store_columns(dqkv + (i + r) * stride, &dq, c, d);
            }
        }
    }
    for (size_t j = 0; j < tokens; j += GROUP) {
        size_t rows = tokens - j < GROUP ? tokens - j : GROUP;
        for (size_t c = 0; c < d; c += LANES) {
            v16 dk[GROUP] = {}, dv[GROUP] = {};
            // Query groups before this one have no weight on these keys; rows are padded to whole groups with zeros.
            for (size_t i = j; i < tokens; i++) {
                v16 q = LOAD(queries + i * width + c), o = LOAD(douts + i * width + c);
                for (int r = 0; r < GROUP; r++) {
                    dk[r] += dscores[i * all + j + (size_t)r] * q;
                    dv[r] += used[i * all + j + (size_t)r] * o;
                }
            }
            for (size_t r = 0; r < rows; r++) {
                store_columns(dqkv + (j + r) * stride + dimension, &dk[r], c, d);
                store_columns(dqkv + (j + r) * stride + 2 * dimension, &dv[r], c, d);
            }
        }
    }
}

KERNEL void ck_attention_query(const float *query, const float *keys, const float *values, size_t count,
                               size_t stride, size_t head_dimension, float *scores, float *out) {
    size_t d = head_dimension;
    float factor = 1.0f / sqrtf((float)d), largest = -1e30f;
    for (size_t j = 0; j < count; j++) {
        float dot = 0;
        for (size_t k = 0; k < d; k++) dot += query[k] * keys[j * stride + k];
        scores[j] = dot * factor;
        largest = scores[j] > largest ? scores[j] : largest;
    }
    float total = 0;
    for (size_t j = 0; j < count; j += LANES) {
        size_t n = count - j < LANES ? count - j : LANES;
        v16 e = (v16){} - 1e30f;
        memcpy(&e, scores + j, n * sizeof(float));
        e -= largest;
        exp_lanes(&e);
        memcpy(scores + j, &e, n * sizeof(float));
        for (size_t k = 0; k < n; k++) total += scores[j + k];
    }
    float inverse = 1.0f / total;
    for (size_t k = 0; k < d; k++) out[k] = 0;
    for (size_t j = 0; j < count; j++) {
        float p = scores[j] * inverse;
        for (size_t k = 0; k < d; k++) out[k] += p * values[j * stride + k];
    }
}
