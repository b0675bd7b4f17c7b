// Causal self-attention of one head. Scores are computed for eight queries and thirty-two keys at a time, and only for
// key blocks that hold no future of the whole group: about half of the square.
#include "CKernels.h"
#include "philox.h"
#include "vectors.h"
#include <math.h>

#define GROUP 8
// Queries whose gradients of scores are kept at a time.
#define STRIP 64

static size_t padded16(size_t n) { return (n + 15) & ~(size_t)15; }

size_t ck_attention_weights(size_t tokens) { return padded16(tokens) * padded16(tokens); }

// Six matrices (T, d) and two strips of the square: nothing here grows with the square of T.
size_t ck_attention_scratch(size_t tokens, size_t head_dimension) {
    size_t t = padded16(tokens), d = padded16(head_dimension);
    return 6 * t * d + 2 * (t < STRIP ? t : STRIP) * t;
}

// The first key that query `row` sees.
INLINE size_t lowest_key(const ck_attention_mask *mask, size_t row) {
    if (!mask) return 0;
    size_t low = mask->window && row + 1 > mask->window ? row + 1 - mask->window : 0;
    return low > mask->padded ? low : mask->padded;
}

// The first row of the first group of queries that are not all padding, or `tokens`.
INLINE size_t first_query_group(const ck_attention_mask *mask, size_t tokens) {
    size_t padded = mask ? mask->padded : 0;
    return padded < tokens ? padded / GROUP * GROUP : tokens;
}

// Masks are numbered by row and block of the whole triangle, so that what a dropout drops does not depend on a window.
// The rows of group g (8 rows) have g / 2 + 1 blocks each.
INLINE size_t first_mask(size_t row) {
    size_t group = row / GROUP, half = group / 2, blocks = half + 1;
    return GROUP * (half * blocks + (group & 1) * blocks) + row % GROUP * blocks;
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

// out (GROUP, all) at columns 16*first..<16*blocks = left (GROUP, width) right (d, all)
INLINE void group_scores(float *out, const float *left, const float *right, size_t width, size_t d, size_t all,
                         size_t first, size_t blocks) {
    size_t b = first;
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

// acc (GROUP) = weights (GROUP, first..<end; stride all) values (first..<end, width) at columns c..<c+16
INLINE void group_sums(v16 acc[GROUP], const float *weights, const float *values, size_t width, size_t all,
                       size_t first, size_t end, size_t c) {
    for (int r = 0; r < GROUP; r++) acc[r] = (v16){};
    for (size_t j = first; j < end; j++) {
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

// Lanes of block b in columns before `low`.
INLINE void lanes_before(v16i *hidden, size_t low, size_t b) {
    const v16i lanes = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
    *hidden = (v16i)(lanes < (int32_t)(low - b * LANES));
}

// Softmax goes step by step through all rows of a group, so that rows wait for their maxima and sums together.

// The largest of the scores of columns low...row; the other columns of blocks first..<blocks become -1e30.
INLINE float largest_score(float *scores, size_t low, size_t row, size_t first, size_t blocks) {
    const v16i lanes = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
    const v16i never = (v16i)((v16){} - 1e30f);
    size_t last = blocks - 1;
    for (size_t b = first; b * LANES < low; b++) {
        v16i hidden;
        lanes_before(&hidden, low, b);
        STORE(scores + b * LANES, (v16)(((v16i)LOAD(scores + b * LANES) & ~hidden) | (never & hidden)));
    }
    v16i future = (v16i)(lanes > (int32_t)(row - last * LANES));
    v16 top = (v16)(((v16i)LOAD(scores + last * LANES) & ~future) | (never & future));
    STORE(scores + last * LANES, top);
    for (size_t b = first; b < last; b++) top = __builtin_elementwise_max(top, LOAD(scores + b * LANES));
    return max_lanes(&top);
}

// Scores become their exponentials, 0 where they are -1e30; returns the sum.
INLINE float exponentials(float *scores, float largest, size_t first, size_t blocks) {
    v16 total = {};
    for (size_t b = first; b < blocks; b++) {
        v16 score = LOAD(scores + b * LANES), e = score - largest;
        exp_lanes(&e);
        e = (v16)((v16i)e & (v16i)(score > -1e29f));
        total += e;
        STORE(scores + b * LANES, e);
    }
    return sum_lanes(&total);
}

// Weights from exponentials. With dropout, the kept ones go to `used` scaled, and the sign bit of the stored weight
// says that it was dropped.
INLINE void normalise_weights(float *scores, float *used, float inverse, size_t first, size_t blocks,
                              const ck_dropout *dropout, mask_stream *masks) {
    if (!dropout || dropout->threshold == 0) {
        for (size_t b = first; b < blocks; b++) {
            v16 p = LOAD(scores + b * LANES) * inverse;
            STORE(scores + b * LANES, p);
            STORE(used + b * LANES, p);
        }
        return;
    }
    for (size_t b = first; b < blocks; b++) {
        v16 p = LOAD(scores + b * LANES) * inverse;
        v16i drop;
        next_mask(masks, dropout, &drop);
        STORE(used + b * LANES, (v16)((v16i)(p * dropout->scale) & ~drop));
        STORE(scores + b * LANES, (v16)((v16i)p | (drop & (int32_t)0x80000000)));
    }
}

INLINE void clear_row(float *row, size_t first, size_t blocks) {
    for (size_t b = first; b < blocks; b++) STORE(row + b * LANES, (v16){});
}

KERNEL void ck_attention_forward(float *qkv, const float *bias, float *out, float *weights, float *scratch,
                                 size_t tokens, size_t dimension, size_t head_dimension, const ck_dropout *dropout,
                                 const ck_attention_mask *mask) {
    size_t d = head_dimension, width = padded16(d), all = padded16(tokens), stride = 3 * dimension;
    size_t start = first_query_group(mask, tokens);
    float *queries = scratch, *keys = queries + all * width, *values = keys + all * width;
    float *used = values + all * width;
    gather(queries, qkv, bias, tokens, stride, d, 1.0f / sqrtf((float)d));
    add_bias(qkv + dimension, bias + dimension, tokens, stride, d);
    gather_transposed(keys, qkv + dimension, tokens, stride, d);
    gather(values, qkv + 2 * dimension, bias + 2 * dimension, tokens, stride, d, 1.0f);
    mask_stream masks;
    masks.next = 0;
    for (size_t i = 0; i < start; i++) memset(out + i * dimension, 0, d * sizeof(float));
    for (size_t i = start; i < tokens; i += GROUP) {
        size_t blocks = i / LANES + 1, rows = tokens - i < GROUP ? tokens - i : GROUP;
        size_t first = lowest_key(mask, i) / LANES;
        float *scores = weights + i * all;
        group_scores(scores, queries + i * width, keys, width, d, all, first, blocks);
        size_t unseeing = lowest_key(mask, i) > i ? lowest_key(mask, i) - i : 0;
        for (size_t r = 0; r < unseeing; r++) {
            clear_row(scores + r * all, first, blocks);
            clear_row(used + r * all, first, blocks);
        }
        float rest[GROUP];
        for (size_t r = unseeing; r < rows; r++)
            rest[r] = largest_score(scores + r * all, lowest_key(mask, i + r), i + r, first, blocks);
        for (size_t r = unseeing; r < rows; r++)
            rest[r] = 1.0f / exponentials(scores + r * all, rest[r], first, blocks);
        for (size_t r = unseeing; r < rows; r++) {
            if (mask && dropout && dropout->threshold)
                seek_mask(&masks, dropout, (uint32_t)(first_mask(i + r) + first));
            normalise_weights(scores + r * all, used + r * all, rest[r], first, blocks, dropout, &masks);
        }
        for (size_t r = rows; r < GROUP; r++) clear_row(used + r * all, first, blocks);
        for (size_t c = 0; c < d; c += LANES) {
            v16 acc[GROUP];
            group_sums(acc, used, values, width, all, first * LANES, i + rows, c);
            for (size_t r = 0; r < rows; r++) store_columns(out + (i + r) * dimension, &acc[r], c, d);
        }
    }
}

// From the gradient of the kept weights in `row`: the kept weights themselves, and the gradient of the scores.
INLINE void softmax_row_backward(const float *weights, float *row, float *kept, float keep, size_t first,
                                 size_t blocks) {
    v16 total = {};
    for (size_t b = first; b < blocks; b++) {
        v16i coded = (v16i)LOAD(weights + b * LANES);
        v16i dropped = coded >> 31;
        v16 u = (v16)((v16i)(LOAD(weights + b * LANES) * keep) & ~dropped);
        STORE(kept + b * LANES, u);
        total += u * LOAD(row + b * LANES);
    }
    float dot = sum_lanes(&total);
    for (size_t b = first; b < blocks; b++) {
        v16i coded = (v16i)LOAD(weights + b * LANES);
        v16 plain = (v16)(coded & 0x7FFFFFFF);
        STORE(row + b * LANES, LOAD(kept + b * LANES) * LOAD(row + b * LANES) - plain * dot);
    }
}

// dk and dv (T, width) at a group of keys from j on += what queries begin..<end ask of them; dscores and used hold the
// rows of the strip that begins at `strip`.
INLINE void strip_sums(float *dk, float *dv, const float *dscores, const float *used, const float *queries,
                       const float *douts, size_t width, size_t all, size_t strip, size_t begin, size_t end, size_t j,
                       size_t c) {
    v16 key[GROUP], value[GROUP];
    // No query before its own strip has a weight on a key.
    for (size_t r = 0; r < GROUP; r++) {
        key[r] = j < strip ? LOAD(dk + (j + r) * width + c) : (v16){};
        value[r] = j < strip ? LOAD(dv + (j + r) * width + c) : (v16){};
    }
    for (size_t i = begin; i < end; i++) {
        v16 q = LOAD(queries + i * width + c), o = LOAD(douts + i * width + c);
        const float *score = dscores + (i - strip) * all + j, *weight = used + (i - strip) * all + j;
        for (int r = 0; r < GROUP; r++) {
            key[r] += score[r] * q;
            value[r] += weight[r] * o;
        }
    }
    for (size_t r = 0; r < GROUP; r++) {
        STORE(dk + (j + r) * width + c, key[r]);
        STORE(dv + (j + r) * width + c, value[r]);
    }
}

KERNEL void ck_attention_backward(const float *qkv, const float *weights, const float *dout, float *dqkv,
                                  float *scratch, size_t tokens, size_t dimension, size_t head_dimension,
                                  const ck_dropout *dropout, const ck_attention_mask *mask) {
    size_t d = head_dimension, width = padded16(d), all = padded16(tokens), stride = 3 * dimension;
    size_t start = first_query_group(mask, tokens);
    float factor = 1.0f / sqrtf((float)d);
    float keep = dropout && dropout->threshold ? dropout->scale : 1.0f;
    float *queries = scratch, *keys = queries + all * width, *values = keys + all * width;
    float *douts = values + all * width, *dk = douts + all * width, *dv = dk + all * width;
    float *dscores = dv + all * width, *used = dscores + (all < STRIP ? all : STRIP) * all;
    // Without a bias, nothing is written.
    gather(queries, (float *)qkv, NULL, tokens, stride, d, factor);
    gather(keys, (float *)qkv + dimension, NULL, tokens, stride, d, 1.0f);
    gather_transposed(values, qkv + 2 * dimension, tokens, stride, d);
    gather(douts, (float *)dout, NULL, tokens, dimension, d, 1.0f);
    memset(dk, 0, start * width * sizeof(float));
    memset(dv, 0, start * width * sizeof(float));
    for (size_t i = 0; i < start; i++) memset(dqkv + i * stride, 0, d * sizeof(float));
    for (size_t strip = start; strip < tokens; strip += STRIP) {
        size_t end = strip + STRIP < tokens ? strip + STRIP : tokens, seen = lowest_key(mask, strip) / LANES;
        for (size_t i = strip; i < end; i += GROUP) {
            size_t blocks = i / LANES + 1, rows = end - i < GROUP ? end - i : GROUP;
            size_t first = lowest_key(mask, i) / LANES;
            float *ds = dscores + (i - strip) * all, *kept = used + (i - strip) * all;
            group_scores(ds, douts + i * width, values, width, d, all, first, blocks);
            for (size_t r = 0; r < rows; r++) {
                softmax_row_backward(weights + (i + r) * all, ds + r * all, kept + r * all, keep, first, blocks);
                clear_row(ds + r * all, seen, first);
                clear_row(kept + r * all, seen, first);
            }
            for (size_t r = rows; r < GROUP; r++) clear_row(ds + r * all, first, blocks);
            for (size_t c = 0; c < d; c += LANES) {
                v16 acc[GROUP];
                group_sums(acc, ds, keys, width, all, first * LANES, i + rows, c);
                for (size_t r = 0; r < rows; r++) {
                    v16 dq = acc[r] * factor;
                    store_columns(dqkv + (i + r) * stride, &dq, c, d);
                }
            }
        }
        // Queries before a group of keys have no weight on them.
        for (size_t j = seen * LANES; j < end; j += GROUP)
            for (size_t c = 0; c < d; c += LANES)
                strip_sums(dk, dv, dscores, used, queries, douts, width, all, strip, j > strip ? j : strip, end, j, c);
    }
    for (size_t j = 0; j < tokens; j++) {
        for (size_t c = 0; c < d; c += LANES) {
            v16 key = LOAD(dk + j * width + c), value = LOAD(dv + j * width + c);
            store_columns(dqkv + j * stride + dimension, &key, c, d);
            store_columns(dqkv + j * stride + 2 * dimension, &value, c, d);
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
