// Philox4x32-10 (Salmon et al. 2011), sixteen counters at a time, and the dropout masks that are made of it.
#pragma once
#include "CKernels.h"
#include "vectors.h"

// Words of the counters (block * 16 + 0...15, site, sequence, step). words[0..3] hold the first eight counters'
// four words pairwise interleaved (x0 | x1 << 32, x2 | x3 << 32), words[2..3] those of the other eight.
INLINE void philox_block(v16w words[4], const ck_dropout *dropout, uint32_t block) {
    const v8q low = (v8q){} + 0xFFFFFFFFull;
    v8q x0[2], x1[2], x2[2], x3[2];
    const v8q lanes = {0, 1, 2, 3, 4, 5, 6, 7};
    for (int s = 0; s < 2; s++) {
        x0[s] = lanes + (uint64_t)(block * 16u + 8u * (uint32_t)s);
        x1[s] = (v8q){} + dropout->site;
        x2[s] = (v8q){} + dropout->sequence;
        x3[s] = (v8q){} + dropout->step;
    }
    uint32_t k0 = dropout->key0, k1 = dropout->key1;
    // The upper halves of the lanes collect rubbish that no multiplication looks at.
    for (int round = 0; round < 10; round++) {
        for (int s = 0; s < 2; s++) {
            v8q first = (x0[s] & low) * 0xD2511F53ull;
            v8q second = (x2[s] & low) * 0xCD9E8D57ull;
            x0[s] = (second >> 32) ^ x1[s] ^ (uint64_t)k0;
            x1[s] = second;
            x2[s] = (first >> 32) ^ x3[s] ^ (uint64_t)k1;
            x3[s] = first;
        }
        k0 += 0x9E3779B9u;
        k1 += 0xBB67AE85u;
    }
    for (int s = 0; s < 2; s++) {
        words[2 * s] = (v16w)((x0[s] & low) | (x1[s] << 32));
        words[2 * s + 1] = (v16w)((x2[s] & low) | (x3[s] << 32));
    }
}

// Masks one after the other: 16 decisions of 16 random bits each.
typedef struct {
    v16w words[4];
    uint32_t next;
} mask_stream;

// `drop`: lanes of all ones where an element is dropped.
INLINE void next_mask(mask_stream *stream, const ck_dropout *dropout, v16i *drop) {
    uint32_t within = stream->next & 7;
    if (within == 0) philox_block(stream->words, dropout, stream->next >> 3);
    stream->next++;
    v16w word = stream->words[within >> 1];
    v16w bits = (within & 1) ? word >> 16 : word & 0xFFFFu;
    *drop = (v16i)(bits < dropout->threshold);
}

// The next mask is number n of the stream.
INLINE void seek_mask(mask_stream *stream, const ck_dropout *dropout, uint32_t n) {
    stream->next = n;
    if (n & 7) philox_block(stream->words, dropout, n >> 3);
}

// x (count) is multiplied by the stream's next masks: 0 or the dropout's scale.
INLINE void drop_elements(mask_stream *masks, const ck_dropout *dropout, float *x, size_t count) {
    for (size_t i = 0; i < count; i += LANES) {
        v16i drop;
        next_mask(masks, dropout, &drop);
        if (i + LANES <= count) {
            STORE(x + i, (v16)((v16i)(LOAD(x + i) * dropout->scale) & ~drop));
        } else {
            for (size_t k = i; k < count; k++) x[k] = drop[k - i] ? 0 : x[k] * dropout->scale;
        }
    }
}
